"""Full-text search over every message of every session."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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
class Query:
    """Every word has to stand in a text; where they stand together is what is meant."""

    words: tuple[Word, ...]
    phrase: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Query:
        """What was typed, as it is looked for."""
        words = tuple(map(Word.of, text.split()))
        together = r"\s+".join(word.pattern.pattern for word in words)
        return cls(words, re.compile(together, re.IGNORECASE))

    def first(self, text: str) -> int | None:
        """Where the words stand together, or else the first of them; None where one is missing."""
        starts = [found.start() for word in self.words if (found := word.pattern.search(text))]
        if len(starts) < len(self.words):
            return None
        together = self.phrase.search(text)
        return together.start() if together else min(starts)

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Where the words stand together in the text, or else each of them."""
        together = tuple(found.span() for found in self.phrase.finditer(text))
        return together or _spans(text, self.words)


@dataclass(frozen=True, slots=True)
class Hit:
    """One message, or one title, that holds every word.

    Attributes:
        message: the message's id; None where the title holds them.
        snippet: the place of the first match on one line, free of control characters; … where the
            text goes on.
        matches: spans in `snippet` of the words together, else of each, as (start, end).
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
    wanted = Query.of(clean(query))
    for file in files if wanted.words else ():
        if stop():
            return
        content = _content(file)
        if _may_hold(content, wanted.words):
            yield from _hits(content, wanted)


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


def _hits(content: bytes, query: Query) -> Iterator[Hit]:
    try:
        conversation = schema.conversation(content)
    except (DamagedError, StoreError):
        return
    if hit := _hit(conversation, None, conversation.title, query):
        yield hit
    for message in conversation.messages.values():
        if hit := _hit(conversation, message.id, message.text, query):
            yield hit


def _hit(conversation: Conversation, message: str | None, text: str, query: Query) -> Hit | None:
    first = query.first(text)
    if first is None:
        return None
    start = max(0, first - SNIPPET_BEFORE)
    end = start + SNIPPET_WIDTH
    snippet = f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"
    if not snippet.isprintable():
        snippet = "".join(c if c.isprintable() else " " for c in snippet)
    return Hit(conversation.id, conversation.title, message, snippet, query.spans(snippet))


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
