"""One reply in the transcript: its badge, its words, and what went wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from routing.cost import Bill
from routing.decide import Decision
from routing.errors import RoutingError
from tui.errors import AppError
from tui.widgets.actions import Actionable
from tui.widgets.badge import Badge, cost_text
from tui.widgets.block import Block
from tui.widgets.card import OTHER, Card
from tui.widgets.prose import Prose

if TYPE_CHECKING:
    from tui.markdown.document import Document

PAINT_SECONDS = 0.1  # ten times a second a reader sees no difference
BUSY_SHARE = 0.2  # of the time is the most that painting may take


class Reply(Block):
    """A reply that waits, streams, is whole, or failed."""

    DEFAULT_CSS = """
    Reply > .reply--note { color: $text-warning; height: auto; }
    """

    class CardChosen(Message):
        """The user chose what to do about this reply's card."""

        def __init__(self, key: str, name: str) -> None:
            self.key = key
            self.name = name
            super().__init__()

    def __init__(
        self,
        key: str,
        *,
        document: Document | None = None,
        decision: Decision | None = None,
        note: str = "",
    ) -> None:
        super().__init__()
        self.key = key
        self.decision = decision
        self.bill: Bill | None = None
        self.note = note
        self.badge = Badge()
        self.badge.decision = decision
        self.prose = Prose(document)
        self._arrived: list[str] = []
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.badge
        yield self.prose
        if self.note:
            yield Static(Content(self.note), classes="reply--note")

    def on_actionable_chosen(self, message: Actionable.Chosen) -> None:
        """A card does not know whose it is."""
        message.stop()
        self.post_message(self.CardChosen(self.key, message.name))

    @property
    def copied(self) -> str:
        return self.prose.source

    @property
    def has_begun(self) -> bool:
        """Whether some of its words have come."""
        return bool(self._arrived or self.prose.source)

    def watch_place(self) -> None:
        self.badge.place = str(self.place)

    def wait(self, why: str) -> None:
        """Say what the turn waits for, or waited for in vain, before there is a route."""
        self.badge.waiting = why

    def decide(self, decision: Decision) -> None:
        """Show the route."""
        self.decision = self.badge.decision = decision

    def add(self, text: str) -> None:
        """Take the next piece; it is painted a moment later, together with others."""
        self._arrived.append(text)
        if self._timer is None:
            pause = max(PAINT_SECONDS, self.prose.append_seconds / BUSY_SHARE)
            self._timer = self.set_timer(pause, self.paint)

    def paint(self) -> None:
        """Show what has arrived."""
        if self._timer:
            self._timer.stop()
        self._timer = None
        if self._arrived:
            text = "".join(self._arrived)
            self._arrived.clear()
            self.prose.append(text)

    def meter(self, bill: Bill, *, estimated: bool) -> None:
        """Show what the reply costs."""
        self.bill = bill
        self.badge.cost = cost_text(bill.cost_usd, estimated=estimated)

    async def finish(self, note: str = "") -> None:
        """Nothing more comes: read the text once more as a whole."""
        self.paint()
        await self.prose.settle()
        if note:
            await self.mount(Static(Content(note), classes="reply--note"))

    async def fail(self, error: RoutingError | AppError, *, other: str = OTHER.label) -> Card:
        """Show what went wrong below what has arrived; `other` as for the card."""
        await self.finish()
        return await self.offer(error, other=other)

    async def offer(self, error: RoutingError | AppError, *, other: str = OTHER.label) -> Card:
        """Show what went wrong, with what can be done about it, in place of a note."""
        await self.query(".reply--note").remove()
        card = Card(error, begun=self.has_begun, other=other)
        await self.mount(card)
        return card
