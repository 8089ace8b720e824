"""Cost and quality over the user's own history, as the share of strong calls moves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from tui.evaluation.plots import Chart, Line, draw_in
from tui.money import marked_usd, percent, turns_text, usd
from tui.screens.slider import READING, Slider
from tui.sessions import Judged, Outcome, Routed, WishesMet, outcome, separation, wishes_met
from tui.widgets.tones import MUTED

ENOUGH_JUDGED = 20  # turns, of fewer nothing can be said
NOTHING = "No turn was routed yet by this router between these models."
NO_WISHES = (
    "No reply was judged yet: /good, /bad and asking for the strong model draw the other line."
)


class History(NamedTuple):
    """Routed turns that compare, and those of them that were judged.

    Attributes:
        left_out: how many turns do not compare, by other models or routers.
    """

    turns: Sequence[Routed] = ()
    judged: Sequence[Judged] = ()
    left_out: int = 0


class Point(NamedTuple):
    """What a share of strong calls makes of the history."""

    outcome: Outcome
    wishes: WishesMet


class CurveScreen(Slider[History]):
    """The curve over all shares, and its point at the one in sight."""

    DEFAULT_CSS = """
    CurveScreen > Vertical { width: 96; max-width: 98%; height: 32; max-height: 96%; }
    CurveScreen #told { height: auto; }
    """

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Quality and cost over your history", "bold"))
            yield PlotextPlot()
            yield Static(READING, id="told")
            yield Static(Content.styled("\n← → move · enter take it · esc leave it", MUTED))

    def draw(self) -> None:
        """Show the curve, once the history was read."""
        if self.history is None:
            return
        plot = self.query_one(PlotextPlot)
        if self.history.turns:
            draw_in(plot.plt, chart(self.points))
            plot.plt.vline(100 * self.share)
            plot.refresh()
        lines = told(self.points[self.share], self.share, self.history)
        self.query_one("#told", Static).update(Content("\n".join(lines)))

    @cached_property
    def points(self) -> dict[float, Point]:
        """What each share makes of the history that was read."""
        history = self.history or History()
        return {
            share: Point(outcome(history.turns, threshold), wishes_met(history.judged, threshold))
            for share, threshold in sorted(self.thresholds.items())
        }


def chart(points: Mapping[float, Point]) -> Chart:
    """Cost and met wishes in percent, over the share of strong calls in percent."""
    x = [100 * share for share in points]
    costs = [
        100 * each.outcome.cost_usd / each.outcome.all_strong_usd
        for each in points.values()
        if each.outcome.all_strong_usd > 0
    ]
    wishes = [each.wishes for each in points.values()]
    lines = [
        Line("cost, % of all strong", x, costs),
        Line(
            "strong where you wanted it, %",
            x,
            [100 * each.got_strong / each.wants_strong for each in wishes if each.wants_strong],
        ),
        Line(
            "weak where it was enough, %",
            x,
            [100 * each.stay_weak / each.weak_enough for each in wishes if each.weak_enough],
        ),
    ]
    if lines[1].y:
        lines.append(Line("strong at random, %", x, x, is_reference=True))
    return Chart("", "share of strong calls, %", "", [line for line in lines if line.y])


def told(point: Point, share: float, history: History) -> list[str]:
    """The point in words."""
    if not history.turns:
        lines = [NOTHING]
    else:
        then, wishes = point
        flips = f"{then.flipped:,} would flip"
        lines = [f"{percent(share)} strong: {turns_text(then.turns)}, {flips}; {_cost(then)}"]
        lines.append(_wishes(wishes) if history.judged else NO_WISHES)
        lines += filter(None, [verdict(history.judged)])
    if history.left_out:
        lines.append(f"left out, of other models or another router: {history.left_out:,}")
    return lines


def _cost(then: Outcome) -> str:
    """What it costs of what all strong calls would: ~$0.0123 of $0.0400 all strong (31 %)."""
    unknown = f" + {then.unpriced:,} x $?" if then.unpriced else ""
    spent = f"{marked_usd('~' if then.flipped else '', then.cost_usd)}{unknown}"
    if then.all_strong_usd <= 0:
        return spent
    return (
        f"{spent} of {usd(then.all_strong_usd)} all strong "
        f"({percent(then.cost_usd / then.all_strong_usd)})"
    )


def _wishes(wishes: WishesMet) -> str:
    parts = []
    if wishes.wants_strong:
        parts.append(
            f"strong in {wishes.got_strong:,} of {wishes.wants_strong:,} where you wanted it"
        )
    if wishes.weak_enough:
        parts.append(f"weak in {wishes.stay_weak:,} of {wishes.weak_enough:,} where it was enough")
    few = wishes.wants_strong + wishes.weak_enough < ENOUGH_JUDGED
    return f"judged turns: {', '.join(parts)}{': too few to go by' if few else ''}"


def verdict(turns: Sequence[Judged]) -> str:
    """Whether routing serves the user's wishes, in a sentence; "" where too few were judged."""
    if len(turns) < ENOUGH_JUDGED:
        return ""
    found = separation(turns)
    strongest, *others = turns[-1].turn.models
    if found is None and turns[0].wants_strong:
        return f"On your data, always use {strongest}: you wanted it in all {len(turns):,}."
    if found is None:
        return f"On your data, always use {' or '.join(others)}: that was enough in all."
    pairs = f"{percent(found.right)} of pairs in the right order, 50 % by chance"
    if found.is_clear:
        return f"The router separates the two: {pairs}."
    return f"The router does not separate the two so far: {pairs}."
