"""The router's number against the threshold: which model answers, and why."""

from __future__ import annotations

from dataclasses import dataclass

from routing.battles import Winner
from routing.models import Pair, Tier


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A battle near the prompt: what explains a decision. `similarity` is a cosine."""

    prompt: str
    model_a: str
    model_b: str
    winner: Winner
    similarity: float
    source: str
    battle_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a turn goes and why.

    Attributes:
        model: name of the model taken.
        win_probability: chance that the strong reply is preferred; None where no router decided.
        threshold: the least win probability that goes to the strong model.
        flip_share: the share of strong calls at which this prompt would change sides, in [0, 1].
        reason: one sentence for the person.
        pinned: the person chose the tier, not the router.
        decision_ms: milliseconds, embedding included.
    """

    model: str
    tier: Tier
    win_probability: float | None
    threshold: float
    reason: str
    neighbours: tuple[Neighbour, ...] = ()
    flip_share: float | None = None
    pinned: bool = False
    decision_ms: float = 0.0


def tier_for(win_probability: float, threshold: float) -> Tier:
    """The rule: at or above the threshold the strong model answers."""
    return "strong" if win_probability >= threshold else "weak"


def choose(pair: Pair, tier: Tier) -> str:
    """Name of the model that answers."""
    return pair.of(tier).name
