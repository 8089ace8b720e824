"""Markdown as lines for speech: words without marks, code and tables by their rows."""

from __future__ import annotations

from collections.abc import Iterator

from tui.markdown.document import Document
from tui.markdown.leaves import QUOTE_BAR, Code, Leaf, Table, Text

NEXT_ITEM = 2  # an item is said when the next one begins


class Speech:
    """A reply that streams, as lines that are said once: a piece of it as soon as it is whole."""

    def __init__(self) -> None:
        self._document = Document(split_items=NEXT_ITEM)
        self._told = 0  # settled pieces that were said
        self._code: Code | None = None  # that is under way
        self._rows = 0  # of it that were said

    def add(self, text: str) -> list[str]:
        """What can be said now that this has come too."""
        self._document.append(text)
        return [line for line in (*self._settled(), *self._open_rows()) if line.strip()]

    def end(self) -> list[str]:
        """The rest of a reply that has ended."""
        rest = [line for leaf in self._document.growing for line in self._lines(leaf)]
        return [line for line in (*self._settled(), *rest) if line.strip()]

    def _settled(self) -> Iterator[str]:
        for leaf in self._document.settled[self._told :]:
            self._told += 1
            yield from self._lines(leaf)

    def _open_rows(self) -> Iterator[str]:
        """The rows of code whose end has not come."""
        fence = self._document.fence
        if fence is None:
            return
        if fence.code is not self._code:
            self._code, self._rows = fence.code, 0
            yield _code_begins(fence.code)
        new = fence.whole_rows[self._rows :]
        self._rows += len(new)
        yield from new

    def _lines(self, leaf: Leaf) -> Iterator[str]:
        match leaf:
            case Text(content, first):
                yield _words(first, content.plain)
            case Table():
                yield from _table(leaf)
            case Code(rows):
                said = self._rows if leaf is self._code else 0
                if leaf is not self._code:
                    yield _code_begins(leaf)
                yield from rows[said:]
                yield "End of code."


def spoken(markdown: str) -> list[str]:
    """A whole text as lines to be said."""
    speech = Speech()
    return speech.add(markdown) + speech.end()


def _code_begins(code: Code) -> str:
    return f"Code, {code.language}:" if code.language else "Code:"


def _words(first: str, text: str) -> str:
    """A text after what stands before its first row: quote bars, a bullet or a number."""
    words = f"{first.replace(QUOTE_BAR, '')}{text}".strip()
    return f"Quote: {words}" if QUOTE_BAR in first and words else words


def _table(table: Table) -> Iterator[str]:
    """Every cell after the head of its column."""
    heads, *rows = ([cell.plain for cell in row] for row in table.rows)
    if table.after is None:
        yield f"Table: {', '.join(heads)}."
    for row in rows:
        cells = zip(heads, row, strict=True)
        yield "; ".join(f"{head}: {cell}" if head else cell for head, cell in cells)
