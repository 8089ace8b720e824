"""Every key of the chat on one page, with the name by which `[keys]` in the settings moves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.widgets.tones import MUTED

MOVING = '\nA key is moved in the settings file: [keys], then for example  why = "f6"'


class BindingsScreen(ModalScreen[None]):
    """The keys; any of Esc, Enter and f1 closes it."""

    DEFAULT_CSS = """
    BindingsScreen { align: center middle; }
    BindingsScreen > VerticalScroll { width: 84; max-width: 95%; height: auto; max-height: 95%;
        padding: 1 2; border: round $primary; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,f1", "app.pop_screen", "Close", id="keys.close")
    ]

    def __init__(self, bindings: Sequence[Binding]) -> None:
        super().__init__()
        self.rows = bindings

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(Content.styled("Keys", "bold"))
            yield Static(Content("\n").join(map(_row, self.rows)))
            yield Static(Content.styled(MOVING, MUTED))


def _row(binding: Binding) -> Content:
    key = binding.key.replace(",", ", ")
    return Content.assemble(
        (f"{key:<19}", "bold"), f" {binding.tooltip:<42}", (f" {binding.id}", MUTED)
    )
