"""Tiers of models rated by all battles, and the tier of models that no battle names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from routing.arrays import Doubles, Ints
from routing.battles import MINE, Battle
from routing.ratings import Lead, bradley_terry, find_gauge, lead, tiers, wins_matrix

STRONG, WEAK = "strong", "weak"
TIERS = 10
OUTCOMES = {"a": 0, "b": 1, "tie": 2}
A_WINS = np.array([1.0, 0.0, 0.5])
# Two that met in a larger part of the battles of either do not share a tier.
RIVALS = 0.25


class Record(NamedTuple):
    """How often each model won against each other one.

    Attributes:
        number: the row and column of each model, by its name.
        wins: of the row's model against the column's, (k, k); a tie is half a win for each.
    """

    number: Mapping[str, int]
    wins: Doubles

    @classmethod
    def of(cls, battles: Sequence[Battle]) -> Self:
        """The record over all battles but the user's own: too few, and of what surprised them.

        Where there are no others, they count.
        """
        rated = [battle for battle in battles if battle.source != MINE] or list(battles)
        names = dict.fromkeys(name for battle in rated for name in (battle.model_a, battle.model_b))
        number = {name: at for at, name in enumerate(names)}
        a = np.array([number[battle.model_a] for battle in rated], dtype=np.int64)
        b = np.array([number[battle.model_b] for battle in rated], dtype=np.int64)
        winner_a = A_WINS[[OUTCOMES[battle.winner] for battle in rated]]
        return cls(number, wins_matrix(winner_a, a, b, len(number)))

    @property
    def fought(self) -> Doubles:
        """Battles of each two models, (k, k)."""
        return self.wins + self.wins.T

    def ratings(self) -> Doubles:
        """Strengths in nats, (k,)."""
        return bradley_terry(self._with_prior())

    def lead(self, one: str, other: str) -> Lead:
        """By how much the one model is stronger; both have battles."""
        return lead(self._with_prior(), self.number[one], self.number[other])

    def _with_prior(self) -> Doubles:
        """Half a win more for each of two that met: who never lost stays finite."""
        return self.wins + 0.5 * (self.fought > 0)


class Seats(NamedTuple):
    """The tiers of the pair's models, and which models of the pair are only stood in for."""

    strong: int
    weak: int
    stand_ins: tuple[str, ...]


class Ladder(NamedTuple):
    """The tier of each rated model, 0 the strongest, and where the others sit.

    Attributes:
        circle_of: the number of each rated model's circle, which met, directly or through others.
        size: how many tiers there are.
        strong: the tier of a strong model that was not rated; `weak` likewise.
    """

    tier_of: Mapping[str, int]
    circle_of: Mapping[str, int]
    size: int
    strong: int
    weak: int

    @classmethod
    def of(cls, battles: Sequence[Battle], count: int = TIERS, *, reference: bool = False) -> Self:
        """The tiers from all battles, equally weighted.

        There are more than `count` where two rivals would share a tier, so that their battles could
        not separate them: the user's own pair, say, beside an import of many models. A model that
        no battle names takes the tier of "strong" or "weak" of the starter battles. Without those,
        a strong model takes the strongest tier, a weak one the tier that met it most often.

        `reference`: as routellm 0.2.0, without a prior and without separating rivals.
        """
        record = Record.of(battles)
        if reference:
            tier = tiers(bradley_terry(record.wins), count)
        else:
            ratings = record.ratings()
            tier = _rivals_apart(tiers(ratings, count), ratings, record.fought)
        tier_of = {name: int(tier[at]) for name, at in record.number.items()}
        circle = find_gauge(record.wins).component
        circle_of = {name: int(circle[at]) for name, at in record.number.items()}
        size = int(tier.max()) + 1
        strong = tier_of.get(STRONG, 0)
        opponents = np.bincount(tier, record.fought[tier == strong].sum(axis=0), size)
        opponents[strong] = -1
        return cls(tier_of, circle_of, size, strong, tier_of.get(WEAK, int(opponents.argmax())))

    def seats(self, strong: str, weak: str) -> Seats:
        """The tiers of a pair. For two that the battles do not compare, others stand in.

        These are two models of one tier, and two of which neither met who met the other.
        """
        tiers_taken = self.tier_of.get(strong, self.strong), self.tier_of.get(weak, self.weak)
        if tiers_taken[0] == tiers_taken[1] or not self._met(strong, weak):
            return Seats(self.strong, self.weak, (strong, weak))
        unknown = tuple(name for name in (strong, weak) if name not in self.tier_of)
        return Seats(*tiers_taken, unknown)

    def _met(self, strong: str, weak: str) -> bool:
        """Whether a pair, or who stands in for one of it, met, directly or through others."""
        circles = [
            self.circle_of.get(name, self.circle_of.get(stand_in))
            for name, stand_in in ((strong, STRONG), (weak, WEAK))
        ]
        return None in circles or circles[0] == circles[1]

    def tiers_in(self, battle: Battle) -> tuple[int, int]:
        """The tiers of a battle's models.

        In the user's own battles a model that was not rated takes the battle's word for its tier:
        the strong one is model_a, the weak one model_b.
        """
        return (
            self.tier_of.get(battle.model_a, self.strong),
            self.tier_of.get(battle.model_b, self.weak),
        )

    def cells(self, battles: Sequence[Battle]) -> Ints:
        """The cell of each battle: tier of a, tier of b, outcome."""
        places = [(*self.tiers_in(battle), OUTCOMES[battle.winner]) for battle in battles]
        a, b, outcome = np.array(places, dtype=np.int64).reshape(-1, 3).T
        cells: Ints = (a * self.size + b) * len(OUTCOMES) + outcome
        return cells


def _rivals_apart(tier: Ints, ratings: Doubles, fought: Doubles) -> Ints:
    """The tiers, cut at the widest gap between any two rivals of one tier.

    `fought`: battles of each two models, (k, k).
    """
    share = fought / np.maximum(fought.sum(axis=1, keepdims=True), 1)
    rivals = np.argwhere(np.triu(np.maximum(share, share.T) > RIVALS, 1))
    for one, other in rivals.tolist():
        if tier[one] != tier[other]:
            continue
        low, high = sorted((ratings[one], ratings[other]))
        between = np.sort(ratings[(tier == tier[one]) & (ratings >= low) & (ratings <= high)])
        gap = int(np.diff(between).argmax())
        below = (tier > tier[one]) | ((tier == tier[one]) & (ratings <= between[gap]))
        tier = tier + below
    return tier
