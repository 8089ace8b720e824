"""A title for a conversation, in one box."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.widgets.tones import MUTED


class TitleScreen(ModalScreen[str | None]):
    """Closes with the title, "" for the one of the first message, or with None."""

    DEFAULT_CSS = """
    TitleScreen { align: center middle; }
    TitleScreen > Vertical { width: 64; max-width: 95%; height: auto; padding: 1 2;
        border: round $primary; background: $surface; }
    TitleScreen Input { border: none; height: 1; padding: 0 1; margin: 1 0; background: $boost; }
    TitleScreen Input:focus { border: none; background: $primary 30%; }
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

    def action_leave(self) -> None:
        self.dismiss(None)
