"""The chat's own colours: dark, light, and of the highest contrast."""

from __future__ import annotations

from textual.theme import Theme

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
        variables={"route-strong": "#FFFF00", "route-middle": "#66FF66", "route-weak": "#66FFFF"},
    ),
)
