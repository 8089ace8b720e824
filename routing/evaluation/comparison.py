"""Routers side by side on one set and pair of models, with the baselines that they must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from routing.arrays import Doubles
from routing.evaluation.curves import (
    DRAWS,
    Chance,
    Curve,
    Grades,
    Interval,
    Saving,
    bootstrap,
    chance,
    curve,
    oracle,
    saving,
    strong_calls,
)
from routing.evaluation.evidence import Evidence, pair_evidence
from routing.evaluation.frontier import Outcomes, Verdict, best_single, verdict
from routing.evaluation.sets import EvaluationSet


@dataclass(frozen=True, slots=True)
class RouterResult:
    """One router on the set.

    Attributes:
        interval: of its APGR, by bootstrap over prompts.
        z: by how many of its standard deviations its APGR exceeds that of random routing.
        saving50: what it saves where half of the gap is won back; `saving80` likewise.
        verdict: whether it beats the better model and a random mix of both.
    """

    name: str
    curve: Curve
    interval: Interval
    z: float
    saving50: Saving
    saving80: Saving
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """The APGR of one router minus another's on the same prompts."""

    better: str
    worse: str
    apgr: float
    interval: Interval


@dataclass(frozen=True)
class Comparison:
    """Everything that was measured.

    Attributes:
        best: the model of the pair with the higher mean quality; of two alike the cheaper.
        price_mix: quality of a random mix of the two models, where only prices are known.
        costs: of a call of the strong and of the weak model; nan where unknown.
        evidence: whether the prompts can tell anything of that.
    """

    set_name: str
    size: int
    strong: str
    weak: str
    best: str
    costs: tuple[float, float]
    routers: tuple[RouterResult, ...]
    differences: tuple[Difference, ...]
    oracle: Curve
    price_mix: Curve
    chance: Chance
    evidence: Evidence


def compare(
    evaluation: EvaluationSet,
    pair: tuple[str, str],
    win_probabilities: Mapping[str, Doubles],
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """The routers' win probabilities, shape (n,) each, measured against the grades of the pair.

    `pair` names the strong and the weak model.

    Raises:
        DataError: the set has no grades of one of them.
        ValueError: win probabilities are not those of the set's prompts.
    """
    strong, weak = pair
    grades = evaluation.grades(strong, weak)
    costs = (evaluation.mean_cost(strong), evaluation.mean_cost(weak))
    curves = {name: curve(found, grades, seed) for name, found in win_probabilities.items()}
    random = chance(grades, draws, seed)
    drawn = bootstrap(list(win_probabilities.values()), grades, draws, seed)
    outcomes = _outcomes(evaluation, pair, grades)
    routers = [
        RouterResult(
            name=name,
            curve=found,
            interval=Interval.of(drawn.apgr[at]),
            z=random.z(found.apgr),
            saving50=_saving(found.cpt(0.5), random.cpt50, costs, drawn.cpt50[at]),
            saving80=_saving(found.cpt(0.8), random.cpt80, costs, drawn.cpt80[at]),
            verdict=verdict(
                outcomes, strong_calls(win_probabilities[name], seed).astype(np.int64), draws, seed
            ),
        )
        for at, (name, found) in enumerate(curves.items())
    ]
    return Comparison(
        set_name=evaluation.name,
        size=len(grades),
        strong=strong,
        weak=weak,
        best=(weak, strong)[best_single(outcomes)],
        costs=costs,
        routers=tuple(routers),
        differences=_differences(curves, drawn.apgr),
        oracle=oracle(grades),
        price_mix=_price_mix(grades),
        chance=random,
        evidence=pair_evidence(evaluation.prompts, pair, grades, random),
    )


def _saving(share: float, random: Doubles, costs: tuple[float, float], drawn: Doubles) -> Saving:
    """The saving at that share of strong calls; `drawn`: bootstrap draws of the share."""
    usual = float(random.mean())
    ratios = np.divide(usual, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
    return saving(share, usual, *costs)._replace(interval=Interval.of(ratios))


def _differences(curves: Mapping[str, Curve], drawn: Doubles) -> tuple[Difference, ...]:
    rows = dict(zip(curves, drawn, strict=True))
    found = []
    for pair in combinations(curves, 2):
        better, worse = sorted(pair, key=lambda name: -curves[name].apgr)
        gap = curves[better].apgr - curves[worse].apgr
        found.append(Difference(better, worse, gap, Interval.of(rows[better] - rows[worse])))
    return tuple(found)


def _outcomes(evaluation: EvaluationSet, pair: tuple[str, str], grades: Grades) -> Outcomes:
    """Weak and strong; a strong call costs 1 and a weak one nothing where costs are unknown."""
    quality = np.stack([grades.weak, grades.strong], axis=1)
    if evaluation.cost is None:
        return Outcomes(quality, np.tile([0.0, 1.0], (len(quality), 1)))
    strong, weak = (evaluation.column(model) for model in pair)
    return Outcomes(quality, evaluation.cost[:, [weak, strong]])


def _price_mix(grades: Grades) -> Curve:
    shares: NDArray[np.float64] = np.linspace(0, 1, 11)
    weak, strong = float(grades.weak.mean()), float(grades.strong.mean())
    return Curve(shares, weak + shares * (strong - weak), weak, strong)
