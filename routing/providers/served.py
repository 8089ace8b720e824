"""The models that a user's own server lists, for when it does not know the wanted one."""

from __future__ import annotations

import asyncio
import difflib

import msgspec

from routing.errors import NoModelError
from routing.models import listing_of, provider_of
from routing.providers.failures import Asked, printable

SECONDS = 2.0
MOST_BYTES = 2**20
MOST_NAMED = 5


class _Served(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Served]


async def with_near_names(error: NoModelError, asked: Asked) -> NoModelError:
    """The error, its hint led by the likeliest of the models that the server lists."""
    names = [printable(name, asked) for name in await _served_names(asked)]
    if not names:
        return error
    provider = provider_of(asked.model)
    prefix = f"{provider}/" if asked.model.name.startswith(f"{provider}/") else ""
    wanted = asked.model.name.removeprefix(prefix)
    if wanted in names:  # listed by the server although it does not serve it
        return error
    near = difflib.get_close_matches(wanted, names, n=3)
    if near:
        told = f"Did you mean {' or '.join(prefix + name for name in near)}?"
    else:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        told = f"It serves: {', '.join(prefix + name for name in names[:MOST_NAMED])}{more}."
    return NoModelError(str(error), hint=f"{told} {error.hint}", detail=error.detail)


async def _served_names(asked: Asked) -> list[str]:
    """What the server lists; nothing where it is a provider's, or lists nothing in time."""
    url = listing_of(asked.model)
    if url is None:
        return []
    import httpx

    headers = {"Authorization": f"Bearer {asked.key}"} if asked.key else {}
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient() as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            content = b""
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    return []
        return [served.id for served in msgspec.json.decode(content, type=_Listing).data]
    except (
        TimeoutError,
        httpx.HTTPError,
        httpx.InvalidURL,
        msgspec.MsgspecError,
        UnicodeDecodeError,
    ):
        return []
