"""The pieces of a Markdown text, each standing on lines of its own.

Leaves know their height without being painted, so syntax colours and table cells cost nothing out
of sight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rich.cells import cell_len
from textual.content import Content

from tui.widgets.tones import FAINT, MUTED

QUOTE_BAR = "▌"  # before each row of a quote
SLAB_ROWS = 50  # code is coloured this many rows at a time, so that a long fence never stalls


class Line(NamedTuple):
    """One line on the screen.

    Attributes:
        leaf: who paints it, given `part`.
        joint: what stands between the line before and this one when copied: a newline, " " or "".
        margin: leading characters that are not text, left out when copied.
        code: painted on the background of code.
    """

    leaf: Leaf
    part: object
    joint: str = "\n"
    margin: int = 0
    code: bool = False

    @property
    def content(self) -> Content:
        """What the line shows."""
        return self.leaf.paint(self.part)


class Leaf(Protocol):
    """A piece of a document that stands on lines of its own."""

    def lines(self, width: int) -> list[Line]:
        """The leaf's lines at that width, in cells."""

    def paint(self, part: object) -> Content:
        """What the line of that part shows."""


@dataclass(eq=False, slots=True)
class Text:
    """A paragraph, heading or list item; `first` and `rest` stand before its lines."""

    content: Content
    first: str = ""
    rest: str = ""

    def lines(self, width: int) -> list[Line]:
        """Words wrapped; hard breaks kept."""
        inner = max(width - len(self.first), 8)
        wrapped = list(_wrap(self.content, inner))
        return [
            Line(
                self, (self.first if n == 0 else self.rest, piece), joint, len(self.rest) * (n > 0)
            )
            for n, (joint, piece) in enumerate(wrapped)
        ]

    def paint(self, part: object) -> Content:
        """The words behind their prefix."""
        assert isinstance(part, tuple)
        prefix, content = part
        return Content.assemble((prefix, MUTED), content) if prefix else content


@dataclass(eq=False, slots=True)
class Code:
    """A fence. `closed` once its last row is known to be the last."""

    rows: list[str]
    language: str = ""
    prefix: str = ""
    _slabs: dict[int, tuple[int, list[Content]]] = field(default_factory=dict)

    def lines(self, width: int) -> list[Line]:
        """Rows folded at the width; a folded row is copied as one."""
        inner = max(width - len(self.prefix) - 2, 8)
        margin = len(self.prefix) + 1
        lines: list[Line] = []
        for row, text in enumerate(self.rows):
            for start, end in _folds(text, inner):
                joint = "" if start else "\n"
                lines.append(Line(self, (row, start, end), joint, margin, code=True))
        return lines or [Line(self, (0, 0, 0), "\n", margin, code=True)]

    def paint(self, part: object) -> Content:
        """The row in the colours of its language."""
        assert isinstance(part, tuple)
        row, start, end = part
        coloured = self._coloured(row)
        return Content(f"{self.prefix} ") + coloured[start:end]

    def _coloured(self, row: int) -> Content:
        if row >= len(self.rows):
            return Content("")
        slab = row // SLAB_ROWS
        rows = self.rows[slab * SLAB_ROWS : (slab + 1) * SLAB_ROWS]
        known = self._slabs.get(slab)
        if known is None or known[0] != sum(map(len, rows)) + len(rows):
            known = (sum(map(len, rows)) + len(rows), _highlight(rows, self.language))
            self._slabs[slab] = known
        return known[1][row % SLAB_ROWS]


@dataclass(eq=False, slots=True)
class Table:
    """Rows of cells, the first one its head; what goes on `after` a table shows none."""

    rows: list[list[Content]]
    aligns: list[str]
    prefix: str = ""
    after: Table | None = None
    _widths: list[int] = field(default_factory=list)

    def lines(self, width: int) -> list[Line]:
        """Columns as wide as their widest cell while they fit; else the widest give way."""
        known = self.after._widths if self.after else []
        self._widths = known or _columns(self.rows, width - len(self.prefix))
        lines: list[Line] = []
        for index, cells in enumerate(self.rows):
            if self.after and index == 0:
                continue
            height = max(
                (_height(c, w) for c, w in zip(cells, self._widths, strict=True)), default=1
            )
            lines += [Line(self, (index, n), margin=len(self.prefix)) for n in range(height)]
            if index == 0:
                lines.append(Line(self, (-1, 0), margin=len(self.prefix)))
        return lines

    def paint(self, part: object) -> Content:
        """One line of a row, or the rule under the head."""
        assert isinstance(part, tuple)
        index, line = part
        if index < 0:
            rule = "─┼─".join("─" * width for width in self._widths)
            return Content.styled(self.prefix + rule, FAINT)
        pieces = []
        for cell, width, align in zip(self.rows[index], self._widths, self.aligns, strict=True):
            wrapped = [cell] if cell.cell_length <= width else cell.wrap(width)
            piece = wrapped[line] if line < len(wrapped) else Content("")
            pieces.append(_justify(piece, width, align))
        row = Content.styled(" │ ", FAINT).join(pieces)
        return Content(self.prefix) + (row.stylize("bold") if index == 0 else row)


@dataclass(eq=False, slots=True)
class Rule:
    """A line across."""

    def lines(self, width: int) -> list[Line]:
        """One."""
        return [Line(self, width)]

    def paint(self, part: object) -> Content:
        """The line."""
        assert isinstance(part, int)
        return Content.styled("─" * part, FAINT)


BLANK = Text(Content(""))


def _wrap(content: Content, width: int) -> Iterator[tuple[str, Content]]:
    """Lines of at most `width` cells, each with what joins it to the one before."""
    for part in content.split("\n", allow_blank=True):
        joint = "\n"
        if part.cell_length <= width:
            yield joint, part
            continue
        text, position = part.plain, 0
        for piece in part.wrap(width):
            yield joint, piece
            position += len(piece.plain)
            spaces = len(text) - position - len(text[position:].lstrip(" "))
            joint, position = " " if spaces else "", position + spaces


def _folds(text: str, width: int) -> list[tuple[int, int]]:
    """Start and end of each piece of the text that fits into `width` cells."""
    if text.isascii() or cell_len(text) <= width:
        return [(n, n + width) for n in range(0, len(text), width)] or [(0, 0)]
    folds, position = [], 0
    for piece in Content(text).fold(width):
        folds.append((position, position + len(piece.plain)))
        position += len(piece.plain)
    return folds


def _highlight(rows: Sequence[str], language: str) -> list[Content]:
    """Each row in the colours of its language; plain where it is unknown."""
    from textual.highlight import highlight

    plain = "\n".join(rows)
    if not language:
        return [Content(row) for row in rows]
    coloured = highlight(plain, language=language).split("\n", allow_blank=True)
    if len(coloured) != len(rows):  # a lexer that drops or adds text
        return [Content(row) for row in rows]
    return coloured


def _columns(rows: Sequence[Sequence[Content]], width: int) -> list[int]:
    """Widths of the columns, in cells; together with their separators at most `width`."""
    widest = [max(cell.cell_length for cell in column) for column in zip(*rows, strict=True)]
    room = max(width - 3 * (len(widest) - 1), 4 * len(widest))
    while sum(widest) > room:
        longest = max(widest)
        second = max((w for w in widest if w < longest), default=1)
        count = widest.count(longest)
        cut = min(longest - second, -(-(sum(widest) - room) // count)) or 1
        widest = [max(w - cut, 1) if w == longest else w for w in widest]
    return [max(w, 1) for w in widest]


def _height(cell: Content, width: int) -> int:
    return 1 if cell.cell_length <= width else len(cell.wrap(width))


def _justify(piece: Content, width: int, align: str) -> Content:
    if align == "right":
        return piece.pad_left(width - piece.cell_length)
    if align == "center":
        left = (width - piece.cell_length) // 2
        return piece.pad(left, width - piece.cell_length - left)
    return piece.pad_right(width - piece.cell_length)
