"""The engine behind a pipe."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from routing.engine import Engine
from routing.events import EngineOptions, Notice
from routing.server import Server
from routing.wire import NO_CALL, decode_answer


async def test_what_the_router_logs_is_told_over_the_pipe(tmp_path: Path):
    output = io.BytesIO()

    async def calls() -> AsyncIterator[bytes]:
        await asyncio.to_thread(logging.getLogger("routing.index").warning, "built %s", "anew")
        await asyncio.sleep(0)
        for line in ():
            yield line

    await Server(Engine(EngineOptions(str(tmp_path), router="chance")), output).serve(calls())
    assert decode_answer(output.getvalue()) == (NO_CALL, Notice("built anew"))
