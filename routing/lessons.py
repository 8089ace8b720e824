"""What battles say of each prompt for one pair of tiers, against what was to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.battles import Battle
from routing.errors import RouterError
from routing.index import BattleIndex
from routing.ladder import A_WINS, MINE, OUTCOMES, STRONG, WEAK, Ladder, Seats

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PRIOR_BATTLES = 10  # so many at the average make a small set's own average a cautious one
# What a person says of a prompt counts as much as eight battles of others over it.
OWN_WEIGHT = 8.0


class Lessons(NamedTuple):
    """What the battles that concern a pair say of each prompt; n prompts.

    Attributes:
        rows: of the index, in their order, (n,).
        average: how often the strong model wins; a tie is half a win.
        surplus: how much more often it won over this prompt, (n,).
        weights: how many battles that was, a person's own counting for more, (n,).
        own: whether one of them is the person's own, (n,).
    """

    prompts: list[str]
    rows: Ints
    average: float
    surplus: Doubles
    weights: Doubles
    own: Flags


def lessons_of(index: BattleIndex, ladder: Ladder, seats: Seats) -> Lessons:
    """The battles that concern the pair, each against the average of its set and tiers.

    Sets differ in how often the strong model wins, by what was asked and who judged; that says
    nothing of a prompt.

    Raises:
        RouterError: all were decided alike, so that they tell no prompt from another.
    """
    tiers = np.array([ladder.tiers_in(battle) for battle in index.battles])  # (battles, 2)
    places = np.flatnonzero(_concern(index.battles, tiers, seats))
    battles = [index.battles[place] for place in places.tolist()]
    strong, weak = tiers[places].min(axis=1), tiers[places].max(axis=1)
    won = A_WINS[[OUTCOMES[battle.winner] for battle in battles]]
    won = np.where(tiers[places, 0] == strong, won, 1 - won)
    if not len(won) or np.ptp(won) == 0:
        raise RouterError(
            f"the {len(won):,} battles of the pair were all decided alike: they tell no prompt "
            "from another",
            hint="Import battles that both of its sides won or tied.",
        )
    own = np.array([battle.source == MINE for battle in battles])
    others = won if own.all() else won[~own]
    surplus = won - _expected(battles, strong * (ladder.size + 1) + weak, won, others.mean())
    rows, first, row = np.unique(index.row_of[places], return_index=True, return_inverse=True)
    each = np.where(own, OWN_WEIGHT, 1.0)
    weights = np.bincount(row, each).astype(np.float64)
    return Lessons(
        prompts=[battles[place].prompt for place in first.tolist()],
        rows=rows,
        average=float(others.mean()),
        surplus=np.bincount(row, each * surplus) / weights,
        weights=weights,
        own=np.bincount(row, own) > 0,
    )


def _concern(battles: Sequence[Battle], tiers: Ints, seats: Seats) -> Flags:
    """Which battles concern the pair; those of any two tiers where none does.

    The person's own always do, and those of "strong" and "weak", which stand for any pair.
    """
    better, worse = tiers.min(axis=1), tiers.max(axis=1)
    parted = better < worse
    near = (better == seats.strong) & (np.abs(worse - seats.weak) <= 1)
    general = [
        battle.source == MINE or {battle.model_a, battle.model_b} == {STRONG, WEAK}
        for battle in battles
    ]
    concern: Flags = parted & (near | np.array(general))
    return concern if concern.any() else parted


def _expected(battles: Sequence[Battle], tiers: Ints, won: Doubles, average: float) -> Doubles:
    """How often the strong model wins in each battle's set, between its tiers.

    A person tells of few battles, and of those that surprised: they are held against the average
    of all others.
    """
    keys = [
        f"{battle.source}\n{tier}" for battle, tier in zip(battles, tiers.tolist(), strict=True)
    ]
    group = np.unique(keys, return_inverse=True)[1]
    own = np.array([battle.source == MINE for battle in battles])
    counted = np.bincount(group, ~own)
    wins = np.bincount(group, won * ~own)
    means: Doubles = (wins + PRIOR_BATTLES * average) / (counted + PRIOR_BATTLES)
    return means[group]
