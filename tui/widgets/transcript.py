"""The conversation from its first turn to its last; the end stays in sight until one scrolls up."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from textual._styles_cache import StylesCache
from textual.containers import VerticalScroll
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.widget import Widget

from tui.widgets.block import Block
from tui.widgets.card import Card
from tui.widgets.reply import Reply


class Transcript(VerticalScroll, can_focus=False):
    """Said and Reply widgets, in turns. Clicking on one does not take the focus from the draft."""

    DEFAULT_CSS = """
    Transcript { layout: stream; height: 1fr; scrollbar-size-vertical: 1;
        scrollbar-gutter: stable; }
    """

    class NearTop(Message):
        """The user has scrolled up nearly as far as there is something to see."""

    _first: tuple[Widget, int] | None = None  # and its line, until what comes above it is there

    def on_mount(self) -> None:
        self.watch(self.screen, "selections", self._hold_still, init=False)

    @property
    def is_near_top(self) -> bool:
        """Whether less than a screenful is above what is in sight."""
        return self.scroll_y < self.size.height

    @property
    def follows_end(self) -> bool:
        """Whether the end stays in sight as more comes: the user has not scrolled up."""
        return self.is_anchored and not self._anchor_released  # Textual's

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self.is_near_top:
            self.post_message(self.NearTop())

    def watch_virtual_size(self, size: Size) -> None:
        """Follow the end once there is more than fits: less than that hangs at the bottom."""
        self._stay()
        # Textual sets container_size after this: it is still that of the layout before.
        overflows = 0 < self.size.height < size.height
        if overflows != self.is_anchored:
            self.anchor(overflows)
            # Textual's anchor waits for the scrollbar, which only the next layout shows.
            self.scroll_end(animate=False, immediate=True, force=True)

    def _stay(self) -> None:
        """Scroll by as many lines as have come above what is in sight."""
        first, line = self._first or (None, 0)
        if first and (more := first.virtual_region.y - line):
            self._first = None
            y = self.scroll_y + more
            self.scroll_to(y=y, animate=False, immediate=True, force=True, release_anchor=False)

    def _hold_still(self, selections: Mapping[Widget, Selection]) -> None:
        """Let nothing move under the mouse that selects."""
        if any(self in widget.ancestors for widget in selections):
            self.release_anchor()
        elif self.is_anchored and self.scroll_y >= self.max_scroll_y:
            self.anchor()

    async def add(self, *turns: Widget) -> None:
        """Show more at the end, and go there."""
        await self.mount(*turns)
        if self.is_anchored:
            self.anchor()

    @property
    def blocks(self) -> list[Block]:
        """The messages that are shown, from the first to the last."""
        return [child for child in self.children if isinstance(child, Block)]

    def block(self, message_id: str) -> Block | None:
        """What shows that message."""
        return next((b for b in self.blocks if message_id and b.message_id == message_id), None)

    def beside(self, block: Block, step: int) -> Block | None:
        """The message that many before or after this one."""
        blocks = self.blocks
        at = blocks.index(block) + step
        return blocks[at] if 0 <= at < len(blocks) else None

    def walk(self, step: int) -> bool:
        """Go to the message before or after the one in focus; whether there is one."""
        blocks = self.blocks
        at = next((n for n, block in enumerate(blocks) if block.has_focus), len(blocks)) + step
        if not 0 <= at < len(blocks):
            return False
        blocks[at].walk_to()
        return True

    def scroll_to_line(self, block: Block, line: int) -> None:
        """Bring a line of that message in sight."""
        y = block.virtual_region.y + block.prose.virtual_region.y + line
        self.release_anchor()
        self.scroll_to_region(Region(0, y, 1, 1), center=True, animate=False)

    async def drop_from(self, block: Block | None) -> None:
        """Take a message away, and all after it."""
        if block is not None:
            await self.remove_children(self.children[self.children.index(block) :])

    async def drop_before(self, block: Block) -> None:
        """Take away all before a message."""
        await self.remove_children(self.children[: self.children.index(block)])
        StylesCache.get_inner_outer.cache_clear()  # it would keep what they looked like

    async def keep(self, message_ids: Container[str]) -> None:
        """Take away all but these messages."""
        gone = [block for block in self.blocks if block.message_id not in message_ids]
        await self.remove_children(gone)

    async def add_before(self, turns: Sequence[Widget]) -> None:
        """Show earlier turns; what is in sight stays where it is."""
        if self.is_anchored and not self.follows_end and self.children:
            self._first = self.children[0], self.children[0].virtual_region.y
        await self.mount(*turns, before=0)

    async def show(self, turns: Sequence[Widget]) -> None:
        """Show these turns in place of what was there."""
        self.anchor(False)  # Textual's
        self._first = None
        await self.remove_children()
        StylesCache.get_inner_outer.cache_clear()
        self.scroll_home(animate=False, immediate=True)
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
