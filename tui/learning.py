"""Battles from the user's judgements of replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.battles import Battle
from routing.decide import Decision
from routing.models import Pool
from routing.query import query_of

if TYPE_CHECKING:
    from tui.live_turn import LiveTurn


def battle_of(turn: LiveTurn, pool: Pool, *, good: bool) -> Battle | None:
    """The battle that a judgement of the turn's reply makes; None if it says nothing.

    The model taken is compared with the strongest, the strongest with the best of the others. The
    prompt is the text that was routed. A message has one battle, which has its id: the last
    judgement counts.
    """
    if turn.decision is None or turn.prompt is None or not (turn.done and turn.pieces):
        return None
    taken, strong = turn.decision.model, turn.decision.tier == "strong"
    other = _next_best(turn.decision, pool) if strong else pool.strong.name
    if taken == other:  # the pool may be another by now
        return None
    query = query_of(turn.turns())
    return Battle(
        prompt=query.text,
        model_a=taken if strong else other,
        model_b=other if strong else taken,
        winner="a" if strong == good else "b",
        source="mine",
        battle_id=turn.prompt.id,
        earlier=query.earlier,
    )


def outdone(turn: LiveTurn, pool: Pool) -> Battle | None:
    """The battle made by asking for another reply: the strongest model would have done better.

    None for a reply of the strongest model, and for one that is not whole.
    """
    if turn.decision is None or turn.decision.tier == "strong" or not turn.whole:
        return None
    return battle_of(turn, pool, good=False)


def _next_best(decision: Decision, pool: Pool) -> str:
    """Name of the model whose reply would have come nearest to the strongest model's."""
    others = [c for c in decision.candidates if c.win_probability is not None]
    best = max(others, key=lambda candidate: candidate.good_enough, default=None)
    return best.model if best else pool.weak.name
