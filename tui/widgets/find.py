"""The line in which one looks for words in the conversation."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static


class Find(HorizontalGroup):
    """Words to look for, and which of the places that hold them is in sight."""

    DEFAULT_CSS = """
    Find { display: none; height: 1; padding: 0 1; background: $panel; }
    Find.-open { display: block; }
    Find > Input { border: none; height: 1; padding: 0; width: 1fr; background: $panel; }
    Find > Input:focus { border: none; }
    Find > Static { width: auto; color: $text-muted; }
    Find > .find--name { width: 6; color: $text-accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,up", "move(-1)", "Before", id="find.before", priority=True),
        Binding("down", "move(1)", "After", id="find.after", priority=True),
        Binding("escape", "close", "Close", id="find.close", priority=True),
    ]

    class Searched(Message):
        """The person looks for other words."""

        def __init__(self, words: str) -> None:
            self.words = words
            super().__init__()

    class Moved(Message):
        """The person wants the place before (-1) or after (+1)."""

        def __init__(self, step: int) -> None:
            self.step = step
            super().__init__()

    class Closed(Message):
        """The person has found it."""

    def compose(self) -> ComposeResult:
        yield Static("find  ", classes="find--name", markup=False)
        yield Input(placeholder="words in this conversation", id="find")
        yield Static("", classes="find--count")

    def open(self) -> None:
        """Ask for words; those of the last time are at hand."""
        self.add_class("-open")
        box = self.query_one(Input)
        box.focus()
        box.select_all()
        self.post_message(self.Searched(box.value))

    def again(self) -> None:
        """Look for the same words anew."""
        if self.has_class("-open"):
            self.post_message(self.Searched(self.query_one(Input).value))

    def count(self, number: int, total: int) -> None:
        """Say which place of how many is in sight, counted from 1."""
        shown = f"{number} of {total} · enter ↑ before · ↓ after" if total else "not found"
        words = self.query_one(Input).value
        self.query_one(".find--count", Static).update(Content(f" {shown}" if words else ""))

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.Searched(message.value))

    def action_move(self, step: int) -> None:
        self.post_message(self.Moved(step))

    def action_close(self) -> None:
        self.remove_class("-open")
        self.post_message(self.Closed())
