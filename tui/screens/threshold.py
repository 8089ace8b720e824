"""The threshold slider: a share of strong calls, and what it would have made of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from tui.money import percent, turns_text, usd
from tui.screens.dialogue import Dialogue
from tui.widgets.tones import MUTED
from tui.workers import start_worker

if TYPE_CHECKING:
    from tui.sessions import Routed

STEP = 0.05
READING = "reading …"


class Past(NamedTuple):
    """Routed turns that compare; `left_out`: how many do not, by other models or routers."""

    known: Sequence[Routed] = ()
    left_out: int = 0


class ThresholdScreen(Dialogue[float]):
    """Left and right change the share; Enter takes it, Esc leaves it.

    Args:
        thresholds: the win probability from which on a turn is strong, by share.
        session: the routed turns of the conversation in sight.
        read: reads those of all conversations; called in a thread.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,minus", "step(-1)", "Less strong", id="threshold.less"),
        Binding("right,plus", "step(1)", "More strong", id="threshold.more"),
        Binding("enter", "take", "Take it", id="threshold.take"),
        Binding("escape", "leave", "Leave it", id="threshold.leave"),
    ]

    class Read(Message):
        """The history was read."""

        def __init__(self, past: Past) -> None:
            self.past = past
            super().__init__()

    share: reactive[float] = reactive(0.3, init=False)

    def __init__(
        self,
        share: float,
        thresholds: Mapping[float, float],
        session: Sequence[Routed],
        read: Callable[[], Past],
    ) -> None:
        super().__init__()
        self.thresholds = thresholds
        self.session = session
        self.read = read
        self.history: Past | None = None
        self.set_reactive(ThresholdScreen.share, nearest(share, thresholds))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Share of strong calls", "bold"))
            yield Static(id="share")
            yield Static(id="preview")
            yield Static(Content.styled("\n← → change · enter take it · esc leave it", MUTED))

    def on_mount(self) -> None:
        self._show()
        start_worker(self, self._read_history, "history")

    def watch_share(self) -> None:
        self._show()

    def on_threshold_screen_read(self, message: Read) -> None:
        self.history = message.past
        self._show()

    def action_step(self, step: int) -> None:
        shares = sorted(self.thresholds)
        at = shares.index(self.share) + step
        self.share = shares[min(max(at, 0), len(shares) - 1)]

    def action_take(self) -> None:
        self.dismiss(self.share)

    async def _read_history(self) -> None:
        self.post_message(self.Read(await asyncio.to_thread(self.read)))

    def _show(self) -> None:
        threshold = self.thresholds[self.share]
        shown = f"\n  {percent(self.share)} strong   win probability ≥ {threshold:.4f}\n"
        self.query_one("#share", Static).update(Content(shown))
        lines = _scope("this session", preview(self.session, threshold))
        if self.history is None:
            lines += _scope("all history", [READING])
        else:
            lines += _scope("all history", preview(self.history.known, threshold))
            if left_out := self.history.left_out:
                lines.append(f"  left out, by other models or routers: {left_out:,}")
        self.query_one("#preview", Static).update(Content("\n".join(lines)))


def shares() -> list[float]:
    """The shares that the slider stops at."""
    return [round(STEP * n, 2) for n in range(round(1 / STEP) + 1)]


def nearest(share: float, thresholds: Mapping[float, float]) -> float:
    """The slider's stop that is closest to the share."""
    return min(thresholds, key=lambda stop: abs(stop - share))


def preview(turns: Sequence[Routed], threshold: float) -> list[str]:
    """What the turns would have been, in two lines: "6W 1S, 2 would flip" and what it costs.

    A sum in which a model is billed for a reply that it did not write is marked "~".
    """
    from tui.sessions import outcome

    if not turns:
        return ["no routed turn yet"]
    then = outcome(turns, threshold)
    spent = f"{'~' if then.flipped else ''}{usd(then.cost_usd)}"
    unknown = f" + {then.unpriced:,} x $?" if then.unpriced else ""
    saved = ""
    if then.all_strong_usd > 0:
        share = percent(then.saved_usd / then.all_strong_usd)
        estimated = then.turns.get("strong", 0) < len(turns)
        saved = f", saved {'~' if estimated else ''}{usd(then.saved_usd)} ({share})"
    return [
        f"{turns_text(then.turns)}, {then.flipped:,} would flip",
        f"{spent}{unknown}{saved}",
    ]


def _scope(name: str, lines: Sequence[str]) -> list[str]:
    """The lines with what they are about before the first."""
    heads = [name, *([""] * (len(lines) - 1))]
    return [f"  {head:<14}{line}" for head, line in zip(heads, lines, strict=True)]
