"""The threshold slider: a share of strong calls, and what it would have made of the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.money import marked_usd, percent, turns_text
from tui.screens.slider import READING, Slider
from tui.widgets.tones import MUTED

if TYPE_CHECKING:
    from tui.sessions import Routed


class Past(NamedTuple):
    """Routed turns that compare; `left_out`: how many do not, by other models or routers."""

    known: Sequence[Routed] = ()
    left_out: int = 0


class ThresholdScreen(Slider[Past]):
    """The share beside what it makes of this session, whose routed turns are given, and of all."""

    def __init__(
        self,
        share: float,
        thresholds: Mapping[float, float],
        session: Sequence[Routed],
        read: Callable[[], Past],
    ) -> None:
        super().__init__(share, thresholds, read)
        self.session = session

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Share of strong calls", "bold"))
            yield Static(id="share")
            yield Static(id="preview")
            yield Static(Content.styled("\n← → change · enter take it · esc leave it", MUTED))

    def draw(self) -> None:
        """Show the share and what it makes of the history, as far as that was read."""
        threshold = self.thresholds[self.share]
        shown = f"\n  {percent(self.share)} strong   win probability ≥ {threshold:.4f}\n"
        self.query_one("#share", Static).update(Content(shown))
        lines = _scope("this session", preview(self.session, threshold))
        if self.history is None:
            lines += _scope("all history", [READING])
        else:
            lines += _scope("all history", preview(self.history.known, threshold))
            if left_out := self.history.left_out:
                lines.append(f"  left out, of other models or another router: {left_out:,}")
        self.query_one("#preview", Static).update(Content("\n".join(lines)))


def preview(turns: Sequence[Routed], threshold: float) -> list[str]:
    """What the turns would have been, in two lines: "6W 1S, 2 would flip" and what it costs.

    A sum in which a model is billed for a reply that it did not write is marked "~".
    """
    from tui.sessions import outcome

    if not turns:
        return ["no routed turn yet"]
    then = outcome(turns, threshold)
    spent = marked_usd("~" if then.flipped else "", then.cost_usd)
    unknown = f" + {then.unpriced:,} x $?" if then.unpriced else ""
    saved = ""
    if then.all_strong_usd > 0:
        share = percent(then.saved_usd / then.all_strong_usd)
        estimated = then.turns.get("strong", 0) < len(turns)
        saved = f", saved {marked_usd('~' if estimated else '', then.saved_usd)} ({share})"
    return [
        f"{turns_text(then.turns)}, {then.flipped:,} would flip",
        f"{spent}{unknown}{saved}",
    ]


def _scope(name: str, lines: Sequence[str]) -> list[str]:
    """The lines with what they are about before the first."""
    heads = [name, *([""] * (len(lines) - 1))]
    return [f"  {head:<14}{line}" for head, line in zip(heads, lines, strict=True)]
