"""Find in the conversation: matches are marked, counted and stepped through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.widgets.block import Block
from tui.widgets.talk import Talk


class Found(NamedTuple):
    """Where the words stand: a line of a message."""

    block: Block
    line: int


class Find(HorizontalGroup):
    """The line that asks for words, and says which of the places that hold them is in sight.

    The newest place comes first: it is the one in sight.
    """

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

    class Closed(Message):
        """The user has found it."""

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self.talk = talk
        self._places: Sequence[Found] = ()
        self._at = 0
        self._wanted: str | None = None  # the message to go to, where there is one

    def compose(self) -> ComposeResult:
        yield Static("find  ", classes="find--name", markup=False)
        yield Input(placeholder="words in this conversation", id="find")
        yield Static("", classes="find--count")

    def open(self, words: str = "", message_id: str | None = None) -> None:
        """Look for words, first in that message; or ask for words, offering the last ones."""
        self.add_class("-open")
        self._wanted = message_id
        box = self.query_one(Input)
        if words:
            box.value = words
        else:
            box.focus()
            box.select_all()
        self._look(box.value)
        self.talk.show_all()

    def again(self) -> None:
        """Look through earlier messages too that are shown by now."""
        if self.has_class("-open"):
            self._look(self.query_one(Input).value)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._look(message.value)

    def action_move(self, step: int) -> None:
        self._wanted = None
        if self._places:
            self._go_to((self._at + step) % len(self._places))

    def action_close(self) -> None:
        self.close()

    def close(self) -> bool:
        """Look for nothing any more; whether one did."""
        if not self.has_class("-open"):
            return False
        self.remove_class("-open")
        for block in self.talk.transcript.blocks:
            block.find("")
        self._places = ()
        self.post_message(self.Closed())
        return True

    def _look(self, words: str) -> None:
        blocks = self.talk.transcript.blocks
        self._places = [Found(block, line) for block in blocks for line in block.find(words)]
        wanted = (n for n, it in enumerate(self._places) if it.block.message_id == self._wanted)
        self._go_to(next(wanted, len(self._places) - 1))

    def _go_to(self, at: int) -> None:
        self._say(at + 1)
        if not self._places:
            return
        before = self._places[min(self._at, len(self._places) - 1)]
        self._at = at
        block, line = self._places[at]
        before.block.point_at(None)
        block.point_at(line)
        self.talk.transcript.scroll_to_line(block, line)

    def _say(self, number: int) -> None:
        """Say which place of how many is in sight, counted from 1."""
        total = len(self._places)
        box = self.query_one(Input)
        keys = "enter ↑ before · ↓ after" if box.has_focus else "esc closes"
        shown = f"{number} of {total} · {keys}" if total else "not found"
        self.query_one(".find--count", Static).update(Content(f" {shown}" if box.value else ""))
