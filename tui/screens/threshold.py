"""The threshold slider: a share of strong calls, and what it would have done to this session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Static

from routing.cost import Bill
from routing.decide import tier_for
from routing.models import Tier
from tui.money import percent, usd
from tui.widgets.tones import MUTED

if TYPE_CHECKING:
    from tui.sessions import Message

STEP = 0.05


class Past(NamedTuple):
    """A routed turn of this session: its win probability and what each model costs for it."""

    win_probability: float
    strong_usd: float | None
    weak_usd: float | None


class ThresholdScreen(ModalScreen[float | None]):
    """Left and right change the share; Enter takes it, Esc leaves it."""

    DEFAULT_CSS = """
    ThresholdScreen { align: center middle; }
    ThresholdScreen > Vertical { width: 64; max-width: 95%; height: auto; padding: 1 2;
        border: round $primary; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,minus", "step(-1)", "Less strong", id="threshold.less"),
        Binding("right,plus", "step(1)", "More strong", id="threshold.more"),
        Binding("enter", "take", "Take it", id="threshold.take"),
        Binding("escape", "leave", "Leave it", id="threshold.leave"),
    ]

    share: reactive[float] = reactive(0.3, init=False)

    def __init__(
        self, share: float, thresholds: Mapping[float, float], past: Sequence[Past]
    ) -> None:
        super().__init__()
        self.thresholds = thresholds
        self.past = past
        self.set_reactive(ThresholdScreen.share, nearest(share, thresholds))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Share of strong calls", "bold"))
            yield Static(id="share")
            yield Static(id="preview")
            yield Static(Content.styled("\n← → change · enter take it · esc leave it", MUTED))

    def on_mount(self) -> None:
        self.watch_share()

    def watch_share(self) -> None:
        threshold = self.thresholds[self.share]
        shown = f"\n  {percent(self.share)} strong   win probability ≥ {threshold:.4f}"
        self.query_one("#share", Static).update(Content(shown))
        self.query_one("#preview", Static).update(Content(f"  {preview(self.past, threshold)}"))

    def action_step(self, step: int) -> None:
        shares = sorted(self.thresholds)
        at = shares.index(self.share) + step
        self.share = shares[min(max(at, 0), len(shares) - 1)]

    def action_take(self) -> None:
        self.dismiss(self.share)

    def action_leave(self) -> None:
        self.dismiss(None)


def past_turns(branch: Sequence[Message]) -> list[Past]:
    """The turns of a conversation that a router decided."""
    return [
        Past(
            said.decision.win_probability,
            *_both_prices(said.decision.tier, said.bill),
        )
        for said in branch
        if said.decision and said.bill and said.decision.win_probability is not None
    ]


def _both_prices(tier: Tier, bill: Bill) -> tuple[float | None, float | None]:
    """What the strong and the weak model cost for that turn's tokens."""
    paid, other = bill.cost_usd, bill.other_usd
    return (paid, other) if tier == "strong" else (other, paid)


def shares() -> list[float]:
    """The shares that the slider stops at."""
    return [round(STEP * n, 2) for n in range(round(1 / STEP) + 1)]


def nearest(share: float, thresholds: Mapping[float, float]) -> float:
    """The slider's stop that is closest to the share."""
    return min(thresholds, key=lambda stop: abs(stop - share))


def preview(past: Sequence[Past], threshold: float) -> str:
    """What this session's turns would have been: "6W 1S, $0.0090"."""
    if not past:
        return "no routed turn in this session yet"
    strong = [tier_for(turn.win_probability, threshold) == "strong" for turn in past]
    costs = [
        turn.strong_usd if taken else turn.weak_usd
        for turn, taken in zip(past, strong, strict=True)
    ]
    known = [cost for cost in costs if cost is not None]
    total = usd(sum(known)) if len(known) == len(costs) else f"{usd(sum(known))} + $?"
    return f"this session: {len(past) - sum(strong)}W {sum(strong)}S, ~{total}"
