"""Settings in force, each with where it was set; the models, the share and the theme to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from tui.errors import UsageError
from tui.money import parse_share, percent
from tui.screens.dialogue import Dialogue
from tui.settings import Loaded, pool_settings, split_pool
from tui.widgets.actions import Action, Actionable
from tui.widgets.tones import MUTED

KEY = Action("key", "k", "add a key")
DEMO = Action("demo", "d", "use the demo pair")
LEAVE = Action("leave", "escape", "leave")


class SettingsScreen(Dialogue[Mapping[str, Any] | str]):
    """Closes with the changed settings, with "key" or "demo", or with None."""

    DEFAULT_CSS = """
    SettingsScreen > Vertical { width: 76; }
    SettingsScreen .label { margin: 1 0 0 0; }
    SettingsScreen VerticalScroll { height: auto; max-height: 12; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="settings.leave")
    ]

    def __init__(self, loaded: Loaded, key_lines: Sequence[str], models: Sequence[str]) -> None:
        super().__init__()
        self.loaded = loaded
        self.key_lines = key_lines
        self.models = models

    def compose(self) -> ComposeResult:
        settings = self.loaded.settings
        suggest = SuggestFromList(self.models, case_sensitive=False)
        with Vertical():
            yield Static(Content.styled("Settings", "bold"))
            strong, *between, weak = settings.pool_names or ("", "")
            yield Static("Strong model", classes="label", markup=False)
            yield Input(strong, id="strong", suggester=suggest, placeholder="provider/model")
            yield Static("Models between, if any", classes="label", markup=False)
            yield Input(", ".join(between), id="between", placeholder="provider/model, …")
            yield Static("Weak model", classes="label", markup=False)
            yield Input(weak, id="weak", suggester=suggest, placeholder="provider/model")
            yield Static("Share of strong calls", classes="label", markup=False)
            yield Input(percent(settings.share), id="share")
            yield Static("", classes="error", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(Content(self._effective()))
            yield Static(Content.styled("enter in a box saves · tab goes on", MUTED))
            yield Choices()

    def on_mount(self) -> None:
        self.query_one("#strong").focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        values = {box.id: box.value.strip() for box in self.query(Input)}
        names = [values["strong"], *split_pool(values["between"]), values["weak"]]
        if any(names) and not all(names):
            self._refuse("There has to be a strong and a weak model.")
            return
        try:
            self._check(list(filter(None, names)))
            share = parse_share(values["share"])
        except UsageError as error:
            self._refuse(f"{error} {error.hint}")
            return
        except ValueError:
            self._refuse(f"{values['share']!r} is not a share: write 30 % or 0.3")
            return
        nothing = {"strong": None, "weak": None, "pool": None}
        self.dismiss({**(pool_settings(names) if any(names) else nothing), "share": share})

    def on_actionable_chosen(self, message: Message) -> None:
        assert isinstance(message, Actionable.Chosen)
        message.stop()
        self.dismiss(message.name if message.name in {"key", "demo"} else None)

    def _check(self, names: Sequence[str]) -> None:
        """Let pass different models that can be used.

        Raises:
            UsageError: one cannot be used, or stands there twice.
        """
        from tui.model_check import check_model

        for name in names:
            check_model(self.loaded.settings.model(name))
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise UsageError(f"{twice} stands there twice: the models have to be different ones.")

    def _refuse(self, why: str) -> None:
        self.query_one(".error", Static).update(why)

    def _effective(self) -> str:
        """Every setting that was set somewhere, then the known keys, never their values."""
        origins = self.loaded.origins
        lines = [
            f"{name} = {_shown(getattr(self.loaded.settings, name, None))}   ({origins[name]})"
            for name in sorted(origins)
        ]
        lines = (
            ["Set:", *(f"  {line}" for line in lines)]
            if lines
            else ["Every setting is the default."]
        )
        return "\n".join(
            [*lines, "Keys:", *(f"  {line}" for line in self.key_lines or ["none found"])]
        )


class Choices(Actionable):
    """What else the settings screen can do."""

    def __init__(self) -> None:
        super().__init__((KEY, DEMO, LEAVE))

    def compose(self) -> ComposeResult:
        yield from self.compose_actions()


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return repr(value) if isinstance(value, str) else str(value)
