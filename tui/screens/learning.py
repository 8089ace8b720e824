"""Learning from the user's judgements, and undoing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from textual import on

from routing.battles import Battle
from tui.errors import UsageError
from tui.learning import battle_of, outdone
from tui.live_turn import LiveTurn
from tui.messages import Told
from tui.screens.base import BaseScreen
from tui.widgets.why import Why, own_battles


class LearningScreen(BaseScreen):
    """Judgements become the user's own battles, in the index that routes.

    Attributes:
        learnt: ids of the battles learnt in this run, the latest last.
    """

    learnt: tuple[str, ...] = ()

    def judge(self, turn: LiveTurn | None, *, good: bool) -> None:
        """Learn whether that turn's reply was good."""
        pool = self.talk.turns.routing.pool
        battle = battle_of(turn, pool, good=good) if turn and pool else None
        if not self.program.settings.learn:
            self.tell("Learning is off.", "Set learn = true in the settings file.")
        elif self.talk.turns.session.temporary:
            self.tell("Nothing of a temporary chat is kept, so nothing is learnt.")
        elif battle is None:
            self.tell("There is no reply to judge.")
        else:
            self._learn(battle)

    def learn_outdone(self, turn: LiveTurn) -> None:
        """Learn from wanting something else than the turn's reply, where that says something."""
        pool, silent = self.talk.turns.routing.pool, self.talk.turns.session.temporary
        battle = outdone(turn, pool) if pool else None
        if battle and self.program.settings.learn and not silent:
            self._learn(battle)

    def forget_battle(self, number: int | None) -> None:
        """Take back one of the user's battles, numbered as in the why panel; None: the latest.

        Raises:
            UsageError: the panel has no such number, or nothing was learnt in this run.
        """
        own = [battle.battle_id for battle in own_battles(self.talk.why.decision)]
        if number is None and not self.learnt:
            raise UsageError(
                "Nothing was learnt since the chat was opened.",
                hint="llmroute battles mine lists what was learnt before.",
            )
        if number is not None and not 1 <= number <= len(own):
            raise UsageError(f"The why panel lists no battle {number} of yours.")
        self._forget(self.learnt[-1] if number is None else own[number - 1])

    def action_good(self) -> None:
        self.judge(self.talk.turns.last, good=True)

    def action_bad(self) -> None:
        self.judge(self.talk.turns.last, good=False)

    def action_forget(self) -> None:
        if self.learnt:
            self.forget_battle(None)
        else:
            self.tell("Nothing was learnt since the chat was opened.")

    @on(Why.Forgotten)
    def _forgotten(self, message: Why.Forgotten) -> None:
        self._forget(message.battle_id)

    def _learn(self, battle: Battle) -> None:
        winner = battle.model_a if battle.winner == "a" else battle.model_b
        others = tuple(known for known in self.learnt if known != battle.battle_id)
        self.learnt = (*others, battle.battle_id)
        self._teach(
            partial(self.talk.turns.engine.learn, battle),
            f"Learnt: {winner} is the better one here. /forget takes it back.",
        )

    def _forget(self, battle_id: str) -> None:
        self.learnt = tuple(known for known in self.learnt if known != battle_id)
        why = self.talk.why
        if why.decision:
            kept = tuple(n for n in why.decision.neighbours if n.battle_id != battle_id)
            why.decision = replace(why.decision, neighbours=kept)
        self._teach(partial(self.talk.turns.engine.forget, battle_id), "Forgotten.")

    def _teach(self, request: Callable[[], Awaitable[None]], done: str) -> None:
        async def teach() -> None:
            await request()
            self.post_message(Told(done))

        self.in_worker(teach)
