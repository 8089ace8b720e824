"""The conversation in progress: asks the engine, keeps what comes on disk, tells the screen.

Nothing here touches a widget. What the screen shows it learns from the messages that are posted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Protocol

from textual.message import Message as Notice

from routing.battles import Battle
from routing.conversation import Delta, Turn, Usage
from routing.cost import Bill, Ledger
from routing.decide import Decision
from routing.errors import RateLimitError, RoutingError
from routing.events import Decided, Event, Finished, Metered, Readiness, TurnRequest
from routing.models import Pair, Tier
from tui.errors import AppError, StoreError
from tui.messages import Arrived, Ended, Failed, Trouble
from tui.program import Program

if TYPE_CHECKING:
    from tui.sessions import Message, Session, State

SAVE_SECONDS = 2.0


class Engine(Protocol):
    """What decides and answers: the child process, or a stand-in that plays back events."""

    on_gone: Callable[[], None] | None

    async def start(self) -> Readiness:
        """Ready to decide."""

    def turn(self, request: TurnRequest) -> AsyncIterator[Event]:
        """The events of one turn."""

    async def threshold(self, pair: Pair, share: float) -> float:
        """The threshold that sends that share of prompts to the pair's strong model."""

    async def learn(self, battle: Battle) -> None:
        """Add one of the person's own battles."""

    async def forget(self, battle_id: str) -> None:
        """Take one of them back."""

    async def close(self) -> None:
        """End it."""


@dataclass
class LiveTurn:
    """A turn from the moment it is sent.

    Attributes:
        key: its reply's name on the screen.
        pin: the tier that answers whatever the router says.
        unrouted: pinned because no router could be asked, which is not the person's choice.
        beside_prompt, beside_reply: the stored messages that its own are other versions of.
        prompt, reply: as they are stored, once they are.
    """

    key: str
    text: str
    pin: Tier | None = None
    unrouted: bool = False
    beside_prompt: str | None = None
    beside_reply: str | None = None
    prompt: Message | None = None
    reply: Message | None = None
    decision: Decision | None = None
    usage: Usage | None = None
    bill: Bill | None = None
    context_tokens: int | None = None
    pieces: list[str] = field(default_factory=list)
    saved_pieces: int = 0
    done: bool = False

    @property
    def answer(self) -> str:
        """What has come of the reply."""
        return "".join(self.pieces)


@dataclass
class Routing:
    """How the next turn is routed. `threshold` is the person's own, in place of a share's."""

    pair: Pair | None
    share: float
    threshold: float | None = None
    pin: Tier | None = None


class Turns:
    """One open session and the turn that is under way in it."""

    def __init__(
        self,
        program: Program,
        engine: Engine,
        post: Callable[[Notice], object],
    ) -> None:
        settings = program.settings
        self.program = program
        self.engine = engine
        self.routing = Routing(program.pair, settings.share, settings.threshold)
        self.ledger = Ledger()
        self.live: LiveTurn | None = None
        self.last: LiveTurn | None = None
        self._post = post
        self._keys = count(1)
        self._disk = asyncio.Lock()
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

    def open(self, session: Session) -> None:
        """Go on in this session."""
        self._session = session
        self.ledger = session.info.ledger
        self.live = self.last = None

    def begin(self, text: str, *, beside: str | None = None) -> LiveTurn:
        """A turn for what the person said; `beside` is the message that it replaces."""
        self.live = self.last = LiveTurn(
            self.new_key(), text, pin=self.routing.pin, beside_prompt=beside
        )
        return self.live

    def again(self, turn: LiveTurn, pin: Tier | None, *, unrouted: bool = False) -> LiveTurn:
        """A turn that answers the same message once more, the former reply beside it."""
        self.live = self.last = LiveTurn(
            self.new_key(),
            turn.text,
            pin=pin,
            unrouted=unrouted,
            prompt=turn.prompt,
            beside_prompt=turn.beside_prompt,
            beside_reply=turn.reply.id if turn.reply else None,
        )
        return self.live

    def new_key(self) -> str:
        """A name for a reply on the screen."""
        return f"reply-{next(self._keys)}"

    async def answer(self, turn: LiveTurn) -> None:
        """Store the message, ask the engine, pass on what comes. Cancel it to stop the reply."""
        try:
            if turn.prompt is None:
                turn.prompt = await self._add_prompt(turn)
            request = await self._request(turn)
            async with aclosing(self.engine.turn(request)) as events:  # type: ignore[type-var]
                async for event in events:
                    self._post(Arrived(turn.key, self._take(turn, event)))
        except asyncio.CancelledError:
            self._post(Ended(turn.key, stopped=True))
            raise
        except RateLimitError as error:
            self._fall_back(turn, error)
        except (RoutingError, AppError) as error:
            self._post(Failed(turn.key, error))
        else:
            self._post(Ended(turn.key, stopped=False))

    async def keep(self, turn: LiveTurn, state: State, error: str | None = None) -> None:
        """Store the reply as far as it came; a refusal of the disk is told, not raised."""
        if turn.prompt is None:
            return
        turn.saved_pieces = len(turn.pieces)
        try:
            async with self._disk:
                await asyncio.to_thread(self._keep, turn, state, error)
        except StoreError as refused:
            self._post(Trouble(refused))

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

    def battle(self, turn: LiveTurn, pair: Pair, *, good: bool) -> Battle | None:
        """What the person's judgement of a reply says about the pair."""
        if turn.decision is None:
            return None
        strong_won = (turn.decision.tier == "strong") == good
        return Battle(
            prompt=turn.text,
            model_a=pair.strong.name,
            model_b=pair.weak.name,
            winner="a" if strong_won else "b",
            source="mine",
            battle_id=f"{self.session.id}-{turn.key}",
        )

    async def _add_prompt(self, turn: LiveTurn) -> Message:
        async with self._disk:
            return await asyncio.to_thread(
                self.session.add, "user", turn.text, beside=turn.beside_prompt
            )

    async def _request(self, turn: LiveTurn) -> TurnRequest:
        routing, pair = self.routing, self.routing.pair
        assert pair is not None
        assert turn.prompt is not None
        models = [pair.of(turn.pin)] if turn.pin else [pair.strong, pair.weak]
        keys = await asyncio.to_thread(self.program.keyring.for_models, *models)
        path = self.session.conversation.path_to(turn.prompt.id)
        return TurnRequest(
            turns=tuple(Turn(said.role, said.text) for said in path if said.text),
            pair=pair,
            share=routing.share,
            threshold=routing.threshold,
            pin=turn.pin,
            keys=keys,
        )

    def _take(self, turn: LiveTurn, event: Event) -> Event:
        """Note what the event says about the turn; the event as the screen shows it."""
        match event:
            case Decided(decision, context_tokens):
                if turn.unrouted:
                    decision = replace(decision, pinned=False)
                turn.decision, turn.context_tokens = decision, context_tokens
                return Decided(decision, context_tokens)
            case Delta(text):
                turn.pieces.append(text)
            case Metered(usage, bill):
                turn.usage, turn.bill = usage, bill
            case Finished(reply, bill):
                turn.usage, turn.bill = reply.usage, bill
                turn.pieces = [reply.text]
        return event

    def _fall_back(self, turn: LiveTurn, error: RateLimitError) -> None:
        """The other model is taken without asking only where the person has set that."""
        wanted = self.program.settings.fallback and turn.pin is None and not turn.pieces
        self._post(Failed(turn.key, error, fall_back=bool(wanted and turn.decision)))

    def _keep(self, turn: LiveTurn, state: State, error: str | None) -> None:
        if turn.reply is None:
            turn.reply = self.session.add(
                "assistant",
                turn.answer,
                state=state,
                decision=turn.decision,
                beside=turn.beside_reply,
            )
        turn.reply = self.session.update(
            replace(
                turn.reply,
                text=turn.answer,
                state=state,
                usage=turn.usage,
                bill=turn.bill,
                error=error,
            )
        )
