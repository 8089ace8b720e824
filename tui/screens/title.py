"""A title for a conversation, in one box."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.screens.dialogue import Dialogue
from tui.widgets.tones import MUTED


class TitleScreen(Dialogue[str]):
    """Closes with the title, "" for the one of the first message, or with None."""

    DEFAULT_CSS = """
    TitleScreen Input { margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="title.leave")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self.former = title

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Title", "bold"))
            yield Input(self.former, placeholder="as the first message begins")
            yield Static(Content.styled("enter renames · esc leaves it", MUTED))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.dismiss(message.value.strip())
