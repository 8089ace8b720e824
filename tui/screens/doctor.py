"""What was found on this machine, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.visible import visible

Facts = Mapping[str, Mapping[str, str]]


class DoctorScreen(ModalScreen[None]):
    """Sections of facts; Esc and Enter close it."""

    DEFAULT_CSS = """
    DoctorScreen { align: center middle; }
    DoctorScreen > VerticalScroll { width: 100; max-width: 95%; height: auto; max-height: 95%;
        padding: 1 2; border: round $primary; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "app.pop_screen", "Close", id="doctor.close")
    ]

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            for section, facts in self.facts.items():
                lines = [f"  {name:<18} {visible(fact)}" for name, fact in facts.items()]
                body = Content("\n".join(["", *(lines or ["  none"]), ""]))
                yield Static(Content.styled(section, "bold") + body)
