"""Our own themes (dark, light, high contrast) beside those of Textual."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import App
from textual.theme import Theme

from tui.errors import SettingsError, UsageError
from tui.program import Program

OURS = "llmroute-"  # before their names, which are short without it

THEMES = (
    Theme(
        name="llmroute-dark",
        primary="#7AA2F7",
        secondary="#9AA5CE",
        accent="#E0AF68",
        foreground="#D5D9E8",
        background="#14161E",
        surface="#1B1E29",
        panel="#232735",
        success="#9ECE6A",
        warning="#E0AF68",
        error="#F7768E",
        dark=True,
        variables={"route-strong": "#E0AF68", "route-middle": "#9ECE6A", "route-weak": "#7DCFFF"},
    ),
    Theme(
        name="llmroute-light",
        primary="#2352B5",
        secondary="#4A5578",
        accent="#8A4B00",
        foreground="#1C2230",
        background="#FCFCFA",
        surface="#F1F1ED",
        panel="#E6E6E0",
        success="#2F6B1F",
        warning="#8A4B00",
        error="#B3202F",
        dark=False,
        variables={"route-strong": "#8A4B00", "route-middle": "#3A6B1F", "route-weak": "#0B5A7A"},
    ),
    Theme(
        name="llmroute-contrast",
        primary="#66CCFF",
        secondary="#FFFFFF",
        accent="#FFFF00",
        foreground="#FFFFFF",
        background="#000000",
        surface="#000000",
        panel="#1A1A1A",
        success="#00FF00",
        warning="#FFFF00",
        error="#FF8080",
        dark=True,
        variables={
            "route-strong": "#FFFF00",
            "route-middle": "#66FF66",
            "route-weak": "#66FFFF",
            "block-cursor-blurred-background": "#66CCFF 45%",
            "scrollbar": "#66CCFF",
            "text-muted": "auto 85%",
            "text-disabled": "auto 70%",
        },
    ),
)


def full_name(name: str) -> str:
    """The theme's name as Textual has it: ours may be called "dark", "light" and "contrast"."""
    return f"{OURS}{name}" if f"{OURS}{name}" in {theme.name for theme in THEMES} else name


def names_in_words(known: Iterable[str]) -> str:
    """What a theme may be called, ours first."""
    return ", ".join(short_names(known))


def short_names(known: Iterable[str]) -> list[str]:
    """The names of the themes as they are typed, ours first."""
    ours = [theme.name.removeprefix(OURS) for theme in THEMES]
    return [*ours, *sorted(name for name in known if not name.startswith(OURS))]


def choose_theme(app: App[None], name: str) -> None:
    """Change the colours; without a name, let the user choose from a list.

    Raises:
        UsageError: no theme has that name.
    """
    known, chosen = app.available_themes, full_name(name)
    if not name:
        app.search_themes()
    elif chosen in known:
        app.theme = chosen
    else:
        raise UsageError(f"No theme is named {name}.", hint=f"There are {names_in_words(known)}")


def check_theme(program: Program, known: Iterable[str]) -> None:
    """Check that the theme exists.

    Raises:
        SettingsError: there is none of that name.
    """
    theme, known = program.settings.theme, list(known)
    if full_name(theme) not in known:
        where = program.loaded.origins.get("theme", "default")
        raise SettingsError(f"{where}: theme is {theme!r}: expected one of {names_in_words(known)}")
