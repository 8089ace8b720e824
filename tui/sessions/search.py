"""Words are looked for in every message of every session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import msgspec

from tui.errors import StoreError
from tui.sessions import schema
from tui.sessions.conversation import Conversation
from tui.sessions.message import clean
from tui.sessions.schema import DamagedError

SNIPPET_BEFORE = 30
SNIPPET_WIDTH = 90


@dataclass(frozen=True, slots=True)
class Hit:
    """One message, or one title, that holds every word.

    Attributes:
        message: the message's id; None where the title holds them.
        snippet: the place of the first match on one line, free of control characters.
        matches: where the words stand in `snippet`, as (start, end).
    """

    session: str
    title: str
    message: str | None
    snippet: str
    matches: tuple[tuple[int, int], ...]


def search(files: Iterable[Path], query: str, stop: Callable[[], bool]) -> Iterator[Hit]:
    """The titles and messages that hold every word of the query, whatever their case.

    A file is parsed only if its raw text holds every word. Files that cannot be read are passed
    over; the list of sessions names them. `stop` is asked before each file; True ends the search.
    """
    words = [word.casefold() for word in clean(query).split()]
    raw_words = [msgspec.json.encode(word)[1:-1].decode().casefold() for word in words]
    for file in files if words else ():
        if stop():
            return
        content = _content(file)
        folded = content.decode(errors="replace").casefold()
        if all(word in folded for word in raw_words):
            yield from _hits(content, words)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # deleted meanwhile, or unreadable
        return b""


def _hits(content: bytes, words: Sequence[str]) -> Iterator[Hit]:
    try:
        conversation = schema.conversation(content)
    except (DamagedError, StoreError):
        return
    if hit := _hit(conversation, None, conversation.title, words):
        yield hit
    for message in conversation.messages.values():
        if hit := _hit(conversation, message.id, message.text, words):
            yield hit


def _hit(
    conversation: Conversation, message: str | None, text: str, words: Sequence[str]
) -> Hit | None:
    folded = text.casefold()
    if not all(word in folded for word in words):
        return None
    spans = _spans(text, folded, words)
    start = max(0, spans[0][0] - SNIPPET_BEFORE)
    snippet = text[start : start + SNIPPET_WIDTH]
    return Hit(
        session=conversation.id,
        title=conversation.title,
        message=message,
        snippet="".join(c if c.isprintable() else " " for c in snippet),
        matches=tuple(
            (begin - start, min(end - start, len(snippet)))
            for begin, end in spans
            if begin - start < len(snippet)
        ),
    )


def _spans(text: str, folded: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the words stand in the text, in order, without overlaps."""
    # folding makes some characters longer ("ß" -> "ss"): places[n] is where folded[n] comes from
    if len(folded) == len(text) and text.isascii():
        places: Sequence[int] = range(len(text) + 1)
    else:
        lengths = (len(c.casefold()) for c in text)
        places = [n for n, length in enumerate(lengths) for _ in range(length)] + [len(text)]
    found = sorted(
        (places[at], places[at + len(word) - 1] + 1)
        for word in words
        for at in _occurrences(folded, word)
    )
    ends = accumulate((end for _, end in found), max, initial=0)
    return [span for span, before in zip(found, ends, strict=False) if span[0] >= before]


def _occurrences(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))
