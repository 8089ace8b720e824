"""What battles say of each prompt for one pair of tiers, against what was to be expected.

Source: Zheng et al. (2023), Judging LLM-as-a-judge with MT-Bench and Chatbot Arena, section 4, on
how often judges agree: the more, the farther two replies are apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from routing.arrays import Bools, Doubles, Ints
from routing.battles import MINE, Battle
from routing.errors import RouterError
from routing.index import BattleIndex
from routing.ladder import A_WINS, OUTCOMES, STRONG, WEAK, Ladder

PRIOR_BATTLES = 10  # so many at the average make a small set's own average a cautious one
# The user's own battle counts as much as twelve of others over the same prompt.
OWN_WEIGHT = 12.0
AS_GOOD = 5  # a judge's grade of model_b's reply where it is as good as model_a's
ODDS_A_GRADE = 2.0  # each grade below it doubles the odds: see bench/reproduce_routellm.py
DIRECT = -1  # the number of the pair's own battles among those between tiers
PAIR_WEIGHT = 2.0  # a battle of the pair itself says more than one of its likes


class Lessons(NamedTuple):
    """What the battles that concern a pair say of each prompt; n prompts.

    Attributes:
        rows: of the index, in their order, (n,).
        average: how often the strong model of the pair itself wins, by all battles where these are
            few; a tie is half a win. A pool's models are told apart by it.
        surplus: how much more often it won over this prompt, (n,).
        ease: how much oftener both replies were good than both bad, (n,).
        weights: how many battles that was, the user's own counting for more, (n,).
        sources: a number for where they come from, 0 for the user's own, (n,).
    """

    prompts: list[str]
    rows: Ints
    average: float
    surplus: Doubles
    ease: Doubles
    weights: Doubles
    sources: Ints


def lessons_of(index: BattleIndex, ladder: Ladder, pair: tuple[str, str]) -> Lessons:
    """The battles that concern the pair, strong and weak, each against what its set expects.

    Sets differ in how often the strong model wins, by what was asked and who judged; that says
    nothing of a prompt.

    Raises:
        RouterError: all were decided alike, so that they tell no prompt from another.
    """
    sides = _sides(index.battles, ladder, pair)
    places = np.flatnonzero(sides.weights > 0)
    battles = [index.battles[place] for place in places.tolist()]
    won, weights = sides.won[places], sides.weights[places]
    if not len(won) or np.ptp(won) == 0:
        raise RouterError(
            f"the {len(won):,} battles of the pair were all decided alike: they tell no prompt "
            "from another",
            hint="Import battles that both of its sides won or tied.",
        )
    own = np.array([battle.source == MINE for battle in battles])
    average = float((won if own.all() else won[~own]).mean())
    sets = _sets(battles, sides.between[places])
    surplus = won - _expected(sets, won, own, average)
    ease = np.array([_ease(battle) for battle in battles])
    ease[own & (won == 0)] = 1.0  # whoever likes the weak reply better finds it good enough
    ease -= _expected(sets, ease, own, float(ease.mean()))
    rows, first, row = np.unique(index.row_of[places], return_index=True, return_inverse=True)
    total = np.bincount(row, weights).astype(np.float64)
    source = np.where(own, 0, 1 + np.unique([b.source for b in battles], return_inverse=True)[1])
    sources = np.full(len(rows), source.max())
    np.minimum.at(sources, row, source)
    return Lessons(
        prompts=[battles[place].prompt for place in first.tolist()],
        rows=rows,
        average=_average(won, (sides.between[places] == DIRECT) & ~own, average),
        surplus=np.bincount(row, weights * surplus) / total,
        ease=np.bincount(row, weights * ease) / total,
        weights=total,
        sources=sources,
    )


def _average(won: Doubles, direct: Bools, usual: float) -> float:
    """The mean of the pair's own battles, drawn to the usual one where they are few."""
    return float((won[direct].sum() + PRIOR_BATTLES * usual) / (direct.sum() + PRIOR_BATTLES))


class _Sides(NamedTuple):
    """For each of n battles how often its stronger model won and what it counts for the pair.

    Attributes:
        between: a number for the tiers of its models, (n,).
        weights: 0 where it does not concern the pair, (n,).
    """

    won: Doubles
    between: Ints
    weights: Doubles


def _sides(battles: Sequence[Battle], ladder: Ladder, pair: tuple[str, str]) -> _Sides:
    """The battles as the pair sees them; those of any two tiers count where none concerns it.

    The pair's own battles concern it, the user's own, those of "strong" and "weak", which stand
    for any pair, and those between its tiers, or between the tiers of these two, or with a tier
    next to the weak one. A rating from few sets, such as gold battles alone give, puts a model
    where hardly anyone met its rival.
    """
    tiers = np.array([ladder.tiers_in(battle) for battle in battles])  # (n, 2)
    named = [_named(battle, pair) for battle in battles]
    direct = np.array([sign != 0 for sign in named])
    lead = np.where(direct, named, np.sign(tiers[:, 1] - tiers[:, 0]))
    better, worse = tiers.min(axis=1), tiers.max(axis=1)
    own = np.array([battle.source == MINE for battle in battles])
    general = np.array([{battle.model_a, battle.model_b} == {STRONG, WEAK} for battle in battles])
    near = np.zeros(len(battles), dtype=bool)
    for seats in {ladder.seats(*pair), *([ladder.seats(STRONG, WEAK)] if general.any() else [])}:
        near |= (better == seats.strong) & (np.abs(worse - seats.weak) <= 1)
    concern = (lead != 0) & (direct | own | general | near)
    if not concern.any():
        concern = lead != 0
    won = np.array([_a_wins(battle) for battle in battles])
    weights = np.select([own, direct], [OWN_WEIGHT, PAIR_WEIGHT], 1.0)
    return _Sides(
        won=np.where(lead > 0, won, 1 - won),
        between=np.where(direct, DIRECT, better * ladder.size + worse),
        weights=np.where(concern, weights, 0.0),
    )


def _named(battle: Battle, pair: tuple[str, str]) -> int:
    """1 for a battle of strong against weak, -1 for weak against strong, 0 for other models."""
    models = (battle.model_a, battle.model_b)
    return (models == pair) - (models == pair[::-1])


def _a_wins(battle: Battle) -> float:
    """How often model_a's reply would be the better one, to one judge or another.

    The verdict alone says 0, 1/2 or 1. A judge's grade of model_b's reply says how clear it was:
    judges differ about a slip, hardly ever about a wrong answer.
    """
    if battle.score is None or battle.winner == "b":
        return float(A_WINS[OUTCOMES[battle.winner]])
    odds: float = ODDS_A_GRADE ** (AS_GOOD - battle.score)
    return odds / (1 + odds)


def _ease(battle: Battle) -> float:
    """1 where both replies were good enough, -1 where neither was, 0 where one was the better."""
    if battle.winner != "tie":
        return 0.0
    return -1.0 if battle.both_bad else 1.0


def _sets(battles: Sequence[Battle], between: Ints) -> Ints:
    """A number for the set of each battle, between its tiers."""
    keys = [
        f"{battle.source}\n{tiers}" for battle, tiers in zip(battles, between.tolist(), strict=True)
    ]
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _expected(sets: Ints, values: Doubles, own: Bools, average: float) -> Doubles:
    """The mean value in each battle's set.

    A user reports few battles, and surprising ones: they are held against the average
    of all others.
    """
    counted = np.bincount(sets, ~own)
    total = np.bincount(sets, values * ~own)
    means: Doubles = (total + PRIOR_BATTLES * average) / (counted + PRIOR_BATTLES)
    return means[sets]
