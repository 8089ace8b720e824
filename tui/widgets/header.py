"""The first line: which conversation, how turns are routed, how many there were."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.money import percent
from tui.visible import one_line


class Mode(NamedTuple):
    """How turns are routed.

    Attributes:
        threshold: None until the engine has said it.
        custom: the threshold is the user's own, and no share's.
        limited: the month's budget is spent, and lets only the weak model answer.
    """

    share: float
    threshold: float | None = None
    pin: str | None = None
    custom: bool = False
    limited: bool = False

    def __str__(self) -> str:
        if self.limited:
            return "weak only: budget spent"
        if self.pin:
            return f"pinned to {one_line(self.pin, 40)}"
        known = "" if self.threshold is None else f" ({self.threshold:.4f})"
        if self.custom:
            return f"auto · own threshold{known}"
        return f"auto · {percent(self.share)} strong{known}"


class Header(Widget):
    """Program, title, mode, turns; what has no room goes from the right."""

    DEFAULT_CSS = """
    Header { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    title: reactive[str] = reactive("")
    mode: reactive[Mode] = reactive(Mode(0.3))
    turns: reactive[int] = reactive(0)

    def render(self) -> Content:
        return header_text(self.title, self.mode, self.turns, self.content_size.width)


def header_text(title: str, mode: Mode, turns: int, width: int) -> Content:
    """The line at that width, in cells."""
    count = f"{turns} turn{'' if turns == 1 else 's'}"
    right = f"{mode} │ {count}" if width >= 70 else str(mode)
    room = width - len(right) - len("llmroute │  ") - 2
    name = f'"{one_line(title, min(room, 60) - 2)}"' if title and room > 8 else ""
    left = Content.assemble(("llmroute", "bold $text-primary"), f" │ {name}" if name else "")
    gap = max(width - left.cell_length - cell_len(right), 1)
    return left + Content(" " * gap) + Content(right)
