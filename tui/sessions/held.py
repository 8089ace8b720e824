"""What the providers still have of a conversation in their prompt caches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from routing.cache import KEPT_SECONDS, Held
from tui.sessions.message import Message


def held_of(path: Sequence[Message], now: datetime) -> tuple[Held, ...]:
    """By the replies on the path, the model that answered last at the end.

    Nothing where the last model's provider reported no cache, or was last asked too long ago.
    """
    latest: dict[str, Held | None] = {}
    for said in path:
        if said.role == "assistant" and said.model and said.usage:
            latest.pop(said.model, None)  # so that the order is that of the last replies
            latest[said.model] = _held(said, now)
    held = list(latest.values())
    if not held or held[-1] is None:
        return ()
    return tuple(known for known in held if known)


def _held(reply: Message, now: datetime) -> Held | None:
    usage = reply.usage
    assert usage is not None
    age = (now - datetime.fromisoformat(reply.created)).total_seconds()
    if not (usage.cached_tokens or usage.written_tokens) or age > KEPT_SECONDS:
        return None
    return Held(
        reply.model or "", usage.prompt_tokens, usage.completion_tokens, usage.written_tokens > 0
    )
