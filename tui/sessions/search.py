"""Full-text search over every message of every session."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
class Word:
    """One word to look for, whatever its case.

    Attributes:
        pattern: finds it in a text.
        raw: the same in the JSON of a file, where quotes and backslashes are escaped.
    """

    pattern: re.Pattern[str]
    raw: re.Pattern[str]
    ascii_bytes: bytes | None

    @classmethod
    def of(cls, word: str) -> Word:
        """The word as it is looked for."""
        # without re.ASCII "k" would also match the Kelvin sign, which the fast way below misses
        flags = re.IGNORECASE | (re.ASCII if word.isascii() else re.UNICODE)
        raw = msgspec.json.encode(word)[1:-1].decode()
        return cls(
            pattern=re.compile(re.escape(word), flags),
            raw=re.compile(re.escape(raw), flags),
            ascii_bytes=raw.lower().encode() if word.isascii() else None,
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One message, or one title, that holds every word.

    Attributes:
        message: the message's id; None where the title holds them.
        snippet: the place of the first match on one line, free of control characters; … where the
            text goes on.
        matches: spans of the words in `snippet`, as (start, end).
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
    words = [Word.of(word) for word in clean(query).split()]
    for file in files if words else ():
        if stop():
            return
        content = _content(file)
        if _may_hold(content, words):
            yield from _hits(content, words)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # deleted meanwhile, or unreadable
        return b""


def _may_hold(content: bytes, words: Iterable[Word]) -> bool:
    """Whether every word stands somewhere in a file's raw content."""
    lowered = content.lower()  # of ASCII letters only: ten times as fast as decoding
    others = [word for word in words if word.ascii_bytes is None]
    if any(word.ascii_bytes is not None and word.ascii_bytes not in lowered for word in words):
        return False
    text = content.decode(errors="replace") if others else ""
    return all(word.raw.search(text) for word in others)


def _hits(content: bytes, words: Sequence[Word]) -> Iterator[Hit]:
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
    conversation: Conversation, message: str | None, text: str, words: Sequence[Word]
) -> Hit | None:
    firsts = [word.pattern.search(text) for word in words]
    starts = [first.start() for first in firsts if first]
    if len(starts) < len(words):
        return None
    start = max(0, min(starts) - SNIPPET_BEFORE)
    end = start + SNIPPET_WIDTH
    snippet = f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"
    if not snippet.isprintable():
        snippet = "".join(c if c.isprintable() else " " for c in snippet)
    return Hit(conversation.id, conversation.title, message, snippet, _spans(snippet, words))


def _spans(text: str, words: Iterable[Word]) -> tuple[tuple[int, int], ...]:
    """The spans of the words in the text, in order; overlapping ones are merged."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(
        found.span() for word in words for found in word.pattern.finditer(text)
    ):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(spans)
