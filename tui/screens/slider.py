"""A slider over the shares of strong calls, with what each share makes of the history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from tui.screens.dialogue import Dialogue
from tui.workers import start_worker

STEP = 0.05
READING = "reading …"

H = TypeVar("H")


class Slider(Dialogue[float], Generic[H]):
    """Left and right move it; Enter takes the share, Esc leaves it.

    Args:
        share: where it stands at first, or near to that.
        thresholds: the win probability from which on a turn is strong, by share.
        read: reads the history; called in a thread.

    Attributes:
        history: what was read; None before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,minus", "step(-1)", "Less strong", id="slider.less"),
        Binding("right,plus", "step(1)", "More strong", id="slider.more"),
        Binding("enter", "take", "Take it", id="slider.take"),
        Binding("escape", "leave", "Leave it", id="slider.leave"),
    ]

    class Read(Message):
        """The history was read."""

        def __init__(self, history: Any) -> None:  # noqa: ANN401  # a Message has no type variable
            self.history = history
            super().__init__()

    share: reactive[float] = reactive(0.3, init=False)

    def __init__(
        self, share: float, thresholds: Mapping[float, float], read: Callable[[], H]
    ) -> None:
        super().__init__()
        self.thresholds = thresholds
        self.read = read
        self.history: H | None = None
        self.set_reactive(Slider.share, min(thresholds, key=lambda stop: abs(stop - share)))

    def on_mount(self) -> None:
        self.draw()
        start_worker(self, self._read_history, "history")

    def watch_share(self) -> None:
        self.draw()

    def on_slider_read(self, message: Read) -> None:
        self.history = message.history
        self.draw()

    def action_step(self, step: int) -> None:
        shares = sorted(self.thresholds)
        at = shares.index(self.share) + step
        self.share = shares[min(max(at, 0), len(shares) - 1)]

    def action_take(self) -> None:
        self.dismiss(self.share)

    def draw(self) -> None:
        """Show the share and what it makes of the history, as far as that was read."""
        raise NotImplementedError

    async def _read_history(self) -> None:
        self.post_message(self.Read(await asyncio.to_thread(self.read)))


def shares() -> list[float]:
    """The shares that the slider stops at."""
    return [round(STEP * n, 2) for n in range(round(1 / STEP) + 1)]
