"""Words looked for in the conversation in sight: marked, counted, gone through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import on

from tui.screens.cards import CardsScreen
from tui.widgets.block import Block
from tui.widgets.find import Find
from tui.widgets.talk import Talk


class Found(NamedTuple):
    """A place that holds the words: a line of a message."""

    block: Block
    line: int


class FindingScreen(CardsScreen):
    """What ctrl+f does. The newest place comes first: it is the one in sight."""

    _places: Sequence[Found] = ()
    _at = 0

    def action_find(self) -> None:
        """Look for words in this conversation."""
        self.query_one(Find).open()
        self.talk.show_all()

    @on(Talk.Whole)
    def _look_again(self) -> None:
        """Earlier messages that were not shown yet are looked through too."""
        self.query_one(Find).again()

    @on(Find.Searched)
    def _look(self, message: Find.Searched) -> None:
        blocks = self.talk.transcript.blocks
        self._places = [Found(b, line) for b in blocks for line in b.find(message.words)]
        self._go_to(len(self._places) - 1)

    @on(Find.Moved)
    def _move(self, message: Find.Moved) -> None:
        if self._places:
            self._go_to((self._at + message.step) % len(self._places))

    @on(Find.Closed)
    def _stop_looking(self) -> None:
        for block in self.talk.transcript.blocks:
            block.find("")
        self._places = ()
        self.composer.draft.focus()

    def _go_to(self, at: int) -> None:
        self.query_one(Find).count(at + 1, len(self._places))
        if not self._places:
            return
        before = self._places[min(self._at, len(self._places) - 1)]
        self._at = at
        block, line = self._places[at]
        before.block.point_at(None)
        block.point_at(line)
        self.talk.transcript.scroll_to_line(block, line)
