"""Quality against cost of routing among a pool of models, and whether it pays there at all.

What routing must beat is what needs no router: the best single model, and the price-only mix, which
sends each prompt to a model by drawing lots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routing.arrays import Doubles, Ints
from routing.calibrate import EVERYTHING, NOTHING
from routing.decide import choose
from routing.errors import DataError
from routing.evaluation.curves import DRAWS, ROUNDING, Interval
from routing.evaluation.evidence import Evidence, pool_evidence
from routing.evaluation.sets import EvaluationSet

THRESHOLDS = 21
# Quality that a unit of cost is worth, in the spread of all qualities over that of all costs; the
# ends only break ties: the cheapest of the best, the best of the cheapest.
RATES = (-3, 3, 61)
LEAST_RATE, MOST_RATE = 1e-6, 1e6


@dataclass(frozen=True, eq=False)
class Outcomes:
    """How well each model answered each prompt, and what it cost; (n, m) both, m >= 2."""

    quality: Doubles
    cost: Doubles

    def __post_init__(self) -> None:
        shape = self.quality.shape
        if self.cost.shape != shape or len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
            raise ValueError(
                f"quality and cost have one shape (n, m), n > 0, m > 1, "
                f"not {shape} and {self.cost.shape}"
            )
        if not (np.isfinite(self.quality).all() and np.isfinite(self.cost).all()):
            raise ValueError("quality and cost are finite numbers, and one is not")

    def of(self, picks: Ints) -> Doubles:
        """Quality and cost of a model for each prompt, by its column; (k, n) -> (2, k, n)."""
        prompts = np.arange(len(self.quality))
        return np.stack([self.quality[prompts, picks], self.cost[prompts, picks]])


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Mean quality at a mean cost of a call, cheapest first, shape (k,) both."""

    cost: Doubles
    quality: Doubles

    def at(self, cost: Doubles) -> Doubles:
        """Quality at those costs, interpolated; constant beyond either end."""
        return np.interp(cost, self.cost, self.quality)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether routing pays on these prompts.

    Attributes:
        best: column of the best single model.
        gain: by how much the routed quality exceeds the price-only mix of the same cost, averaged
            over all costs between the routed curve's ends.
        interval: of the gain, by bootstrap over prompts.
    """

    best: int
    gain: float
    interval: Interval

    @property
    def pays(self) -> bool:
        """The gain is above zero by more than chance."""
        return self.interval.low > ROUNDING

    def words(self, models: Sequence[str], *, is_enough: bool = True) -> str:
        """The verdict in a sentence; `models` names the columns.

        `is_enough`: whether there are prompts enough for one.
        """
        gain, low, high = (_signed(each) for each in (self.gain, *self.interval))
        gained = f"{gain} [{low}, {high}] over the price-only mix of the same cost"
        if not is_enough:
            return f"No verdict: {gained}, on too few prompts to tell."
        if self.pays:
            return f"Routing pays on this data: {gained}."
        return f"On this data, always use {models[self.best]}: routing gains {gained}."


@dataclass(frozen=True, eq=False)
class PoolRouterResult:
    """One router among all models: its curve and whether that pays."""

    name: str
    curve: CostCurve
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class PoolComparison:
    """Routers among more than two models, beside what needs no router.

    Attributes:
        models: the strongest first, the cheapest last.
        quality, cost: means of each model, in their order.
        mix: what a random mix of models can reach.
        oracle: what knowing every grade beforehand would reach.
        best: place of the best single model.
        evidence: whether the prompts can tell anything of that.
    """

    set_name: str
    size: int
    models: tuple[str, ...]
    quality: Doubles
    cost: Doubles
    mix: CostCurve
    oracle: CostCurve
    best: int
    routers: tuple[PoolRouterResult, ...]
    evidence: Evidence


def compare_pool(
    evaluation: EvaluationSet,
    models: Sequence[str],
    win_probabilities: Mapping[str, Doubles],
    draws: int = DRAWS,
    seed: int = 0,
) -> PoolComparison:
    """The routers' choices among the models, the strongest first, measured against their grades.

    `win_probabilities` hold, by router, those of the strongest model against each other one, shape
    (n, others). Thresholds are 21 quantiles of them.

    Raises:
        DataError: the set has no grades of a model, or does not know what replies cost.
    """
    if evaluation.cost is None:
        raise DataError(
            f"{evaluation.name} does not say what replies cost, and among more than two models "
            "the cheapest that is good enough is sought",
            hint="Add the cost of each reply, or name a pair: --strong MODEL --weak MODEL.",
        )
    columns = [evaluation.column(model) for model in models]
    outcomes = Outcomes(evaluation.quality[:, columns], evaluation.cost[:, columns])
    picks = {name: pool_picks(table) for name, table in win_probabilities.items()}
    routers = [
        PoolRouterResult(name, routed(outcomes, picked), verdict(outcomes, picked, draws, seed))
        for name, picked in picks.items()
    ]
    return PoolComparison(
        set_name=evaluation.name,
        size=len(evaluation.prompts),
        models=tuple(models),
        quality=outcomes.quality.mean(axis=0),
        cost=outcomes.cost.mean(axis=0),
        mix=blind_mix(outcomes),
        oracle=oracle_mix(outcomes),
        best=best_single(outcomes),
        routers=tuple(routers),
        evidence=pool_evidence(evaluation.prompts, outcomes.quality),
    )


def pool_picks(win_probabilities: Doubles) -> Ints:
    """Which model each prompt goes to at each threshold, by its place; (n, others) -> (21, n)."""
    inner = np.quantile(win_probabilities, np.linspace(0, 1, THRESHOLDS)[1:-1])
    rows = win_probabilities.tolist()
    thresholds = [EVERYTHING, *inner.tolist(), NOTHING]
    return np.array([[choose(row, threshold) for row in rows] for threshold in thresholds])


def best_single(outcomes: Outcomes) -> int:
    """Column of the model of the highest mean quality, the cheaper of two alike."""
    return int(np.lexsort((outcomes.cost.mean(axis=0), -outcomes.quality.mean(axis=0)))[0])


def blind_mix(outcomes: Outcomes) -> CostCurve:
    """The best quality at each cost without looking at the prompts.

    The upper hull of the single models, from the cheapest on to the best.
    """
    return _hull(outcomes.cost.mean(axis=0), outcomes.quality.mean(axis=0))


def oracle_mix(outcomes: Outcomes) -> CostCurve:
    """The best that any router could reach at each cost: it knows the grades.

    At every exchange rate of quality into cost each prompt goes to the model that is worth most.
    """
    quality, cost = outcomes.quality, outcomes.cost
    unit = np.ptp(quality) / (np.ptp(cost) or 1.0)
    rates = unit * np.concatenate([[LEAST_RATE], np.logspace(*RATES), [MOST_RATE]])
    picks = np.array([np.argmax(quality - rate * cost, axis=1) for rate in rates])
    reached, spent = outcomes.of(picks).mean(axis=2)
    return _hull(spent, reached)


def routed(outcomes: Outcomes, picks: Ints) -> CostCurve:
    """The curve through k routings, each the column picked for every prompt, shape (k, n)."""
    quality, cost = outcomes.of(picks).mean(axis=2)
    return _by_cost(cost, quality)


def verdict(outcomes: Outcomes, picks: Ints, draws: int = DRAWS, seed: int = 0) -> Verdict:
    """Whether those routings, shape (k, n), beat the models and mixes that need no router."""
    rng = np.random.default_rng(seed)
    chosen = outcomes.of(picks)
    single = np.stack([outcomes.quality.T, outcomes.cost.T])
    size = len(outcomes.quality)
    drawn = np.empty(draws)
    for draw in range(draws):
        counts = np.bincount(rng.integers(size, size=size), minlength=size) / size
        drawn[draw] = _gain(chosen @ counts, single @ counts)
    return Verdict(
        best_single(outcomes), _gain(chosen.mean(axis=2), single.mean(axis=2)), Interval.of(drawn)
    )


def _gain(routings: Doubles, singles: Doubles) -> float:
    """Mean height of the routed curve above the hull of the single models.

    Both hold the mean qualities and under them the mean costs: (2, k), (2, m).
    """
    curve = _by_cost(routings[1], routings[0])
    mix = _hull(singles[1], singles[0])
    low, high = curve.cost[0], curve.cost[-1]
    if low == high:
        return float(curve.quality.max() - mix.at(np.array([low]))[0])
    corners = np.union1d(curve.cost, mix.cost[(mix.cost > low) & (mix.cost < high)])
    height = curve.at(corners) - mix.at(corners)
    return float(np.trapezoid(height, corners) / (high - low))


def _by_cost(cost: Doubles, quality: Doubles) -> CostCurve:
    """The points, cheapest first; of points of one cost the best."""
    order = np.lexsort((-quality, cost))
    cost, first = np.unique(cost[order], return_index=True)
    return CostCurve(cost, quality[order][first])


def _hull(cost: Doubles, quality: Doubles) -> CostCurve:
    """Upper hull of the points up to the best one: what mixing two of them can reach."""
    points = _by_cost(cost, quality)
    kept: list[tuple[float, float]] = []
    for point in zip(points.cost.tolist(), points.quality.tolist(), strict=True):
        if kept and point[1] <= kept[-1][1]:
            continue
        while len(kept) > 1 and _slope(kept[-2], kept[-1]) <= _slope(kept[-2], point):
            kept.pop()
        kept.append(point)
    return CostCurve(*np.array(kept).T)


def _signed(value: float) -> str:
    """The number with its sign; rounding noise becomes 0."""
    return "0" if abs(value) < ROUNDING else f"{value:+.3g}"


def _slope(start: tuple[float, float], end: tuple[float, float]) -> float:
    return (end[1] - start[1]) / (end[0] - start[0])
