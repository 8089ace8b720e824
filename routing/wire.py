"""Calls and answers of the engine's child process as JSON lines.

A call is `{"id", "verb", "body"}`; each answer carries the call's id, the kind of its body and the
body. A turn is answered by its events and a closing `Done`; every other verb by one answer; each
by `Failure` where it went wrong. A `Notice` answers no call: its id is 0.
"""

from __future__ import annotations

from typing import Any

import msgspec

from routing import errors
from routing.conversation import Delta, Thinking
from routing.decide import Decision
from routing.errors import RateLimitError, RoutingError
from routing.events import Decided, Finished, Metered, Notice, Readiness
from routing.models import Pool

NO_CALL = 0
MAX_LINE_BYTES = 64 * 2**20


class Call(msgspec.Struct, frozen=True):
    """What the terminal asks: `body` is the verb's argument, still encoded."""

    id: int
    verb: str
    body: msgspec.Raw


class Answer(msgspec.Struct, frozen=True):
    """What the engine answers: `body` is of the type that `kind` names, still encoded."""

    id: int
    kind: str
    body: msgspec.Raw


class WantedShare(msgspec.Struct, frozen=True):
    """Which threshold is asked for."""

    pool: Pool
    share: float


class Done(msgspec.Struct, frozen=True):
    """The call is answered and has no more to say."""


class Number(msgspec.Struct, frozen=True):
    """A number as an answer."""

    value: float


class Outdone(msgspec.Struct, frozen=True):
    """Which models are not worth their price, and of each a cheaper one that is no worse."""

    by: dict[str, str]


class Failure(msgspec.Struct, frozen=True):
    """A `RoutingError` on its way to the terminal process."""

    error: str
    message: str
    hint: str = ""
    detail: str = ""
    retry_after: float | None = None


ANSWERS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Decided,
        Thinking,
        Delta,
        Metered,
        Finished,
        Readiness,
        Notice,
        Decision,
        Done,
        Number,
        Outdone,
        Failure,
    )
}

_encoder = msgspec.json.Encoder()


def encode_call(call_id: int, verb: str, body: object) -> bytes:
    """The line that asks the engine for `verb`."""
    return _encoder.encode(Call(call_id, verb, msgspec.Raw(_encoder.encode(body)))) + b"\n"


def encode_answer(call_id: int, body: object) -> bytes:
    """The line that answers a call with `body`, one of the types in `ANSWERS`."""
    raw = msgspec.Raw(_encoder.encode(body))
    return _encoder.encode(Answer(call_id, type(body).__name__, raw)) + b"\n"


def decode_answer(line: bytes) -> tuple[int, Any]:
    """The call's id and the body of its answer, as the type that it was sent as.

    Raises:
        msgspec.MsgspecError: the line is not an answer.
    """
    answer = msgspec.json.decode(line, type=Answer)
    return answer.id, msgspec.json.decode(answer.body, type=ANSWERS[answer.kind])


def as_failure(error: RoutingError) -> Failure:
    """The error in a form that can be sent."""
    return Failure(
        error=type(error).__name__,
        message=str(error),
        hint=error.hint,
        detail=error.detail,
        retry_after=error.retry_after if isinstance(error, RateLimitError) else None,
    )


def as_error(failure: Failure) -> RoutingError:
    """The error that was sent, of its own class again."""
    kind: type[RoutingError] = getattr(errors, failure.error, RoutingError)
    if issubclass(kind, RateLimitError):
        return kind(
            failure.message,
            hint=failure.hint,
            detail=failure.detail,
            retry_after=failure.retry_after,
        )
    return kind(failure.message, hint=failure.hint, detail=failure.detail)
