"""The chat under NO_COLOR: no colour is written, and what only colours told apart is reversed."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

LIGHT = 0.5  # brightness of a background, in [0, 1], from which on its cells are reversed
FAINT = 0.7  # brightness of letters below which they are dim

# Black or white, for the filter to tell apart; what lies between is not marked.
COLOURLESS = Theme(
    name="llmroute-colourless",
    primary="#FFFFFF",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#000000",
    boost="#000000",
    variables={
        "route-strong": "#FFFFFF",
        "route-middle": "#FFFFFF",
        "route-weak": "#FFFFFF",
        "block-cursor-background": "#FFFFFF",
        "block-cursor-foreground": "#000000",
        "block-cursor-blurred-background": "#000000",
        "block-cursor-blurred-text-style": "bold underline",
        "border-blurred": "#FFFFFF",
        "input-selection-background": "#FFFFFF",
        "input-selection-foreground": "#000000",
        "screen-selection-background": "#FFFFFF",
        "screen-selection-foreground": "#000000",
        "scrollbar": "#FFFFFF",
        "scrollbar-hover": "#FFFFFF",
        "scrollbar-background": "#000000",
        "scrollbar-background-hover": "#000000",
        "scrollbar-background-active": "#000000",
    },
)


class WithoutColour(LineFilter):
    """Takes the colours out of what is drawn, and reverses what was drawn on a light background.

    Textual's own filters leave greys, or nothing of a selection.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colours."""
        return [
            Segment(text, style and _without_colour(style), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    letters, ground = _brightness(style, 1.0, of_letters=True), _brightness(style, 0.0)
    if style.reverse:
        letters, ground = ground, letters
    is_light = ground > LIGHT
    told = Style(reverse=is_light, dim=not is_light and letters < FAINT, meta=style.meta)
    return style.without_color + told


def _brightness(style: Style, default: float, *, of_letters: bool = False) -> float:
    colour = style.color if of_letters else style.bgcolor
    if colour is None or colour.is_default:
        return default
    return Color.from_rich_color(colour).brightness
