"""A Markdown source as blocks of leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content, Span

from tui.markdown.leaves import BLANK, QUOTE_BAR, Code, Leaf, Rule, Table, Text
from tui.markdown.math import BLOCK, INLINE, read_formulas
from tui.widgets.tones import MUTED

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

TAB = "    "
FORMULA = "$text-accent"
CODE_TOKENS = {"fence", "code_block"}

_SPLITTABLE = {("list_item_open", 1), ("tr_open", 2)}
_INLINE_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
_HEADINGS = {"h1": "bold underline $text-primary", "h2": "bold $text-primary"}


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


def code_of(source: str) -> list[str]:
    """The text of each fence and indented code block, in order."""
    tokens = _parser().parse(source)
    return [token.content.rstrip("\n") for token in tokens if token.type in CODE_TOKENS]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return read_formulas(MarkdownIt("commonmark").enable("table").enable("strikethrough"))


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
        case kind if kind in CODE_TOKENS:
            language = head.info.split(" ")[0] if head.info else ""
            yield Code(
                [row.replace("\t", TAB) for row in head.content.split("\n")[:-1]], language, rest
            )
        case "bullet_list_open" | "ordered_list_open":
            yield from _list(group, first, rest)
        case "blockquote_open":
            yield from _children(inner, first + f"{QUOTE_BAR} ", rest + f"{QUOTE_BAR} ", loose=True)
        case "table_open":
            yield _table(inner, rest)
        case "hr":
            yield Rule()
        case kind if kind == BLOCK:
            yield Text(Content.styled(head.content, FORMULA), first, rest)
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
        elif token.type == INLINE:
            written.add(token.content, FORMULA)
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
