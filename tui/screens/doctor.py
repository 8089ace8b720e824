"""The results of `doctor` on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.screens.dialogue import Dialogue
from tui.visible import visible

NAMES = 12  # columns of a name, in every section

Facts = Mapping[str, Mapping[str, str]]


class DoctorScreen(Dialogue[None]):
    """Sections of facts; Esc and Enter close it."""

    DEFAULT_CSS = """
    DoctorScreen > VerticalScroll { width: 100; }
    DoctorScreen .facts { padding: 0 0 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "leave", "Close", id="doctor.close")
    ]

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            for section, facts in self.facts.items():
                yield Static(Content.styled(section, "bold"))
                yield Static(_table(facts) if facts else Content("none"), classes="facts")


def _table(facts: Mapping[str, str]) -> Table:
    """Names beside what is known of each; a long path wraps in its own column."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(min_width=NAMES)
    table.add_column(ratio=1, overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, Text(visible(fact)))
    return table
