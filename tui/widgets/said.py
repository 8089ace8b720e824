"""What the person said: their words as they typed them, a long text folded."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.visible import visible

SHOWN_LINES = 40
SHOWN_CHARACTERS = 4000


class Said(Vertical):
    """One message of the person's."""

    DEFAULT_CSS = """
    Said { height: auto; padding: 1 1 0 1; }
    Said > .said--who { color: $text-muted; height: 1; }
    """

    def __init__(self, text: str, at: datetime | None) -> None:
        super().__init__()
        self.text = text
        self.at = at

    def compose(self) -> ComposeResult:
        clock = f"  {self.at:%H:%M}" if self.at else ""
        yield Static(Content.assemble(("You", "bold $foreground"), clock), classes="said--who")
        yield Static(Content(folded(self.text)))


def folded(text: str) -> str:
    """The text, or its beginning and how much more there is."""
    if len(text) <= SHOWN_CHARACTERS and text.count("\n") < SHOWN_LINES:
        return visible(text)
    head = "\n".join(text[:SHOWN_CHARACTERS].split("\n", SHOWN_LINES)[:SHOWN_LINES])
    return f"{visible(head)}\n… {len(text) - len(head):,} more characters, sent in full"
