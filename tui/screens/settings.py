"""Settings in force, each with where it was set; the models, the share and the budget to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import Any, ClassVar

from msgspec import structs, to_builtins
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, VerticalGroup, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester, SuggestFromList
from textual.widgets import Input, Static

from tui.errors import UsageError, in_line
from tui.money import budget_usd, parse_share, percent
from tui.screens.dialogue import Dialogue
from tui.settings import Budget, Loaded, pool_settings, split_pool
from tui.widgets.actions import Action, Actionable
from tui.widgets.tones import MUTED

KEY = Action("key", "k", "add a key")
DEMO = Action("demo", "d", "use the demo pair")
LEAVE = Action("leave", "escape", "leave")


class SettingsScreen(Dialogue[Mapping[str, Any] | str]):
    """Closes with the changed settings, with "key" or "demo", or with None."""

    DEFAULT_CSS = """
    SettingsScreen > VerticalScroll { width: 76; }
    SettingsScreen Input { width: 1fr; }
    SettingsScreen .label { width: 24; color: $text-muted; }
    SettingsScreen .set { margin: 1 0; }
    SettingsScreen .error { display: none; }
    SettingsScreen .choices { height: auto; dock: bottom; }
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
        with VerticalScroll(can_focus=False):
            yield Static(Content.styled("Settings", "bold"))
            strong, *between, weak = settings.pool_names or ("", "")
            name = "provider/model"
            yield from _row("Strong model", strong, "strong", name, suggest)
            yield from _row("Models between", ", ".join(between), "between", f"none, or {name}")
            yield from _row("Weak model", weak, "weak", name, suggest)
            yield from _row("Share of strong calls", percent(settings.share), "share")
            yield from _row("US dollars a month", _amount(settings.budget), "budget", "no budget")
            yield Static("", classes="error", markup=False)
            yield Static(Content(self._effective()), classes="set")
            with VerticalGroup(classes="choices"):
                yield Static(Content.styled("enter saves · tab next · pagedown: more", MUTED))
                yield Choices()

    def on_mount(self) -> None:
        self.query_one("#strong").focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        values = {box.id: box.value.strip() for box in self.query(Input)}
        names = [values["strong"], *split_pool(values["between"]), values["weak"]]
        if any(names) and not all(names):
            self._refuse("A strong and a weak model are both needed.")
            return
        try:
            self._check(list(filter(None, names)))
            chosen = self._chosen(names, values["share"], values["budget"])
        except UsageError as error:
            self._refuse(in_line(error, error.hint))
            return
        settings = self.loaded.settings
        self.dismiss({n: value for n, value in chosen.items() if value != getattr(settings, n)})

    def on_actionable_chosen(self, message: Message) -> None:
        assert isinstance(message, Actionable.Chosen)
        message.stop()
        self.dismiss(message.name if message.name in {"key", "demo"} else None)

    def _chosen(self, names: Sequence[str], share: str, budget: str) -> dict[str, Any]:
        """The settings that the boxes say; what was not touched stays to the last digit.

        Raises:
            UsageError: one says nothing that can be set.
        """
        settings = self.loaded.settings
        pool = pool_settings(names) if any(names) else dict.fromkeys(("strong", "weak", "pool"))
        chosen: dict[str, Any] = dict(pool)
        if share != percent(settings.share):
            chosen |= {"share": _share(share), "threshold": None}
        if budget != _amount(settings.budget):
            chosen["budget"] = structs.replace(settings.budget, monthly_usd=_dollars(budget))
        return chosen

    def _check(self, names: Sequence[str]) -> None:
        """Check that the models differ and can be used.

        Raises:
            UsageError: one cannot be used, or is given twice.
        """
        from tui.model_check import check_model

        for name in names:
            check_model(self.loaded.settings.model(name))
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise UsageError(f"{twice} is given twice: the models must be different.")

    def _refuse(self, why: str) -> None:
        error = self.query_one(".error", Static)
        error.update(why)
        error.display = True

    def _effective(self) -> str:
        """What was set, by where it was set, then the known keys, never their values."""
        origins, settings = self.loaded.origins, self.loaded.settings
        lines = [] if origins else ["Every setting is the default."]
        for origin in dict.fromkeys(origins.values()):
            lines.append(f"Set ({origin}):")
            names = (name for name in sorted(origins) if origins[name] == origin)
            lines += (f"  {name}: {_shown(getattr(settings, name))}" for name in names)
        return "\n".join(
            [*lines, "Keys:", *(f"  {line}" for line in self.key_lines or ["none found"])]
        )


class Choices(Actionable):
    """What else the settings screen can do."""

    def __init__(self) -> None:
        super().__init__((KEY, DEMO, LEAVE))

    def compose(self) -> ComposeResult:
        yield from self.compose_actions()


def _row(
    label: str, value: str, name: str, placeholder: str = "", suggest: Suggester | None = None
) -> ComposeResult:
    with HorizontalGroup():
        yield Static(label, classes="label", markup=False)
        yield Input(value, placeholder, id=name, suggester=suggest)


def _amount(budget: Budget) -> str:
    if budget.monthly_usd is None:
        return ""
    return budget_usd(budget.monthly_usd).removeprefix("$").replace(",", "")


def _share(text: str) -> float:
    """The share that was typed.

    Raises:
        UsageError: it is none.
    """
    try:
        return parse_share(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a share: write 30 % or 0.3") from None


def _dollars(text: str) -> float | None:
    """The amount that was typed; None for none.

    Raises:
        UsageError: it is none.
    """
    if not text:
        return None
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        amount = nan
    if not 0 <= amount < inf:
        raise UsageError(f"{text!r} is not an amount: write 20 or 4.50")
    return amount


def _shown(value: object) -> str:
    """A setting in a line; of a table of tables, the names."""
    plain = to_builtins(value)
    if not isinstance(plain, dict):
        return ", ".join(plain) if isinstance(plain, list | tuple) else str(plain)
    if any(isinstance(inner, dict) for inner in plain.values()):
        return ", ".join(plain)
    return ", ".join(f"{name} {inner}" for name, inner in plain.items() if inner is not None)
