"""Adding a key: its name, and its value behind dots. The value goes nowhere but to the keyring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.errors import UsageError
from tui.model_check import check_key_name
from tui.screens.dialogue import Dialogue
from tui.widgets.tones import MUTED


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as the user typed it."""

    name: str
    value: str = field(repr=False)


class KeyScreen(Dialogue[NewKey]):
    """Two boxes; Enter in the second keeps the key. `server` is the address to send it to."""

    DEFAULT_CSS = """
    KeyScreen Input { margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="key.leave")]

    def __init__(self, name: str = "", server: str = "") -> None:
        super().__init__()
        self.key_name = name
        self.server = server

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Add a key", "bold"))
            yield Static(
                Content("It is kept in the system's keyring, or in a file only you can read.")
            )
            if self.server:
                yield Static(Content(f"It is sent to {self.server}, by a name of your choice."))
            example = "MY_SERVER_KEY" if self.server else "OPENAI_API_KEY"
            yield Input(self.key_name, placeholder=example, id="name")
            yield Input(placeholder="the key", password=True, id="value")
            yield Static("", classes="error")
            yield Static(Content.styled("enter keep it · esc leave", MUTED))

    def on_mount(self) -> None:
        self.query_one("#value" if self.key_name else "#name").focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        name = self.query_one("#name", Input).value.strip()
        value = self.query_one("#value", Input).value.strip()
        if message.input.id == "name":
            self.query_one("#value").focus()
        elif error := _wrong(name, value):
            self.query_one(".error", Static).update(Content(error))
        else:
            self.dismiss(NewKey(name, value))


def _wrong(name: str, value: str) -> str:
    """Why the key cannot be kept as it is; "" where it can."""
    if not (name and value):
        return "Both a name and a key are needed."
    try:
        check_key_name(name)
    except UsageError as error:
        return str(error)
    return ""
