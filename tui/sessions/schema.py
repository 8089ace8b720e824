"""What a session's file holds, and how files of earlier versions are brought up to date.

A file is a TinyDB of two tables: `session` with one row, the header, and `messages` with the rows
1 to n in the order in which they were added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tui.errors import StoreError
from tui.sessions.conversation import Conversation
from tui.sessions.message import Message

Tables = dict[str, dict[str, Any]]
Migrations = Mapping[int, Callable[[Tables], Tables]]

HEADER, MESSAGES = "session", "messages"

# MIGRATIONS[n] turns the tables of version n into those of version n + 1. Every version that was
# ever released has a stored file in tests/tui/fixtures that must still open.
MIGRATIONS: Migrations = {}


def newest(migrations: Migrations) -> int:
    """The version that these migrations lead to."""
    return 1 + len(migrations)


SCHEMA_VERSION = newest(MIGRATIONS)


class DamagedError(ValueError):
    """The content is no session: cut off, garbled, or rows that contradict each other."""


@dataclass(frozen=True, slots=True)
class Header:
    """The one row of the table `session`."""

    schema_version: int
    id: str
    title: str
    created: str
    updated: str
    head: str | None = None
    forked_from: str | None = None
    pin: str | None = None
    instructions: str = ""


class _Versioned(msgspec.Struct):
    schema_version: int


class _Peek(msgspec.Struct):
    session: dict[str, _Versioned]


class _File(msgspec.Struct):
    session: dict[str, Header]
    messages: dict[str, Message]


def header(conversation: Conversation) -> dict[str, Any]:
    """The conversation's row in the table `session`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": conversation.id,
        "title": conversation.title,
        "created": conversation.created,
        "updated": conversation.updated,
        "head": conversation.head,
        "forked_from": conversation.forked_from,
        "pin": conversation.pin,
        "instructions": conversation.instructions,
    }


def tables(content: bytes, migrations: Migrations = MIGRATIONS) -> Tables:
    """The tables of a session's file, brought up to date.

    Raises:
        DamagedError: it is no session.
        StoreError: a newer version of the program wrote it.
    """
    try:
        version = msgspec.json.decode(content, type=_Peek).session["1"].schema_version
        raw: Tables = msgspec.json.decode(content, type=dict[str, dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
        raise DamagedError(str(error)) from error
    if version > newest(migrations):
        raise StoreError(
            f"It was written by a newer version of llmroute (format {version}, "
            f"this one knows up to {newest(migrations)}); it was left untouched.",
            hint="Update llmroute to open it.",
        )
    for earlier in range(version, newest(migrations)):
        try:
            raw = migrations[earlier](raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedError(f"format {earlier} is not as expected: {error!r}") from error
        raw[HEADER]["1"]["schema_version"] = earlier + 1
    return raw


def conversation(content: bytes) -> Conversation:
    """The conversation that a session's file holds.

    Raises:
        DamagedError: it is no session.
        StoreError: a newer version of the program wrote it.
    """
    try:
        file = msgspec.json.decode(content, type=_File)
        current = file.session["1"].schema_version == SCHEMA_VERSION
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        current = False  # of another version, or damaged: the slow way says which
    if not current:
        file = _convert(tables(content))
    return _checked(file)


def _convert(raw: Tables) -> _File:
    try:
        return msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        raise DamagedError(str(error)) from error


def _checked(file: _File) -> Conversation:
    """The file's conversation, once its rows are known to fit together."""
    if list(file.messages) != [str(number + 1) for number in range(len(file.messages))]:
        raise DamagedError("the messages are not numbered from 1 on")
    top = file.session["1"]
    messages: dict[str, Message] = {}
    for message in file.messages.values():
        if message.id in messages or not (message.parent is None or message.parent in messages):
            raise DamagedError(f"message {message.id} stands twice or before its parent")
        messages[message.id] = message
    if top.head is not None and top.head not in messages:
        raise DamagedError(f"the head {top.head} is not among the messages")
    return Conversation(
        id=top.id,
        title=top.title,
        created=top.created,
        updated=top.updated,
        head=top.head,
        forked_from=top.forked_from,
        pin=top.pin,
        instructions=top.instructions,
        messages=messages,
    )
