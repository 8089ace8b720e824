"""One message of a conversation, with its route, usage and cost."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from routing.conversation import Role, Usage
from routing.cost import Bill
from routing.decide import Decision

SHORT_ID = 8  # characters

State = Literal["sent", "streaming", "done", "stopped", "cut", "failed"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        id: unique, and later messages have greater ones.
        parent: the message that it follows; None for the first. Messages of one parent are the
            branches.
        created: the moment, as ISO 8601 in UTC.
        state: "sent" for what the user and the system say; a reply is "streaming" and then
            "done", "stopped" by the user, "cut" by an accident, or "failed" before a word.
        model: the model that answers, where one does.
        decision, usage, bill: as the engine gave them.
        error: what went wrong, for a reply that is cut or failed.
        origin: the session that paid for this message, where it was copied by a fork.
    """

    id: str
    parent: str | None
    role: Role
    text: str
    created: str
    state: State = "sent"
    model: str | None = None
    decision: Decision | None = None
    usage: Usage | None = None
    bill: Bill | None = None
    error: str | None = None
    origin: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """The moment as ISO 8601 in UTC, so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def short(full_id: str) -> str:
    """The end of an id, which tells it apart as well as the whole, among what one user has."""
    return full_id[-SHORT_ID:]


def new_id(moment: datetime) -> str:
    """A name for a session or message that sorts by time: "20260131T235959123456-7f3a09c2"."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def storable(message: Message) -> Message:
    """The message as it will be read back: lone surrogates become U+FFFD, all else is kept.

    Raises:
        ValueError: a field holds what no file can give back, such as NaN or an unknown state.
    """
    try:
        content = _encoder.encode(message)
    except UnicodeEncodeError:
        content = _encoder.encode(_without_surrogates(msgspec.to_builtins(message)))
    try:
        return _decoder.decode(content)
    except msgspec.ValidationError as error:
        raise ValueError(f"the message cannot be stored: {error}") from error


def clean(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _without_surrogates(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
