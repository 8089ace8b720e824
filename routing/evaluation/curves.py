"""Quality against cost of routing a pair of models over graded prompts: arrays in, numbers out.

A strong share is a fraction of calls in [0, 1]; a quality is a mean grade, in the grades' own unit.

Source: Ong et al., RouteLLM (arXiv 2406.18665), section 3, and routellm 0.2.0. The paper prints
APGR as a tenth of a sum over ten thresholds, which gives .55 for a random router; its tables are
the area by trapezoids, as here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routing.arrays import Doubles

DECILES = 10
DRAWS = 2000
TAILS = (0.025, 0.975)
LEAST_KEPT = 0.95
ROUNDING = 1e-12
BLOCK = 1024


class Interval(NamedTuple):
    """The middle 95 % of what was drawn; nan where it cannot be said."""

    low: float
    high: float

    @classmethod
    def of(cls, draws: Doubles) -> Self:
        """The interval of the draws, or nan where more than 5 % of them are undefined."""
        known = draws[np.isfinite(draws)]
        if not len(known) or len(known) < LEAST_KEPT * len(draws):
            return cls(math.nan, math.nan)
        low, high = np.quantile(known, TAILS)
        return cls(float(low), float(high))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True, eq=False)
class Grades:
    """Grades of the strong and the weak model's answers to each prompt, shape (n,) each."""

    strong: Doubles
    weak: Doubles

    def __post_init__(self) -> None:
        if self.strong.shape != self.weak.shape or self.strong.ndim != 1 or not len(self.strong):
            raise ValueError(
                f"grades are two arrays of one shape (n,), n > 0, "
                f"not {self.strong.shape} and {self.weak.shape}"
            )
        if not (np.isfinite(self.strong).all() and np.isfinite(self.weak).all()):
            raise ValueError("grades are finite numbers, and there is a NaN or an infinity")

    @classmethod
    def of(cls, strong: ArrayLike, weak: ArrayLike) -> Self:
        """The grades as float64.

        Raises:
            ValueError: two lengths, no prompt, or a grade that is not finite.
        """
        return cls(np.asarray(strong, dtype=np.float64), np.asarray(weak, dtype=np.float64))

    def __len__(self) -> int:
        return len(self.strong)

    @property
    def gap(self) -> float:
        """How much better the strong model is on average."""
        return float(self.strong.mean() - self.weak.mean())


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean quality at growing shares of strong calls, shape (k,) both.

    Attributes:
        weak, strong: the quality of either model alone.
        is_stepped: the points are single calls, so that there is nothing between two of them.
    """

    shares: Doubles
    quality: Doubles
    weak: float
    strong: float
    is_stepped: bool = False

    @property
    def recovered(self) -> Doubles:
        """PGR: which part of the gap between the models is won back at each point, (k,).

        nan where the strong model is not the better one.
        """
        gap = self.strong - self.weak
        if gap <= 0:
            return np.full(len(self.quality), math.nan)
        return (self.quality - self.weak) / gap

    @property
    def apgr(self) -> float:
        """Average of the gap recovered over all shares; nan where there is no gap."""
        return float(np.trapezoid(self.recovered, self.shares))

    @property
    def mean_quality(self) -> float:
        """Average quality over all shares."""
        return float(np.trapezoid(self.quality, self.shares))

    def cpt(self, recovered: float) -> float:
        """The least share of strong calls that wins back this part of the gap.

        Interpolated on the running maximum; nan where the curve never gets there.
        """
        best = np.maximum.accumulate(self.recovered)
        there = np.flatnonzero(best >= recovered - ROUNDING)
        if not len(there):
            return math.nan
        at = int(there[0])
        if at == 0 or self.is_stepped:
            return float(self.shares[at])
        return float(np.interp(recovered, best[at - 1 : at + 1], self.shares[at - 1 : at + 1]))


class Chance(NamedTuple):
    """What routing at random gives on the same prompts, one entry for each draw.

    Attributes:
        shares: of strong calls at each point of their curves, (11,).
        band: quality that 95 % of the draws lie between at each point, (2, 11).
    """

    apgr: Doubles
    cpt50: Doubles
    cpt80: Doubles
    shares: Doubles
    band: Doubles

    @property
    def deviation(self) -> float:
        """Standard deviation of one random routing's APGR."""
        return float(self.apgr.std())

    def z(self, apgr: float) -> float:
        """By how many deviations an APGR exceeds that of random routing; nan without spread."""
        if self.deviation < ROUNDING:
            return math.nan
        return float((apgr - self.apgr.mean()) / self.deviation)


class Drawn(NamedTuple):
    """Bootstrap results of each router, shape (routers, draws) each."""

    apgr: Doubles
    cpt50: Doubles
    cpt80: Doubles


class Saving(NamedTuple):
    """How many times cheaper the router reaches a quality than random routing does.

    Attributes:
        calls: as the ratio of strong calls, the paper's way; `interval` is this one's.
        price: as the ratio of what all calls cost; nan where a price is unknown.
    """

    calls: float
    price: float
    interval: Interval = Interval(math.nan, math.nan)


def curve(win_probabilities: Doubles, grades: Grades, seed: int = 0) -> Curve:
    """Quality at 0, 10 ... 100 % strong calls, the prompts of highest win probability first.

    Prompts of the same win probability are taken in an order drawn by the seed.

    Raises:
        ValueError: not one win probability for each prompt, or one that is not in [0, 1].
    """
    if len(win_probabilities) != len(grades):
        raise ValueError(f"{len(win_probabilities)} win probabilities for {len(grades)} prompts")
    if not ((win_probabilities >= 0) & (win_probabilities <= 1)).all():
        raise ValueError("win probabilities lie in [0, 1], and there is one that does not")
    return _curve(_gains(grades)[_order(win_probabilities, seed)], grades)


def strong_calls(win_probabilities: Doubles, seed: int = 0) -> NDArray[np.bool_]:
    """Which prompts go to the strong model at each point of the curve, shape (11, n)."""
    ranks = np.empty(len(win_probabilities), dtype=np.int64)
    ranks[_order(win_probabilities, seed)] = np.arange(len(ranks))
    return ranks < _deciles(len(ranks))[:, None]


def oracle(grades: Grades) -> Curve:
    """The best that any router could reach: it knows the grades and stops when more would lose."""
    gains = np.sort(_gains(grades))[::-1]
    won = np.maximum.accumulate(np.concatenate([[0.0], np.cumsum(gains)]))
    return _from_gains(np.arange(len(won)), won, grades, is_stepped=True)


def chance(grades: Grades, draws: int = DRAWS, seed: int = 0) -> Chance:
    """Results of random routings of the prompts."""
    rng = np.random.default_rng(seed)
    gains = _gains(grades)
    curves = [_curve(rng.permutation(gains), grades) for _ in range(draws)]
    return Chance(
        np.array([each.apgr for each in curves]),
        np.array([each.cpt(0.5) for each in curves]),
        np.array([each.cpt(0.8) for each in curves]),
        _deciles(len(grades)) / len(grades),
        np.quantile([each.quality for each in curves], TAILS, axis=0),
    )


def bootstrap(
    win_probabilities: Sequence[Doubles], grades: Grades, draws: int = DRAWS, seed: int = 0
) -> Drawn:
    """Bootstrap results of each router; every draw of prompts is shared by all routers.

    `Interval.of` a row is a router's own interval, of a difference of two rows the paired one.
    nan where the drawn prompts leave no gap between the models.
    """
    rng = np.random.default_rng(seed)
    orders = [_order(each, seed) for each in win_probabilities]
    gains, size = _gains(grades), len(grades)
    found = Drawn(*np.empty((3, len(orders), draws)))
    for draw in range(draws):
        counts = np.bincount(rng.integers(size, size=size), minlength=size)
        sample = Grades(np.repeat(grades.strong, counts), np.repeat(grades.weak, counts))
        for row, order in enumerate(orders):
            drawn = _curve(np.repeat(gains[order], counts[order]), sample)
            found.apgr[row, draw] = drawn.apgr
            found.cpt50[row, draw], found.cpt80[row, draw] = drawn.cpt(0.5), drawn.cpt(0.8)
    return found


def saving(
    router: float, random: float, strong_cost: float = math.nan, weak_cost: float = math.nan
) -> Saving:
    """What a router saves at one quality, by the shares of strong calls that it and chance need.

    `strong_cost` and `weak_cost` are what one call costs, in any one unit.
    """

    def cost(share: float) -> float:
        return share * strong_cost + (1 - share) * weak_cost

    return Saving(_ratio(random, router), _ratio(cost(random), cost(router)))


def best_cosines(queries: NDArray[np.float32], rows: NDArray[np.float32]) -> Doubles:
    """The cosine of each query to the row nearest to it; unit rows (m, d), (n, d) -> (m,).

    -1 where there is no row. Its mean over a set's prompts is the paper's benchmark-dataset
    similarity; where it is high, the training data holds the set's own questions.
    """
    best = np.full(len(queries), -1.0)
    for start in range(0, len(rows), BLOCK):
        block = (queries @ rows[start : start + BLOCK].T).max(axis=1, initial=-1.0)
        np.maximum(best, block, out=best)
    return best


def _gains(grades: Grades) -> Doubles:
    return grades.strong - grades.weak


def _order(win_probabilities: Doubles, seed: int) -> NDArray[np.int64]:
    """The prompts from the highest win probability to the lowest, ties in random order."""
    ties = np.random.default_rng(seed).random(len(win_probabilities))
    return np.lexsort((ties, -win_probabilities))


def _curve(gains: Doubles, grades: Grades) -> Curve:
    """The curve at the deciles, from what each strong call gains in the order of the calls."""
    strong = _deciles(len(gains))
    won = np.concatenate([[0.0], np.cumsum(gains)])
    return _from_gains(strong, won[strong], grades)


def _deciles(size: int) -> NDArray[np.int64]:
    return np.round(np.linspace(0, size, DECILES + 1)).astype(np.int64)


def _from_gains(
    strong: NDArray[np.int64], won: Doubles, grades: Grades, *, is_stepped: bool = False
) -> Curve:
    size, weak = len(grades), float(grades.weak.mean())
    return Curve(strong / size, weak + won / size, weak, float(grades.strong.mean()), is_stepped)


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan
