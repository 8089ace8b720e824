"""Model servers on this machine: those that answer within 300 ms, and their models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import NamedTuple

SECONDS = 0.3
MAX_BYTES = 1 << 20

# The port each listens on unless it is told otherwise, and its prefix in a model's name.
PORTS: Mapping[int, tuple[str, str]] = {
    11434: ("Ollama", "ollama"),
    1234: ("LM Studio", "lm_studio"),
    8080: ("llama.cpp", "llamafile"),
    8000: ("vLLM", "hosted_vllm"),
}


class LocalServer(NamedTuple):
    """A server that answered; `models` as litellm writes them, "provider/model"."""

    name: str
    port: int
    models: tuple[str, ...] = ()


async def find_servers(
    ports: Mapping[int, tuple[str, str]] = PORTS, *, seconds: float = SECONDS
) -> list[LocalServer]:
    """The servers on loopback that list their models in time, in the order of `ports`."""
    found = await asyncio.gather(
        *(_ask(port, name, prefix, seconds) for port, (name, prefix) in ports.items())
    )
    return [server for server in found if server]


async def _ask(port: int, name: str, prefix: str, seconds: float) -> LocalServer | None:
    try:
        async with asyncio.timeout(seconds):
            body = await _get(port)
        listed = json.loads(body.partition(b"\r\n\r\n")[2])["data"]
        return LocalServer(name, port, tuple(f"{prefix}/{model['id']}" for model in listed))
    except (OSError, TimeoutError, ValueError, KeyError, TypeError):  # another program's port
        return None


async def _get(port: int) -> bytes:
    """The answer to GET /v1/models, which all of them serve."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /v1/models HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < MAX_BYTES and (piece := await reader.read(65536)):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        writer.close()
