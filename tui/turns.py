"""The conversation in progress: asks the engine, keeps what comes on disk, tells the screen.

Nothing here touches a widget. What the screen shows it learns from the messages that are posted.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Protocol

from textual.message import Message as Notice

from routing.battles import Battle
from routing.cost import Ledger
from routing.errors import (
    ContextError,
    CutError,
    NoKeyError,
    NoModelError,
    RateLimitError,
    RoutingError,
)
from routing.events import Event, Readiness, TurnRequest
from routing.models import Model, Pool
from tui.errors import AppError, StoreError
from tui.live_turn import KEPT, LiveTurn, Routing
from tui.messages import Arrived, Ended, Failed, Sent, Trouble
from tui.program import Program

if TYPE_CHECKING:
    from tui.sessions import Session, State

# Of one turn: "strong", "weak" or a model's name, None to route it, "session" for the session's.
Pin = str | None


class Engine(Protocol):
    """What decides and answers: the child process, or a stand-in that plays back events."""

    on_gone: Callable[[], None] | None
    on_notice: Callable[[str], None] | None

    async def start(self) -> Readiness:
        """Ready to decide."""

    async def use(self, router: str) -> Readiness:
        """Decide by the router of that name from now on."""

    def turn(self, request: TurnRequest) -> AsyncGenerator[Event]:
        """The events of one turn."""

    async def threshold(self, pool: Pool, share: float) -> float:
        """The threshold that sends that share of prompts to the pool's strongest model."""

    async def outdone(self, pool: Pool) -> Mapping[str, str]:
        """The pool's models that are not worth their price, each with a cheaper one as good."""

    async def learn(self, battle: Battle) -> None:
        """Add one of the user's own battles."""

    async def forget(self, battle_id: str) -> None:
        """Remove one of them."""

    async def close(self) -> None:
        """End it."""


class Turns:
    """One open session and the turn that is under way in it.

    Attributes:
        limit: why only the weak model answers unless a message is pinned, or "".
        contexts: how many tokens each model reads, by its name, as far as anybody knows.
    """

    def __init__(
        self,
        program: Program,
        engine: Engine,
        post: Callable[[Notice], object],
    ) -> None:
        settings = program.settings
        self.program = program
        self.engine = engine
        self.routing = Routing(
            program.pool, settings.share, settings.threshold, cache_aware=settings.cache_aware
        )
        self.ledger = Ledger()
        self.limit = ""
        self.contexts: Mapping[str, int | None] = {}
        self.live: LiveTurn | None = None
        self.last: LiveTurn | None = None
        self._post = post
        self._keys = count(1)
        self._disk = asyncio.Lock()
        self._storing: set[asyncio.Task[None]] = set()
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The session that is open; one is from the first paint on."""
        assert self._session is not None
        return self._session

    @property
    def is_open(self) -> bool:
        """Whether a session is open yet."""
        return self._session is not None

    @property
    def context_share(self) -> float | None:
        """Part of what the next model reads that the conversation fills, in [0, 1].

        Of the models that may be next the one that reads the least counts. None before a reply.
        """
        recent = self.live or self.last
        limits = [recent.context_tokens if recent else None, *self._next_contexts()]
        known = [limit for limit in limits if limit]
        if recent is None or recent.usage is None or not known:
            return None
        return (recent.usage.prompt_tokens + recent.usage.completion_tokens) / min(known)

    def _next_contexts(self) -> list[int | None]:
        pool, pin = self.routing.pool, self._pinned("session")
        if pool is None:
            return []
        models = [pool.find(pin)] if pin else pool.models
        return [self.contexts.get(model.name) for model in models]

    def open(self, session: Session) -> None:
        """Go on in this session."""
        if self.is_open:  # else it is the user's, who was faster than the disk
            self.routing.pin = session.conversation.pin
        self._session = session
        self.ledger = session.info.ledger
        self.live = self.last = None

    def begin(self, text: str, pin: Pin = "session", *, replaces: str | None = None) -> LiveTurn:
        """A turn for what the user said, perhaps in place of that stored message."""
        self.live = self.last = LiveTurn(
            self.session,
            text,
            self.new_key(),
            pin=self._pinned(pin),
            because=self._because(pin),
            replaces=replaces,
        )
        return self.live

    def model_of(self, turn: LiveTurn) -> Model | None:
        """The pool's model that answered the turn or was to; None where the pool has it not."""
        pin = turn.decision.model if turn.decision else turn.pin
        if self.routing.pool is None or pin is None:
            return None
        try:
            return self.routing.pool.find(pin)
        except NoModelError:
            return None

    def alternative(self, turn: LiveTurn, error: Exception | None = None) -> str | None:
        """Name of the model to answer the turn where its own cannot: the nearest in strength.

        None where there is none that the same error would not meet. For a missing key that takes a
        look at every place that may hold one.
        """
        pool, model = self.routing.pool, self.model_of(turn)
        if pool is None:
            return None
        others = pool.alternatives(model) if model else [pool.weak]
        if isinstance(error, NoKeyError):
            others = [other for other in others if self.program.keyring.serves(other)]
        if isinstance(error, ContextError) and model:
            others = [other for other in others if self._reads_more(other, model)]
        return others[0].name if others else None

    def again(self, turn: LiveTurn, pin: Pin, *, unrouted: bool = False) -> LiveTurn:
        """A turn that answers the same message once more, beside the previous reply."""
        self.live = self.last = LiveTurn(
            self.session,
            turn.text,
            self.new_key(),
            pin=self._pinned(pin),
            because=self._because(pin),
            unrouted=unrouted,
            replaces=turn.replaces,
            former=turn,
            prompt=turn.prompt,
        )
        return self.live

    def new_key(self) -> str:
        """A name for a reply on the screen."""
        return f"reply-{next(self._keys)}"

    async def answer(self, turn: LiveTurn) -> None:
        """Store the message, ask the engine, pass on what comes. Cancel it to stop the reply."""
        try:
            await self._in_order(asyncio.to_thread(turn.store_prompt))
            self._post(Sent())
            request = await asyncio.to_thread(turn.request, self.routing, self.program.keyring)
            async with aclosing(self.engine.turn(request)) as events:
                async for event in events:
                    self._post(Arrived(turn.key, turn.take(event)))
            if turn.ended_early:
                raise CutError(f"The reply is incomplete: {turn.ended_early}.", hint=KEPT)
        except asyncio.CancelledError:
            if turn.stopped:  # else the chat is left, and there is nobody to tell
                self._post(Ended(turn.key, stopped=True))
            raise
        except RateLimitError as error:
            self._fall_back(turn, error)
        except (RoutingError, AppError) as error:
            turn.other = await asyncio.to_thread(self.alternative, turn, error)
            self._post(Failed(turn.key, error))
        else:
            self._post(Ended(turn.key, stopped=False))

    def keep(self, turn: LiveTurn, state: State, error: str | None = None) -> Future[None]:
        """Done once the reply is stored as far as it came; a disk's refusal is told, not raised.

        It is stored even if the caller is cancelled, and before anything stored later.
        """
        return self._in_order(self._store(turn, state, error))

    async def close(self, session: Session) -> None:
        """Give the session back, once what is on its way to the disk is there."""
        await self._in_order(asyncio.to_thread(session.close))

    async def leave(self) -> None:
        """Keep what has come of a turn under way, and give the session back."""
        if self.live and self.live.pieces:
            self.keep(self.live, "done" if self.live.whole else "cut")
        if self.is_open:
            await self.close(self.session)

    def unsaved(self) -> LiveTurn | None:
        """The turn under way, where something came since it was last stored."""
        live = self.live
        return live if live and live.prompt and len(live.pieces) > live.saved_pieces else None

    def end(self, turn: LiveTurn) -> None:
        """The turn is over: it counts from now on."""
        turn.done = True
        if self.live is turn:
            self.live = None
        if turn.bill and turn.usage and turn.decision:
            self.ledger = self.ledger.add(turn.bill, turn.usage, turn.decision.tier)

    async def _store(self, turn: LiveTurn, state: State, error: str | None) -> None:
        if turn.prompt is None:
            return
        turn.saved_pieces = len(turn.pieces)
        try:
            await asyncio.to_thread(turn.store, state, error)
        except StoreError as refused:
            self._post(Trouble(refused))

    def _in_order(self, work: Coroutine[None, None, None]) -> Future[None]:
        """Done once that work of the disk is, which begins when all that was asked before is."""

        async def wait_and_do() -> None:
            async with self._disk:
                await work

        task = asyncio.create_task(wait_and_do())
        self._storing.add(task)  # the loop itself would forget it
        task.add_done_callback(self._storing.discard)
        return asyncio.shield(task)

    def _reads_more(self, other: Model, model: Model) -> bool:
        """Whether a conversation that is too long for the model may not be for the other."""
        limit, more = (self.contexts.get(each.name) for each in (model, other))
        return limit is None or more is None or more > limit

    def _pinned(self, pin: Pin) -> str | None:
        if pin != "session":
            return pin
        return "weak" if self.limit else self.routing.pin

    def _because(self, pin: Pin) -> str:
        return self.limit if pin == "session" else ""

    def _fall_back(self, turn: LiveTurn, error: RateLimitError) -> None:
        """The other model is taken without asking only where the user has set that."""
        turn.other = self.alternative(turn)
        wanted = self.program.settings.fallback and turn.pin is None and not turn.pieces
        self._post(Failed(turn.key, error, fall_back=bool(wanted and turn.decision)))
