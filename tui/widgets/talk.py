"""The conversation on the screen: says, shows what arrives, stops, answers again, opens another."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message as Notice
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from routing.conversation import Delta
from routing.errors import RoutingError
from routing.events import Decided, Finished, Metered
from routing.models import DEMO_PAIR, context_of
from tui.errors import AppError, StoreError
from tui.live_turn import SAVE_SECONDS, LiveTurn
from tui.messages import (
    Arrived,
    ContextsKnown,
    Ended,
    EngineDied,
    EngineFailed,
    EngineReady,
    EngineSaid,
    Failed,
    PoolKnown,
    ThresholdKnown,
    Told,
    Trouble,
    Warned,
)
from tui.money import counted
from tui.turns import Pin, Turns
from tui.visible import one_line, visible
from tui.widgets.block import Block
from tui.widgets.card import OTHER
from tui.widgets.reply import Reply
from tui.widgets.said import Said
from tui.widgets.shown import Shown
from tui.widgets.transcript import Transcript
from tui.widgets.welcome import Empty, opening_text
from tui.widgets.why import Why
from tui.workers import start_worker

if TYPE_CHECKING:
    from tui.sessions import State


class Talk(Shown):
    """A conversation on the screen, and the turn under way in it."""

    DEFAULT_CSS = """
    Talk { width: 1fr; }
    Talk > .talk--instructions { display: none; height: 1; padding: 0 2; color: $text-muted;
        text-wrap: nowrap; text-overflow: ellipsis; background: $foreground 5%; }
    """

    class Finished(Notice):
        """A turn is over and stored."""

        def __init__(self, turn: LiveTurn) -> None:
            self.turn = turn
            super().__init__()

    def __init__(self, turns: Turns, clock: Callable[[], datetime]) -> None:
        super().__init__(turns)
        self.clock = clock
        self.warm = False
        self.threshold: float | None = turns.routing.threshold
        self.engine_state = "The router is warming up."
        self.pool_is_new = turns.program.pool_is_given
        self.remarks: Sequence[str] = ()  # on the prices of the models in force
        self.worker: Worker[None] | None = None
        self.opening: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="talk--instructions")
        yield Transcript(*([self.opening] if self.opening else []))
        yield Why()

    def on_mount(self) -> None:
        self.set_interval(SAVE_SECONDS, self._save_partial)

    def show_instructions(self) -> None:
        """Say in a line what the model is told before the first message."""
        told = self.turns.session.conversation.instructions
        line = self.query_one(".talk--instructions", Static)
        line.display = bool(told)
        line.update(Content(f"/system  {one_line(told, 200)}"))

    # The engine

    def start_engine(self) -> None:
        """Warm up, then ask for the threshold."""
        self.turns.engine.on_gone = self._say_engine_died
        self.turns.engine.on_notice = self._say_engine_said
        start_worker(self, self._warm_up, "engine", alone=True)

    def learn_routing(self) -> None:
        """Learn what stands on the models and the share in force: what a changed one is worth."""
        start_worker(self, self._ask_contexts, "contexts")
        self.threshold = self.turns.routing.threshold
        if self.warm:
            start_worker(self, self._ask_worth, "worth", alone=True)
            if self.threshold is None:
                start_worker(self, self._ask_threshold, "threshold")
        self._show_opening()

    async def _warm_up(self) -> None:
        try:
            self.post_message(EngineReady(await self.turns.engine.start()))
        except RoutingError as error:
            self.post_message(EngineFailed(error))

    async def _ask_threshold(self) -> None:
        share, pool = self.turns.routing.share, self.turns.routing.pool or DEMO_PAIR
        try:
            self.post_message(ThresholdKnown(share, await self.turns.engine.threshold(pool, share)))
        except RoutingError as error:
            self.post_message(Trouble(error))

    async def _ask_worth(self) -> None:
        from tui.model_check import chat_remarks

        pool, outdone = self.turns.routing.pool, dict[str, str]()
        if pool is None:
            return
        # The threshold that is asked for beside it tells what is wrong with the engine.
        with suppress(RoutingError):
            outdone |= await self.turns.engine.outdone(pool)
        self.post_message(PoolKnown(pool, await asyncio.to_thread(chat_remarks, pool, outdone)))

    async def _ask_contexts(self) -> None:
        pool = self.turns.routing.pool or DEMO_PAIR
        tokens = await asyncio.to_thread(lambda: {m.name: context_of(m) for m in pool.models})
        self.post_message(ContextsKnown(tokens))

    @on(ContextsKnown)
    def _contexts_known(self, message: ContextsKnown) -> None:
        self.turns.contexts = message.tokens
        self.post_message(self.Changed())

    @on(PoolKnown)
    def _pool_known(self, message: PoolKnown) -> None:
        """Say at once what is to be known of models that the user has just chosen."""
        if message.pool != self.turns.routing.pool:
            return
        said, self.remarks = self.remarks, message.remarks
        new = [remark for remark in self.remarks if remark not in said]
        self._show_opening()
        if new and self.pool_is_new:
            self.post_message(Warned(" ".join(new)))
        self.pool_is_new = False

    @on(EngineReady)
    def _engine_ready(self, message: EngineReady) -> None:
        ready = message.readiness
        self.warm = not ready.trouble
        mine = f", {ready.mine:,} of them yours" if ready.mine else ""
        self.engine_state = ready.trouble or f"Routing by {counted(ready.battles, 'battle')}{mine}."
        self.learn_routing()
        self._engine_changed()

    @on(EngineFailed)
    def _engine_failed(self, message: EngineFailed) -> None:
        self.warm = False
        self.engine_state = f"{message.error} A turn can be pinned meanwhile: /weak or /strong."
        self._engine_changed()

    def _say_engine_died(self) -> None:
        self.post_message(EngineDied())

    def _say_engine_said(self, text: str) -> None:
        self.post_message(EngineSaid(text))

    @on(EngineSaid)
    def _engine_said(self, message: EngineSaid) -> None:
        self.engine_state = message.text
        self.post_message(Told(message.text))
        self._engine_changed()

    @on(EngineDied)
    def _engine_died(self) -> None:
        self.warm = False
        self.engine_state = "The engine stopped and is starting again."
        self._engine_changed()
        self.start_engine()

    @on(ThresholdKnown)
    def _threshold_known(self, message: ThresholdKnown) -> None:
        routing = self.turns.routing
        if message.share == routing.share and routing.threshold is None:
            self.threshold = message.threshold
            self.post_message(self.Changed())

    def _engine_changed(self) -> None:
        self._show_opening()
        self.post_message(self.Changed())

    def _show_opening(self) -> None:
        """Let an empty conversation say what is known now; without models it gives way."""
        if self.turns.routing.pool is None:
            return
        for opening in self.query(Empty):
            opening.update(self._opening_text())

    def _opening_text(self) -> Content:
        pool = self.turns.routing.pool
        assert pool is not None
        return opening_text(pool, self.engine_state, self.remarks)

    # A turn

    async def say(self, text: str, pin: Pin = "session", *, replaces: Block | None = None) -> None:
        """Send a message, perhaps as another version of one that was said.

        It takes the place of the last one where that was never answered.
        """
        failed, card = self.turns.last, self.transcript.last_card
        if replaces is None and card and failed and failed.done and not failed.pieces:
            replaces = self._said(failed)
        await self.transcript.drop_from(replaces)
        turn = self.turns.begin(text, pin, replaces=(replaces and replaces.message_id) or None)
        await self.query("Empty, Welcome").remove()
        await self._show(turn, Said(text, self.clock()))

    async def again(
        self, pin: Pin, *, unrouted: bool = False, turn: LiveTurn | None = None
    ) -> None:
        """Answer a message again, the last by default; the previous answer stays beside it."""
        turn = turn or self.turns.last
        if turn is None or self.turns.live:
            return
        said = self._said(turn)
        await self.transcript.drop_from(self.transcript.beside(said, 1) if said else None)
        await self._show(self.turns.again(turn, pin, unrouted=unrouted))

    def turn_of(self, block: Block) -> LiveTurn | None:
        """The turn that a message belongs to; None while it is not stored."""
        session = self.turns.session
        messages = session.conversation.messages
        said = messages.get(block.message_id)
        if said is None or said.role == "system":
            return None
        if said.role == "assistant":
            return LiveTurn.stored(session, messages[said.parent or ""], said)
        after = self.transcript.beside(block, 1)
        reply = messages.get(after.message_id) if after else None
        answered = reply is not None and reply.role == "assistant"
        return LiveTurn.stored(session, said, reply if answered else None)

    def stop(self) -> bool:
        """Stop the reply and keep what arrived; whether one was under way."""
        if self.worker is None or self.turns.live is None:
            return False
        self.turns.live.stopped = True
        self.worker.cancel()
        return True

    async def _show(self, turn: LiveTurn, *before: Widget) -> None:
        reply = Reply(turn.key)
        if not self.warm and turn.pin is None:
            reply.wait("waiting for the router to warm up …")
        await self.transcript.add(*before, reply)
        answer = partial(self.turns.answer, turn)
        self.worker = start_worker(self, answer, "turn", alone=True)
        self.post_message(self.Changed())

    @on(Arrived)
    def _arrived(self, message: Arrived) -> None:
        reply = self.transcript.reply(message.key)
        if reply is None:
            return
        changed = True
        match message.event:
            case Decided(decision, _):
                reply.decide(decision)
                self.why.show(decision, None)
                self._keep(self.turns.live)
                self._identify(self.turns.live)
            case Delta(text):
                changed = not reply.has_begun
                reply.add(text)
            case Metered(_, bill):
                reply.meter(bill, estimated=True)
                if self.turns.live and not self.turns.live.saved_pieces:
                    self._keep(self.turns.live)  # with what it costs, however soon the end comes
            case Finished(whole, bill):
                reply.meter(bill, estimated=whole.usage.estimated)
                self.why.show(reply.decision, bill)
        if changed:
            self.post_message(self.Changed())

    @on(Ended)
    async def _ended(self, message: Ended) -> None:
        turn = self._end(message.key, "stopped" if message.stopped else "done")
        reply = self.transcript.reply(message.key)
        if turn is None or reply is None:
            return
        if turn.decision is None:
            reply.wait("stopped before it was routed")
        await reply.finish(_stopped(turn) if message.stopped else "")

    @on(Failed)
    async def _failed(self, message: Failed) -> None:
        live = self.turns.live
        turn = self._end(message.key, "cut" if live and live.pieces else "failed", message.error)
        reply = self.transcript.reply(message.key)
        if turn is None or reply is None:
            return
        if message.fall_back and turn.decision:
            await self.again(turn.other)
            return
        reply.wait("not routed")
        card = await reply.fail(message.error, other=self._other_label(turn))
        self.post_message(self.GaveBack("" if turn.pieces else turn.text, card))

    def _other_label(self, turn: LiveTurn) -> str:
        """What the card's action says that lets another model answer; "" where none may."""
        pool = self.turns.routing.pool
        if turn.other is None or pool is None:
            return ""
        return OTHER.label if len(pool.models) == 2 else f"answer with {visible(turn.other)}"

    def _end(
        self, key: str, state: State, error: RoutingError | AppError | None = None
    ) -> LiveTurn | None:
        turn = self.turns.live
        if turn is None or turn.key != key:
            return None
        self.turns.end(turn)
        stored = None
        if not isinstance(error, StoreError):  # then there is a message to store, and no reply
            stored = self.turns.keep(turn, state, str(error) if error else None)
        conclude = partial(self._conclude, turn, stored)
        start_worker(self, conclude, "disk")
        self.post_message(self.Changed())
        return turn

    async def _conclude(self, turn: LiveTurn, stored: Future[None] | None) -> None:
        if stored:
            await stored
        self._identify(turn)
        self.number_versions()
        await self.let_go()
        self.post_message(self.Finished(turn))

    def _said(self, turn: LiveTurn) -> Block | None:
        """What shows the turn's message."""
        reply = self.transcript.reply(turn.key)
        if reply:
            return self.transcript.beside(reply, -1)
        return self.transcript.block(turn.prompt.id) if turn.prompt else None

    def _identify(self, turn: LiveTurn | None) -> None:
        """Let the turn's blocks know which stored messages they show."""
        reply = self.transcript.reply(turn.key) if turn else None
        if turn is None or reply is None:
            return
        said = self._said(turn)
        if said and turn.prompt:
            said.message_id = turn.prompt.id
        reply.message_id = turn.reply.id if turn.reply else ""

    def _keep(self, turn: LiveTurn | None) -> None:
        """Store what has come so far."""
        if turn:
            self.turns.keep(turn, "streaming")

    def _save_partial(self) -> None:
        self._keep(self.turns.unsaved())

    def empty(self) -> Empty:
        """The sight of a conversation without a turn."""
        return Empty(self._opening_text())


def _stopped(turn: LiveTurn) -> str:
    return "■ stopped; what arrived is kept" if turn.pieces else "■ stopped"
