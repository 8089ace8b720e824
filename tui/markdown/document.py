"""A Markdown text and its lines: whole, or still growing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.content import Content

from tui.markdown.blocks import TAB, Block, parse
from tui.markdown.leaves import Code, Leaf, Line, Table, Text

SPLIT_ITEMS = 40  # from so many items on a list or table is settled while it still grows

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`\n]*)\n")


class Document:
    """A Markdown text that may still grow, and its lines at the width it was last asked for.

    All blocks but the last are settled: text that is appended parses the last one again, an open
    fence only takes rows, and of a long list or table only the end is parsed again. A text that
    has ended is read once more as a whole, because a link's target may stand at its end and a
    table's widest cell too.

    Args:
        split_items: from how many items on a list or table is settled while it still grows.
    """

    def __init__(self, source: str = "", *, split_items: int = SPLIT_ITEMS) -> None:
        self.source = ""
        self._split_items = split_items
        self._width = 0
        self._settled: list[Line] = []
        self._settled_leaves: list[Leaf] = []
        self._tail = ""  # the source of the last block
        self._tail_leaves: list[Leaf] = []
        self._tail_lines: list[Line] = []
        self._tail_block: Block | None = None
        self._above = 0  # lines of what was parsed together with it, and is settled
        self._tail_joined = False  # the tail goes on in the list or table before it
        self._table: Table | None = None
        self._fence: OpenFence | None = None
        self.append(source, growing=False)

    @classmethod
    def plain(cls, text: str) -> Document:
        """A text that is no Markdown: every row as it stands."""
        document = cls()
        document.source = text
        document._settled_leaves = [Text(Content(row.expandtabs(4))) for row in text.split("\n")]
        return document

    @property
    def settled(self) -> Sequence[Leaf]:
        """The pieces that nothing which is appended changes any more."""
        return self._settled_leaves

    @property
    def growing(self) -> Sequence[Leaf]:
        """The pieces after them, as far as they came."""
        return self._tail_leaves

    @property
    def fence(self) -> OpenFence | None:
        """The code under way whose end has not come."""
        return self._fence

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
        self._above = 0
        if len(blocks) > 1:
            self._above = blocks[-1].start
            rows = self._tail.split("\n")
            self._tail = "\n".join(rows[self._above :])
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
        if self._fence or block is None or len(block.items) < self._split_items:
            return
        rows = self._tail.split("\n")
        start, cut = block.start - self._above, block.items[-1] - self._above
        table = block.leaves[-1] if isinstance(block.leaves[-1], Table) else None
        head = rows[start : start + 2] if table else []
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

    @property
    def whole_rows(self) -> Sequence[str]:
        """The complete rows."""
        return self.code.rows[:-1] if self._partial else self.code.rows

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
