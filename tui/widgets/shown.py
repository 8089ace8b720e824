"""The part of a conversation on screen: the messages of its branch, and the reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.message import Message as Notice

from tui.live_turn import LiveTurn
from tui.messages import Opened, Where
from tui.turns import Turns
from tui.widgets.block import Place
from tui.widgets.card import Card
from tui.widgets.reply import Reply
from tui.widgets.transcript import Transcript
from tui.widgets.why import Why
from tui.workers import start_worker

if TYPE_CHECKING:
    from tui.sessions import Message, Session

FIRST_SHOWN = 12  # messages of an opened conversation that are shown at once
MOST_SHOWN, STILL_SHOWN = 96, 48  # of a conversation that grows: past the first, the latter stay
BATCH = 24  # others that are shown at a time after that, once one scrolls up to them


class Reading:
    """That a branch is being read; another one where another branch is."""


class Shown(Vertical):
    """Transcript and why panel of one conversation."""

    class Changed(Notice):
        """Something that the header or the meter shows is another."""

    class GaveBack(Notice):
        """A turn failed; its text, "" where some of it was answered, is the composer's again."""

        def __init__(self, text: str, card: Card) -> None:
            self.text = text
            self.card = card
            super().__init__()

    class Whole(Notice):
        """All of the conversation is shown, as `show_all` was to do."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self.turns = turns
        self._walk_to = ""
        self._earlier: Sequence[Message] = ()  # of the branch in sight, those that are not shown
        self._wants_all = False
        self._reading: Reading | None = None

    @property
    def is_reading(self) -> bool:
        """Whether more of the branch in sight is still to come after what is shown."""
        return self._reading is not None

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self.query_one(Transcript)

    @property
    def why(self) -> Why:
        """The reasons of the last decision."""
        return self.query_one(Why)

    async def open(self, session: Session) -> None:
        """Go on in this session: its end is shown at once, the rest when one scrolls up to it."""
        self.turns.open(session)
        self._earlier, self._wants_all = (), False
        self.why.show(None, None)
        if session.conversation.head:
            self.show_branch()

    def show_branch(self, walk_to: str = "") -> None:
        """Show the branch in sight; what it shares with the one that was shown stays.

        The message `walk_to` takes the focus once it is there.
        """
        self._walk_to = walk_to
        self._reading = Reading()
        read = partial(self._read, self.turns.session, self._reading)
        start_worker(self, read, "open", alone=True)

    def show_all(self) -> None:
        """Show the conversation from its first message; `Whole` tells when it is there."""
        self._wants_all = True
        self._show_earlier()

    async def let_go(self) -> None:
        """Take off the screen what was said long ago, unless one looks there; it can come back."""
        blocks = self.transcript.blocks
        if len(blocks) <= MOST_SHOWN or self._wants_all or not self.transcript.follows_end:
            return
        branch = self.turns.session.conversation.branch()
        first = blocks[-STILL_SHOWN]
        self._earlier = branch[: [message.id for message in branch].index(first.message_id)]
        await self.transcript.drop_before(first)

    def number_versions(self) -> None:
        """Say of each message which of its versions it is."""
        versions = self.turns.session.conversation.versions()
        for block in self.transcript.blocks:
            ids = versions.get(block.message_id, (block.message_id,))
            block.place = Place(ids.index(block.message_id) + 1, len(ids))

    async def _read(self, session: Session, reading: Reading) -> None:
        try:
            await self._read_branch(session)
        finally:
            self.call_later(self._have_read, reading)  # once what was read is shown

    def _have_read(self, reading: Reading) -> None:
        if reading is self._reading:
            self._reading = None

    async def _read_branch(self, session: Session) -> None:
        """Read the branch's texts in a thread, those in sight first."""
        branch = session.conversation.branch()
        ids = [message.id for message in branch]
        kept = {block.message_id for block in self.transcript.blocks}.intersection(ids)
        first = min(map(ids.index, kept)) if kept else max(len(ids) - FIRST_SHOWN, 0)
        self._earlier = branch[:first]
        rest = branch[first + len(kept) :]
        await self._post(session, rest[:FIRST_SHOWN], "after" if kept else "alone")
        for start in range(FIRST_SHOWN, len(rest), BATCH):
            await self._post(session, rest[start : start + BATCH], "after")

    @on(Transcript.NearTop)
    def _show_earlier(self) -> None:
        """Show some more of what was said before, where it is wanted."""
        if self._earlier and (self._wants_all or self.transcript.is_near_top):
            post = partial(self._post, self.turns.session, self._earlier[-BATCH:], "before")
            start_worker(self, post, "earlier", alone=True)
        elif self._wants_all:
            self._wants_all = False
            self.post_message(self.Whole())

    async def _post(self, session: Session, messages: Sequence[Message], where: Where) -> None:
        from tui.widgets.branch import read_branch

        width = max(self.transcript.size.width - 3, 0)
        views = await asyncio.to_thread(read_branch, messages, width)
        self.post_message(Opened(session, views, where))

    @on(Opened)
    async def _opened(self, message: Opened) -> None:
        session = self.turns.session
        if message.session is not session:
            return
        before = message.where == "before"
        if before and list(self._earlier[-len(message.views) :]) != [
            v.message for v in message.views
        ]:
            return  # asked for twice, or of another branch
        blocks = [view.block(self.turns.new_key()) for view in message.views]
        match message.where:
            case "alone":
                await self.transcript.show(blocks)
            case "after":
                await self.transcript.keep({said.id for said in session.branch()})
                await self.transcript.mount(*blocks)
            case "before":
                self._earlier = self._earlier[: -len(blocks)]
                await self.transcript.add_before(blocks)
        self.number_versions()
        if reached := self.transcript.block(self._walk_to):
            self._walk_to = ""
            self.call_after_refresh(reached.walk_to)
        if not before:
            await self._resume(session)
        self.call_after_refresh(self._show_earlier)

    async def _resume(self, session: Session) -> None:
        """The branch's last turn is the one to answer again and to give reasons for."""
        branch = session.branch()
        shown = {block.message_id: block for block in self.transcript.query(Reply)}
        prompt, reply = _last_turn(branch)
        last = shown.get(reply.id) if reply else None
        key = last.key if last else self.turns.new_key()
        self.turns.last = LiveTurn.stored(session, prompt, reply, key) if prompt else None
        if last and reply:
            self.why.show(last.decision, last.bill)
            await self._offer(last, reply)
        self.post_message(self.Changed())

    async def _offer(self, shown: Reply, reply: Message) -> None:
        """Say what can be done about a reply that was not finished."""
        from tui.widgets.branch import interruption

        error = interruption(reply)
        if error and not shown.query(Card):
            self.post_message(self.GaveBack("", await shown.offer(error)))


def _last_turn(branch: Sequence[Message]) -> tuple[Message | None, Message | None]:
    """What was said last and its reply, where there is one."""
    match branch:
        case [*_, prompt, reply] if reply.role == "assistant":
            return prompt, reply
        case [*_, prompt] if prompt.role == "user":
            return prompt, None
    return None, None
