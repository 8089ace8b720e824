"""What can be done about a card: each action a key and a word, by keyboard or by mouse."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.containers import HorizontalGroup, VerticalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import Static


class Action(NamedTuple):
    """One thing to do: its name, the key that does it, the words that say it."""

    name: str
    key: str
    label: str


EDITS = frozenset({"backspace", "delete", "left", "right", "ctrl+u"})  # keys that change a draft
TAKEN_SECONDS = 0.5  # a letter typed this soon after a box took the focus was not meant for it


class ActionLabel(Static):
    """An action that can be clicked."""

    def __init__(self, action: Action) -> None:
        key = (f" {action.key} ", "reverse bold")
        super().__init__(Content.assemble(key, f" {action.label}  "), classes="action")
        self.action = action

    def on_click(self) -> None:
        self.post_message(Actionable.Chosen(self.action.name))


class Actionable(VerticalGroup, can_focus=True):
    """A focusable box whose actions answer to single keys; other keys go back to the composer."""

    DEFAULT_CSS = """
    Actionable .action { width: auto; height: 1; }
    Actionable .actions { height: auto; layout: grid; grid-size: 1; grid-rows: 1; }
    """

    class Chosen(Message):
        """The user chose an action of this box."""

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    class Left(Message):
        """The user went on typing: `text`, or else the key `edit`, belongs to the composer."""

        def __init__(self, text: str, edit: str = "") -> None:
            self.text = text
            self.edit = edit
            super().__init__()

    class Sent(Message):
        """The user pressed Enter: the draft is to be sent."""

    def __init__(self, actions: tuple[Action, ...]) -> None:
        super().__init__()
        self.actions = actions
        self._left = False  # for the composer; the focus follows a moment later
        self._taken = -inf  # when it took the focus by itself

    def on_focus(self) -> None:
        self._left = False

    def take_focus(self) -> None:
        """Take the focus from whoever may be about to type a message."""
        self._taken = monotonic()
        self.focus()

    def compose_actions(self) -> ComposeResult:
        """The row of actions."""
        with HorizontalGroup(classes="actions"):
            for action in self.actions:
                yield ActionLabel(action)

    def on_key(self, event: events.Key) -> None:
        chosen = next((a for a in self.actions if a.key == event.key), None)
        if event.key == "enter":
            event.stop()
            self._left = True
            self.post_message(self.Sent())
        elif chosen and not self._left and monotonic() > self._taken + TAKEN_SECONDS:
            event.stop()
            self.post_message(self.Chosen(chosen.name))
        elif event.key == "escape" or (event.is_printable and event.character):
            event.stop()
            self._leave((event.is_printable and event.character) or "")
        elif event.key in EDITS:
            event.stop()
            self._leave("", event.key)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._leave(event.text)

    def _leave(self, text: str, edit: str = "") -> None:
        self._left = True
        self.post_message(self.Left(text, edit))
