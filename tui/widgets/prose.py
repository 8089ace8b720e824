"""A reply's Markdown on the screen: one widget that paints only the lines in sight."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left, bisect_right
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Size
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widget import Widget

from tui.visible import visible

if TYPE_CHECKING:
    from tui.markdown.document import Document
    from tui.markdown.leaves import Line

Span = tuple[int, int]

LONG_CHARACTERS = 8_000  # a longer text is read in a thread


class Prose(Widget):
    """Markdown that may still grow. Its text can be selected and copied as it was written."""

    DEFAULT_CSS = """
    Prose { height: auto; text-wrap: nowrap; }
    Prose > .prose--code { background: $foreground 6%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"prose--code"}
    ALLOW_SELECT = True

    pointed_at: reactive[int | None] = reactive(None)

    def __init__(self, document: Document | None = None) -> None:
        super().__init__()
        self.document = document or read("")
        self.append_seconds = 0.0
        self._marks: dict[int, list[Span]] = {}

    @property
    def source(self) -> str:
        """The text that is shown."""
        return self.document.source

    def append(self, text: str) -> None:
        """Show more of a reply that streams. `append_seconds` says how long it took."""
        began = perf_counter()
        width = self.size.width
        height = self.document.lines(width)
        self.document.append(visible(text))
        self.refresh(layout=height != self.document.lines(width))
        self.append_seconds = perf_counter() - began

    def find(self, words: str) -> list[int]:
        """The lines in which the words begin, whatever their case; they are marked from now on."""
        starts, self._marks = find_words(self.document, self.size.width, words)
        self.pointed_at = None
        self.refresh()
        return starts

    async def settle(self) -> None:
        """Read the text once more as a whole, in a thread where it is long."""
        source, width = self.source, self.size.width
        if len(source) > LONG_CHARACTERS:
            self.document = await asyncio.to_thread(read, source, width)
        else:
            self.document = read(source, width)
        self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self.document.lines(width)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        self.document.lines(width)
        line = self.document.line(y)
        if line is None:
            return Strip.blank(width, self.visual_style.rich_style)
        base = self.get_visual_style("prose--code") if line.code else self.visual_style
        return self._strip(line, y, base, width)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text with wrapped lines joined again, and what ends it."""
        pieces: list[str] = []
        for y in range(self.document.lines(self.size.width)):
            span = selection.get_span(y)
            line = self.document.line(y)
            if span is None or line is None:
                continue
            start, end = span
            text = line.content.plain[: None if end == -1 else end]
            pieces.append((line.joint if pieces else "") + text[max(start, line.margin) :].rstrip())
        return "".join(pieces), "\n\n"

    def _strip(self, line: Line, y: int, base: Style, width: int) -> Strip:
        content = line.content
        found = "reverse bold" if y == self.pointed_at else "underline bold"
        for start, end in self._marks.get(y, ()):
            content = content.stylize(found, start, end)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            content = content.stylize(style, start, len(content) if end == -1 else end)
        strips = Visual.to_strips(self, content, width, 1, base, apply_selection=False)
        strip = strips[0] if strips else Strip.blank(width, base.rich_style)
        return strip.apply_offsets(0, y).extend_cell_length(width, base.rich_style)


def find_words(
    document: Document, width: int, words: str
) -> tuple[list[int], dict[int, list[Span]]]:
    """Where each match begins, and what to mark in which line: a match may go on in the next."""
    if not words:
        return [], {}
    text, places = "", []  # where each line begins in the text that its wrapped lines make together
    for y in range(document.lines(width)):
        line = document.line(y)
        assert line is not None
        text += line.joint if y else ""
        places.append((len(text), line.margin))
        text += line.content.plain[line.margin :].rstrip()
    begins = [place for place, _ in places]
    starts: list[int] = []
    marks: dict[int, list[Span]] = {}
    for match in re.finditer(re.escape(words), text, re.IGNORECASE):
        first = bisect_right(begins, match.start()) - 1
        starts.append(first)
        for y in range(first, bisect_left(begins, match.end())):
            begin, margin = places[y]
            start = max(match.start() - begin, 0) + margin
            marks.setdefault(y, []).append((start, match.end() - begin + margin))
    return starts, marks


def plain(text: str) -> Document:
    """The text as a document in which nothing is Markdown."""
    from tui.markdown.document import Document

    return Document.plain(text)


def read(source: str, width: int = 0) -> Document:
    """The text as a document, laid out at that width where one is known."""
    from tui.markdown.document import Document  # with its parser, after the first paint

    document = Document(visible(source))
    document.lines(width)
    return document
