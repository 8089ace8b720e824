"""The user's message as typed; a long one is folded."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.visible import visible
from tui.widgets.block import Block
from tui.widgets.prose import Prose, plain

SHOWN_LINES = 40
SHOWN_CHARACTERS = 4000


class Said(Block):
    """One message of the user's, or instructions for the model."""

    DEFAULT_CSS = """
    Said > .said--who { color: $text-muted; height: 1; }
    """

    def __init__(self, text: str, at: datetime | None, *, who: str = "You") -> None:
        super().__init__()
        self.text = text
        self.at = at
        self.who = who
        self.prose = Prose(plain(folded(text)))

    def compose(self) -> ComposeResult:
        yield Static(self._heading(), classes="said--who")
        yield self.prose

    @property
    def copied(self) -> str:
        return visible(self.text)

    def watch_place(self) -> None:
        if self.is_mounted:
            self.query_one(".said--who", Static).update(self._heading())

    def _heading(self) -> Content:
        clock = f"{self.at:%H:%M}" if self.at else ""
        after = "".join(f"  {part}" for part in (clock, str(self.place)) if part)
        return Content.assemble((self.who, "bold $foreground"), after)


def folded(text: str) -> str:
    """The text, or its beginning and how much more there is."""
    if len(text) <= SHOWN_CHARACTERS and text.count("\n") < SHOWN_LINES:
        return visible(text)
    head = "\n".join(text[:SHOWN_CHARACTERS].split("\n", SHOWN_LINES)[:SHOWN_LINES])
    return f"{visible(head)}\n… {len(text) - len(head):,} more characters, sent in full"
