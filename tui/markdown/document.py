"""Markdown as leaves that lay themselves out in lines: a whole text, or one that still grows.

A reply of thousands of lines is one widget that paints the lines in sight. Leaves know their
height without being painted, so syntax colours and table cells cost nothing out of sight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rich.cells import cell_len
from textual.content import Content, Span

from tui.widgets.tones import FAINT, MUTED

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SLAB_ROWS = 50  # code is coloured this many rows at a time, so that a long fence never stalls
SPLIT_ITEMS = 40  # a list or table with more items than this is settled while it still grows
TAB = "    "

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`\n]*)\n")
_SPLITTABLE = {("list_item_open", 1), ("tr_open", 2)}
_INLINE_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
_HEADINGS = {"h1": "bold underline $text-primary", "h2": "bold $text-primary"}


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


class Block(NamedTuple):
    """A top-level piece of a document.

    Attributes:
        start: the line of the source it starts at.
        items: the lines at which the items of a list or the rows of a table start.
        tight: a list whose items have no blank lines between them.
    """

    leaves: list[Leaf]
    start: int
    items: list[int]
    tight: bool


class Document:
    """A Markdown text that may still grow, and its lines at the width it was last asked for.

    All blocks but the last are settled: text that is appended parses the last one again, an open
    fence only takes rows, and of a long list or table only the end is parsed again. A text that
    has ended is read once more as a whole, because a link's target may stand at its end and a
    table's widest cell too.
    """

    def __init__(self, source: str = "") -> None:
        self.source = ""
        self._width = 0
        self._settled: list[Line] = []
        self._settled_leaves: list[Leaf] = []
        self._tail = ""  # the source of the last block
        self._tail_leaves: list[Leaf] = []
        self._tail_lines: list[Line] = []
        self._tail_block: Block | None = None
        self._tail_joined = False  # the tail goes on in the list or table before it
        self._table: Table | None = None
        self._fence: OpenFence | None = None
        self.append(source, growing=False)

    def update(self, source: str) -> None:
        """Take this text in place of what was there."""
        self.source = self._tail = ""
        self._fence = self._table = None
        self._tail_joined = False
        self._settled, self._settled_leaves, self._tail_leaves = [], [], []
        self.append(source, growing=False)

    def append(self, text: str, *, growing: bool = True) -> None:
        """Add to the end of a text that streams."""
        self.source += text
        self._tail += text
        if self._fence is None:
            self._read_tail()
            if growing:
                self._split_tail()
        if self._fence is not None:
            self._feed_fence()
        self._tail_lines = self._lines_of(self._tail_leaves)

    def lines(self, width: int) -> int:
        """How many lines the text takes at that width."""
        if width != self._width:
            self._lay_out(width)
        return len(self._settled) + len(self._tail_lines)

    def line(self, y: int) -> Line | None:
        """The line at that height; None below the last."""
        settled = len(self._settled)
        if y < settled:
            return self._settled[y]
        y -= settled
        return self._tail_lines[y] if y < len(self._tail_lines) else None

    def _lay_out(self, width: int) -> None:
        self._width = width
        self._settled = self._lines_of(self._settled_leaves)
        self._tail_lines = self._lines_of(self._tail_leaves)

    def _lines_of(self, leaves: Sequence[Leaf]) -> list[Line]:
        if not self._width:
            return []
        return [line for leaf in leaves for line in leaf.lines(self._width)]

    def _settle(self, leaves: Sequence[Leaf]) -> None:
        self._settled_leaves += leaves
        self._settled += self._lines_of(leaves)

    def _parse_tail(self) -> list[Block]:
        blocks = parse(self._tail, first=self._tail_joined or not self._settled_leaves)
        if self._table and blocks and isinstance(blocks[0].leaves[-1], Table):
            blocks[0].leaves[-1].after = self._table
        return blocks

    def _read_tail(self) -> None:
        blocks = self._parse_tail()
        for block in blocks[:-1]:
            self._settle(block.leaves)
        if len(blocks) > 1:
            rows = self._tail.split("\n")
            self._tail = "\n".join(rows[blocks[-1].start :])
            self._tail_joined, self._table = False, None
        self._tail_block = blocks[-1] if blocks else None
        self._tail_leaves = blocks[-1].leaves if blocks else []
        if opened := _FENCE.match(self._tail):
            before = [leaf for leaf in self._tail_leaves if not isinstance(leaf, Code)]
            self._settle(before[:1])
            self._fence = OpenFence(opened[1], opened[2].strip())
            self._tail = self._tail[opened.end() :]

    def _split_tail(self) -> None:
        """Settle all but the last item of a long list or table that is still growing."""
        block = self._tail_block
        if self._fence or block is None or len(block.items) < SPLIT_ITEMS:
            return
        rows = self._tail.split("\n")
        cut = block.items[-1] - block.start
        table = block.leaves[-1] if isinstance(block.leaves[-1], Table) else None
        head = rows[:2] if table else []
        last = "\n".join(head + rows[cut:])
        self._tail = "\n".join(rows[:cut]) + "\n"
        for whole in self._parse_tail():
            self._settle(whole.leaves)
        self._table = self._settled_leaves[-1] if table else None  # type: ignore[assignment]
        self._tail, self._tail_joined = last, bool(table) or block.tight
        self._read_tail()

    def _feed_fence(self) -> None:
        assert self._fence is not None
        fence = self._fence
        self._tail = fence.feed(self._tail)
        self._tail_leaves = [fence.code]
        if not fence.closed:
            return
        self._settle([fence.code])
        self._fence, self._tail_leaves = None, []
        if self._tail:
            self._read_tail()
        if self._fence is not None:
            self._feed_fence()


class OpenFence:
    """A fence whose end has not come yet: rows are added as they complete."""

    def __init__(self, mark: str, info: str) -> None:
        self.code = Code([], info.split(" ")[0] if info else "")
        self.closed = False
        self._end = re.compile(rf" {{0,3}}{re.escape(mark)}{re.escape(mark[0])}*\s*")
        self._mark = mark[0]
        self._partial = False

    def feed(self, text: str) -> str:
        """The part of the text that is still to be fed again, or what follows the fence's end."""
        rows = self.code.rows
        if self._partial:
            rows.pop()
        position = 0
        while (end := text.find("\n", position)) >= 0:
            row = text[position:end]
            position = end + 1
            if self._end.fullmatch(row):
                self.closed, self._partial = True, False
                return text[position:]
            rows.append(row.replace("\t", TAB))
        rest = text[position:]
        self._partial = bool(rest.strip(self._mark + " "))
        if self._partial:
            rows.append(rest.replace("\t", TAB))
        return rest


def parse(source: str, *, first: bool = True) -> list[Block]:
    """The document's top-level blocks in order; a blank line before each but the `first`."""
    tokens = _parser().parse(source)
    blocks: list[Block] = []
    for group in _groups(tokens):
        leaves: list[Leaf] = [] if first and not blocks else [BLANK]
        leaves += _leaves(group, "", "")
        level = group[0].level
        items = [t.map[0] for t in group if t.map and (t.type, t.level - level) in _SPLITTABLE]
        tight = any(t.hidden for t in group[:3])
        blocks.append(Block(leaves, group[0].map[0] if group[0].map else 0, items, tight))
    return blocks


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").enable("strikethrough")


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens of one nesting level, each opening one together with all up to its closing one."""
    group: list[Token] = []
    depth = 0
    for token in tokens:
        group.append(token)
        depth += token.nesting
        if depth == 0:
            yield group
            group = []


def _leaves(group: Sequence[Token], first: str, rest: str) -> Iterator[Leaf]:
    """The leaves of one block; `first` stands before its first line, `rest` before the others."""
    head, inner = group[0], group[1:-1]
    match head.type:
        case "paragraph_open":
            yield Text(_inline(inner[0].children or []), first, rest)
        case "heading_open":
            style = _HEADINGS.get(head.tag, "bold")
            yield Text(_inline(inner[0].children or []).stylize_before(style), first, rest)
        case "fence" | "code_block":
            language = head.info.split(" ")[0] if head.info else ""
            yield Code(
                [row.replace("\t", TAB) for row in head.content.split("\n")[:-1]], language, rest
            )
        case "bullet_list_open" | "ordered_list_open":
            yield from _list(group, first, rest)
        case "blockquote_open":
            yield from _children(inner, first + "▌ ", rest + "▌ ", loose=True)
        case "table_open":
            yield _table(inner, rest)
        case "hr":
            yield Rule()
        case "html_block":
            yield Text(Content(head.content.rstrip("\n")), first, rest)


def _children(tokens: Sequence[Token], first: str, rest: str, *, loose: bool) -> Iterator[Leaf]:
    for n, group in enumerate(_groups(tokens)):
        if n and loose:
            yield Text(Content(""), rest, rest)
        yield from _leaves(group, first if n == 0 else rest, rest)


def _list(group: Sequence[Token], first: str, rest: str) -> Iterator[Leaf]:
    number = int(group[0].attrs.get("start", 1)) if group[0].type == "ordered_list_open" else None
    for n, item in enumerate(_groups(group[1:-1])):
        paragraphs = [token for token in item if token.type == "paragraph_open"]
        loose = any(not token.hidden for token in paragraphs)
        bullet = "• " if number is None else f"{number + n}. "
        if n and loose:
            yield Text(Content(""), rest, rest)
        before = (first if n == 0 else rest) + bullet
        inner = list(_children(item[1:-1], before, rest + " " * len(bullet), loose=loose))
        yield from inner or [Text(Content(""), before, before)]


def _table(tokens: Sequence[Token], prefix: str) -> Table:
    rows: list[list[Content]] = []
    aligns: list[str] = []
    for token, following in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            rows[-1].append(_inline(following.children or []))
            if token.type == "th_open":
                aligns.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
    return Table(rows, aligns, prefix)


class _Written:
    """Text and spans of one run of inline tokens."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.spans: list[Span] = []
        self.at = 0

    def add(self, text: str, style: str = "") -> None:
        if style:
            self.spans.append(Span(self.at, self.at + len(text), style))
        self.text.append(text)
        self.at += len(text)


def _inline(tokens: Sequence[Token]) -> Content:
    written = _Written()
    opened: list[int] = []
    for token in tokens:
        tag = token.type.removesuffix("_open").removesuffix("_close")
        if token.nesting > 0:
            opened.append(written.at)
        elif token.nesting < 0:
            _close(written, tag, opened.pop(), tokens, token)
        elif token.type == "code_inline":
            written.add(token.content, "bold $text-accent")
        elif token.type in {"softbreak", "hardbreak"}:
            written.add("\n" if token.type == "hardbreak" else " ")
        elif token.type == "image":
            written.add(f"[image: {token.content}] ({token.attrs.get('src', '')})", MUTED)
        else:
            written.add(token.content)
    return Content("".join(written.text), written.spans)


def _close(
    written: _Written, tag: str, start: int, tokens: Sequence[Token], closing: Token
) -> None:
    """Style what the closing token ends. A link shows where it leads: its words may lie."""
    if tag != "link":
        written.spans.append(Span(start, written.at, _INLINE_STYLES.get(tag, "")))
        return
    written.spans.append(Span(start, written.at, "underline $text-primary"))
    before = tokens[: tokens.index(closing)]
    target = next(
        (str(t.attrs.get("href", "")) for t in reversed(before) if t.type == "link_open"), ""
    )
    if target and target.removeprefix("mailto:") != "".join(written.text)[start:]:
        written.add(f" ({target})", MUTED)


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
