"""The conversation from its first turn to its last; the end stays in sight until one scrolls up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widget import Widget

from tui.widgets.card import Card
from tui.widgets.reply import Reply
from tui.widgets.said import Said


class Transcript(VerticalScroll, can_focus=True):
    """Said and Reply, in turns."""

    DEFAULT_CSS = """
    Transcript { layout: stream; height: 1fr; scrollbar-size-vertical: 1;
        scrollbar-gutter: stable; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Scroll down", show=False, id="transcript.down"),
        Binding("k", "scroll_up", "Scroll up", show=False, id="transcript.up"),
    ]

    def watch_virtual_size(self, size: Size) -> None:
        """Follow the end once there is more than fits: less than that hangs at the bottom."""
        overflows = 0 < self.container_size.height < size.height
        if overflows != self.is_anchored:
            self.anchor(overflows)

    async def add(self, *turns: Widget) -> None:
        """Show more at the end, and go there."""
        await self.mount(*turns)
        if self.is_anchored:
            self.anchor()

    async def drop(self, key: str, *, said: bool = False) -> None:
        """Take a reply away, and what was said before it."""
        reply = self.reply(key)
        if reply is None:
            return
        before = self.children[self.children.index(reply) - 1]
        if said and isinstance(before, Said):
            await before.remove()
        await reply.remove()

    async def add_before(self, turns: Sequence[Widget]) -> None:
        """Show earlier turns; what is in sight stays where it is."""
        await self.mount(*turns, before=0)

    async def show(self, turns: Sequence[Widget]) -> None:
        """Show these turns in place of what was there."""
        self.anchor(False)  # Textual's
        await self.remove_children()
        self.scroll_home(animate=False)
        await self.add(*turns)

    def reply(self, key: str) -> Reply | None:
        """The reply of that key, where it is shown."""
        return next((reply for reply in self.query(Reply) if reply.key == key), None)

    @property
    def last_reply(self) -> Reply | None:
        """The newest reply."""
        replies = self.query(Reply)
        return replies.last() if replies else None

    @property
    def last_card(self) -> Card | None:
        """The card of the newest turn, where that failed."""
        cards = self.query(Card)
        return cards.last() if cards else None
