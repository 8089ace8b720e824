"""Sending a message: from the editor, with attached files, or held back while it waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import on
from textual.app import SuspendNotSupported

from tui.attachments import attach, missing
from tui.editor import edit
from tui.errors import UsageError
from tui.messages import PoolChosen
from tui.screens.blocks import BlocksScreen
from tui.screens.routing import RoutingScreen
from tui.screens.slash import as_typed
from tui.turns import Pin
from tui.widgets.actions import Actionable
from tui.widgets.talk import Talk
from tui.widgets.welcome import OPENING_ACTIONS, Welcome

FOLLOWS = "It is sent when this reply is done; Esc stops the reply."


class SayingScreen(BlocksScreen, RoutingScreen):
    """Sends the user's messages, or holds them back."""

    _waiting: tuple[str, Pin] | None = None  # for models: what was sent while there were none
    _following: tuple[str, Pin] | None = None  # the reply: what was sent while it streamed

    async def say(self, text: str, pin: Pin) -> None:
        """Send a message, unless it has to wait: then it is the composer's again."""
        if self.talk.turns.live:
            self._hold_back(text, FOLLOWS)
            self._following = text, pin
        elif self.talk.turns.session.read_only:
            self._hold_back(text, f"{self.talk.turns.session.trouble} /fork continues in a copy.")
        elif self.talk.turns.routing.pool is None:
            await self._answer_welcome(text, pin)
        else:
            await self._send(text, pin)

    def action_editor(self) -> None:
        """Go on with the draft in the user's own editor, which has the terminal meanwhile."""
        if self.talk.turns.live:
            self.tell("A reply is streaming; the editor opens when it is done.")
            return
        try:
            with self.app.suspend():
                written = self._written()
        except SuspendNotSupported:
            self.tell("An editor cannot be opened from here.")
        else:
            if isinstance(written, UsageError):
                self.tell(str(written), written.hint)
            else:
                self.composer.exchange(written)
        self.composer.draft.focus()

    def _written(self) -> str | UsageError:
        """The draft as it was left in the editor, or why not.

        Nothing is raised: Textual takes the terminal back only where nothing was.
        """
        try:
            return edit(self.composer.text, self.program.environment)
        except UsageError as error:
            return error

    async def _send(self, text: str, pin: Pin) -> None:
        folder = Path.cwd()
        try:
            whole = await asyncio.to_thread(attach, text, folder)
        except UsageError as error:
            self._hold_back(text, str(error))
            return
        edited, self.editing = self.editing, None
        former = self.talk.turn_of(edited) if edited else None
        if former:
            self.learn_outdone(former)
        await self.talk.say(whole, pin, replaces=edited)
        self.composer.restore(self._draft_aside)
        self._draft_aside = ""
        if lost := await asyncio.to_thread(missing, text, folder):
            self.warn(f"There is no such file here: {', '.join(lost)}. It was sent as plain text.")

    async def _answer_welcome(self, text: str, pin: Pin) -> None:
        """Do what a lone letter says, where the welcome is in sight; else it is a message."""
        keys = {action.key: action.name for action in OPENING_ACTIONS}
        chosen = keys.get(text.strip().lower()) if self.query(Welcome) else None
        if chosen and not self._waiting:
            self.query_one(Welcome).post_message(Actionable.Chosen(chosen))
        else:
            self.composer.restore(as_typed(text))
            await self._wait_for_models(text, pin)

    async def _wait_for_models(self, text: str, pin: Pin) -> None:
        """Ask who answers; the message is sent then, if the user has not changed it."""
        if not self.query(Welcome):
            await self.talk.transcript.add(self.welcome())
            self.look_around()
        self._waiting = text, pin
        welcome = self.query_one(Welcome)
        welcome.holds_message = True
        welcome.take_focus()

    @on(PoolChosen)
    async def _send_what_waited(self) -> None:
        await self.query(Welcome).remove()
        waiting, self._waiting = self._waiting, None
        if waiting and as_typed(waiting[0]) == self.composer.text:
            self.composer.send(waiting[1])

    @on(Talk.Finished)
    def _send_what_follows(self, message: Talk.Finished) -> None:
        """Send what was sent while the reply streamed, unless that failed or the draft changed."""
        following, self._following = self._following, None
        answered = message.turn.whole or message.turn.stopped
        if following and answered and as_typed(following[0]) == self.composer.text:
            self.composer.send(following[1])

    def _hold_back(self, text: str, why: str) -> None:
        self.composer.restore(as_typed(text))
        self.tell(why)
