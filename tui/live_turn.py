"""One turn from the moment it is sent: its state so far, and how that is stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from routing.cache import Held
from routing.conversation import Delta, Thinking, Turn, Usage
from routing.cost import Bill
from routing.decide import Decision
from routing.events import Decided, Event, Finished, Metered, TurnRequest
from routing.models import Pool
from tui.errors import StoreError

if TYPE_CHECKING:
    from tui.keys import KeyRing
    from tui.sessions import Message, Session, State

KEPT = "What arrived is kept: continue it, or ask again."
SAVE_SECONDS = 2.0  # how often a reply is stored while it streams


@dataclass
class Routing:
    """How the next turn is routed.

    Attributes:
        threshold: the user's own, in place of a share's.
        pin: "strong", "weak" or the name of the model that answers.
        cache_aware: as the setting of that name has it.
    """

    pool: Pool | None
    share: float
    threshold: float | None = None
    pin: str | None = None
    cache_aware: bool = False


@dataclass
class LiveTurn:
    """A turn, in the session that keeps it. What stores waits for the disk: call it in a thread.

    Attributes:
        key: its reply's name on the screen.
        pin: the model that answers whatever the router says: "strong", "weak" or its name.
        because: why it is pinned, where the budget did that; "" for the user's own choice.
        unrouted: pinned because no router could be asked, which is not the user's choice.
        replaces: the stored message that its prompt is another version of.
        former: the turn that answered the same prompt before.
        prompt, reply: as they are stored, once they are.
        thinking: the model has begun to reason.
        whole: the reply is complete.
        ended_early: why the model ended it before that, or "".
        stopped: the user wants no more of it.
        done: nothing more comes, whole or not.
        other: name of the model that may answer where the turn's own could not; None where none.
    """

    session: Session
    text: str
    key: str = ""
    pin: str | None = None
    because: str = ""
    unrouted: bool = False
    replaces: str | None = None
    former: LiveTurn | None = None
    prompt: Message | None = None
    reply: Message | None = None
    decision: Decision | None = None
    usage: Usage | None = None
    bill: Bill | None = None
    context_tokens: int | None = None
    pieces: list[str] = field(default_factory=list)
    thinking: bool = False
    saved_pieces: int = 0
    whole: bool = False
    ended_early: str = ""
    stopped: bool = False
    done: bool = False
    other: str | None = None

    @classmethod
    def stored(
        cls, session: Session, prompt: Message, reply: Message | None, key: str = ""
    ) -> LiveTurn:
        """A turn of the past, so that its message can be answered again."""
        turn = cls(session, prompt.text, key, prompt=prompt, reply=reply, done=True)
        if reply:
            turn.decision, turn.usage, turn.bill = reply.decision, reply.usage, reply.bill
            turn.pieces = [reply.text] if reply.text else []
            turn.whole = reply.state == "done"
        return turn

    @property
    def answer(self) -> str:
        """The reply's text so far."""
        return "".join(self.pieces)

    def request(self, routing: Routing, keyring: KeyRing) -> TurnRequest:
        """What the engine is asked, with the keys of the models that may answer.

        Raises:
            NoModelError: the pool has not the pinned model.
            KeysError: a place that may hold a key cannot be read.
        """
        pool = routing.pool
        assert pool is not None
        models = [pool.find(self.pin)] if self.pin else pool.models
        return TurnRequest(
            turns=self.turns(),
            pool=pool,
            share=routing.share,
            threshold=routing.threshold,
            pin=self.pin,
            because=self.because,
            held=self._held(),
            cache_aware=routing.cache_aware,
            keys=keyring.for_models(*models),
        )

    def _held(self) -> tuple[Held, ...]:
        from tui.sessions.held import held_of

        assert self.prompt is not None
        path = self.session.conversation.path_to(self.prompt.id)
        former = self.former.reply if self.former else None
        return held_of([*path, *([former] if former else [])], self.session.now())

    def turns(self) -> tuple[Turn, ...]:
        """The conversation up to and with the prompt, once that is stored."""
        assert self.prompt is not None
        return self.session.conversation.turns_to(self.prompt.id)

    def take(self, event: Event) -> Event:
        """Note what the event says about the turn; the event as the user is shown it."""
        match event:
            case Decided(decision, context_tokens):
                if self.unrouted:
                    decision = replace(decision, pinned=False)
                self.decision, self.context_tokens = decision, context_tokens
                return Decided(decision, context_tokens)
            case Thinking():
                self.thinking = True
            case Delta(text):
                self.pieces.append(text)
            case Metered(usage, bill):
                self.usage, self.bill = usage, bill
            case Finished(reply, bill):
                self.usage, self.bill = reply.usage, bill
                self.pieces, self.ended_early = [reply.text], reply.ended_early
                self.whole = not reply.ended_early
        return event

    def store_prompt(self) -> None:
        """Store the user's message unless it is stored already.

        Raises:
            StoreError: the disk refuses. The next call stores the same message.
        """
        if self.prompt is not None:
            if self.session.unsaved:
                self.session.save()
            return
        try:
            self.prompt = self.session.add("user", self.text, beside=self.replaces)
        except StoreError:
            self.prompt = self._refused()
            raise

    def store(self, state: State, error: str | None = None) -> None:
        """Store the reply as far as it came.

        Raises:
            StoreError: the disk refuses. The next call stores it.
        """
        if self.reply is None:
            former = self.former.reply if self.former else None
            try:
                self.reply = self.session.add(
                    "assistant",
                    self.answer,
                    state=state,
                    decision=self.decision,
                    beside=former.id if former else None,
                )
            except StoreError:
                self.reply = self._refused()
                raise
        now = replace(
            self.reply,
            text=self.answer,
            state=state,
            usage=self.usage,
            bill=self.bill,
            error=error,
        )
        if now != self.reply:
            self.reply = self.session.update(now)

    def _refused(self) -> Message | None:
        """The message that was just added: in the conversation all the same, as its head."""
        return self.session.branch()[-1] if self.session.unsaved else None
