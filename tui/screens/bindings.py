"""Every key of the chat on one page, with the name by which `[keys]` in the settings moves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.screens.dialogue import Dialogue
from tui.widgets.tones import MUTED

WIDE = 70  # columns of the screen from which two keys stand side by side
KEYS, KEYS_NARROW = 19, 12

MOVING = (
    '\nA key is moved in the settings file: [keys], then for example  why = "f6"\n'
    "The keys of providers are in the settings (f5), and in: llmroute keys"
)


class BindingsScreen(Dialogue[None]):
    """The keys; any of Esc, Enter and f1 closes it."""

    DEFAULT_CSS = "BindingsScreen > VerticalScroll { width: 84; padding: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,f1", "leave", "Close", id="keys.close")
    ]

    def __init__(self, bindings: Sequence[Binding]) -> None:
        super().__init__()
        self.rows = bindings

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(Content.styled("Keys", "bold"))
            yield Static(_table(self.rows, wide=self.app.size.width >= WIDE))
            yield Static(Content.styled(MOVING, MUTED))


def _table(bindings: Sequence[Binding], *, wide: bool) -> Table:
    """The keys of each action, what it does, its name; each wraps within its own column."""
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim")
    table.add_column("key", style="bold", max_width=KEYS if wide else KEYS_NARROW)
    table.add_column("what it does", ratio=1)
    table.add_column(Text("name in [keys]" if wide else "name"), style="dim", no_wrap=True)
    for binding in bindings:
        table.add_row(binding.key.replace(",", ", "), binding.tooltip, binding.id)
    return table
