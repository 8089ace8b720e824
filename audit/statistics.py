"""The audit's statistics: arrays in, numbers out.

Accuracies and recalls are in [0, 1]; differences and RStd are in points of a hundred. Intervals
hold 95 % unless said otherwise. Every draw comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEVEL = 0.95
DRAWS = 10_000
FEWEST_CLUSTERS = 5  # with fewer subjects than this, questions are drawn instead of subjects
LEAST_SHARE = 0.02  # a gold position with fewer of the questions says nothing about recall


class Interval(NamedTuple):
    """Lower and upper end."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Draws:
    """Where random draws come from, and how many are made."""

    rng: np.random.Generator
    count: int = DRAWS


class Kendall(NamedTuple):
    """Tau-b with its two-sided p, exact where there are no ties."""

    tau: float
    p: float


@dataclass(frozen=True, slots=True)
class Spread:
    """RStd beside what an unbiased model of the same accuracy would show, all in points.

    Attributes:
        interval: bootstrap over the questions of each position; noise adds to every draw, so it
            lies a little high when n is small.
        band_mean, band_high: mean and 95th percentile of the unbiased model's RStd.
        p: chance that the unbiased model shows at least this RStd; `p_holm`: adjusted over the
            battery.
    """

    rstd: float
    interval: Interval
    band_mean: float
    band_high: float
    p: float
    p_holm: float | None = None


def wilson(correct: int, n: int) -> Interval:
    """Wilson's interval of a share, in [0, 1].

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    from scipy.stats import binomtest

    if n == 0:
        return Interval(0.0, 1.0)
    ends = binomtest(correct, n).proportion_ci(LEVEL, method="wilson")
    return Interval(float(ends.low), float(ends.high))


def paired_interval(differences: Floats, clusters: Ints, draws: Draws) -> Interval:
    """Bootstrap interval of the mean of paired differences, drawing whole clusters.

    Questions of one subject stand and fall together, so subjects are drawn; with fewer than
    five of them, questions.
    """
    members = _members(clusters)
    sums = np.bincount(members, differences)
    sizes = np.bincount(members)
    count = len(sums)
    times = _bounded(draws.count, count)
    weights = draws.rng.multinomial(count, np.full(count, 1 / count), size=times)
    means = (weights @ sums) / (weights @ sizes)
    return _percentiles(means)


def mcnemar(before: Bools, after: Bools) -> float:
    """Two-sided exact p that as many answers turned right as turned wrong."""
    from scipy.stats import binomtest

    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost).pvalue)


def holm(p: Sequence[float]) -> Floats:
    """Holm's adjusted p values, in the order given.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    steps = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def recalls(gold: Ints, correct: Bools, count: int) -> Floats:
    """Share of right answers among the questions whose answer is at that position; NaN for none.

    Shape (count,).
    """
    golds = np.bincount(gold, minlength=count)
    hits = np.bincount(gold, correct, minlength=count)
    nothing = np.full(count, np.nan)
    return np.asarray(np.divide(hits, golds, out=nothing, where=golds > 0))


def shares(picks: Ints, count: int) -> Floats:
    """Share of the answers that went to each position, shape (count,); -1 is no answer."""
    given = picks[picks >= 0]
    return np.bincount(given, minlength=count) / max(1, len(given))


def flip_rate(before: Ints, after: Ints) -> float:
    """Share of questions whose pick is another original option than before; NaN for none."""
    return float(np.mean(before != after)) if len(before) else float("nan")


def rstd(gold: Ints, correct: Bools) -> float | None:
    """Population standard deviation of the recalls per gold position, in points.

    Positions that hold the answer of fewer than 2 % of the questions are left out; None where
    fewer than two positions are left.
    """
    golds = np.bincount(gold)
    kept = _kept(golds)
    if kept.sum() < 2:
        return None
    return float(np.std(recalls(gold, correct, len(golds))[kept]) * 100)


def spread(gold: Ints, correct: Bools, options: Ints, draws: Draws) -> Spread | None:
    """RStd with its band; None where it is undefined.

    The unbiased model answers as many questions right, but which ones has nothing to do with
    where the answer stands: its hits are drawn without replacement, among the questions with the
    same number of options, as those are equally hard to guess.
    """
    observed = rstd(gold, correct)
    if observed is None:
        return None
    golds = np.bincount(gold)
    hits = np.zeros((draws.count, len(golds)), dtype=np.int64)
    for number in np.unique(options):
        among = options == number
        places = np.bincount(gold[among], minlength=len(golds))
        right = int(correct[among].sum())
        hits += draws.rng.multivariate_hypergeometric(places, right, size=draws.count)
    return _spread(observed, hits, gold, correct, draws.rng)


def cyclic_spread(correct: Sequence[Bools], draws: Draws) -> Spread | None:
    """RStd over all rotations with its band; the rows are questions, the columns gold positions.

    One array for each number of options. Each question is asked at every position, so the
    unbiased model is right in as many rotations of each question, but in any of them.
    """
    most = max(table.shape[1] for table in correct)
    hits = np.zeros((draws.count, most), dtype=np.int64)
    for table in correct:
        hits[:, : table.shape[1]] += _rotated_hits(table, draws)
    gold = np.concatenate([np.tile(np.arange(t.shape[1]), len(t)) for t in correct])
    flat = np.concatenate([table.ravel() for table in correct])
    observed = rstd(gold, flat)
    return None if observed is None else _spread(observed, hits, gold, flat, draws.rng)


def _rotated_hits(table: Bools, draws: Draws) -> Ints:
    """Hits per position, (draws, positions): each row's right answers at random positions."""
    positions = table.shape[1]
    hits = np.zeros((draws.count, positions), dtype=np.int64)
    right, times = np.unique(table.sum(axis=1), return_counts=True)
    for r, n in zip(right, times, strict=True):
        subsets = list(combinations(range(positions), int(r)))
        member = np.zeros((len(subsets), positions), dtype=np.int64)
        for i, subset in enumerate(subsets):
            member[i, list(subset)] = 1
        evenly = np.full(len(subsets), 1 / len(subsets))
        drawn = draws.rng.multinomial(n, evenly, size=draws.count)
        hits += drawn @ member
    return hits


def _spread(
    observed: float, hits: Ints, gold: Ints, correct: Bools, rng: np.random.Generator
) -> Spread:
    """The observed RStd against the unbiased model's hits, shape (draws, positions)."""
    golds = np.bincount(gold)
    kept = _kept(golds)
    null = np.std(hits[:, kept] / golds[kept], axis=1) * 100
    own = np.bincount(gold, correct)[kept] / golds[kept]
    redrawn = np.std(rng.binomial(golds[kept], own, (len(hits), len(own))) / golds[kept], axis=1)
    # Equal sets of hits may differ in the last bit of their RStd.
    reached = int((null >= observed - 1e-9).sum())
    return Spread(
        rstd=observed,
        interval=_percentiles(redrawn * 100),
        band_mean=float(null.mean()),
        band_high=float(np.quantile(null, LEVEL)),
        p=(1 + reached) / (1 + len(null)),
    )


def _kept(golds: Ints) -> Bools:
    """Which gold positions hold enough questions to speak of recall there."""
    return golds >= max(1.0, LEAST_SHARE * float(golds.sum()))


def probabilities(loglik: Floats) -> Floats:
    """The options' log-likelihoods as probabilities that sum to one, over the last axis."""
    powers = np.exp(loglik - loglik.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def pride_prior(loglik: Floats) -> Floats:
    """What the model thinks of each position before it reads the options, summing to one.

    `loglik` has the shape (questions, rotations, positions), every option once at each position.

    Source: Zheng et al. (ICLR 2024, arXiv 2309.03882), equations 5 and 7.
    """
    logs = np.log(probabilities(loglik))
    return np.asarray(probabilities(logs.mean(axis=1)).mean(axis=0))


def pride(loglik: Floats, prior: Floats) -> Floats:
    """Log-likelihoods (questions, positions) with the prior of each position taken out."""
    return np.asarray(loglik - np.log(prior))


def batch_calibrated(loglik: Floats) -> Floats:
    """Log-likelihoods (questions, positions) against each position's mean probability.

    Source: Zhou et al. (ICLR 2024, arXiv 2309.17249), equation 6.
    """
    given = probabilities(loglik)
    return np.asarray(np.log(given) - np.log(given.mean(axis=0)))


def cyclic_average(loglik: Floats) -> Floats:
    """Mean probability of each option over its rotations, shape (questions, options).

    `loglik` has the shape (questions, rotations, positions); in rotation r position i holds
    option (i + r) mod n.
    """
    given = probabilities(loglik)
    turned = [np.roll(given[:, turn], turn, axis=-1) for turn in range(given.shape[1])]
    return np.asarray(np.mean(turned, axis=0))


def kendall(before: Sequence[float], after: Sequence[float]) -> Kendall:
    """Agreement of two rankings of the same models; NaN where one of them is all ties."""
    from scipy.stats import kendalltau

    result = kendalltau(before, after, variant="b")
    return Kendall(float(result.statistic), float(result.pvalue))


def kendall_interval(before: Floats, after: Floats, clusters: Ints, draws: Draws) -> Interval:
    """Bootstrap interval of tau-b; `before` and `after` hold (models, questions) of 0 to 1.

    Subjects are drawn, or questions where there are fewer than five subjects, and every model is
    ranked on the same draw.
    """
    members = _members(clusters)
    belongs = np.eye(int(members.max()) + 1)[members]  # (questions, clusters)
    count = belongs.shape[1]
    weights = draws.rng.multinomial(count, np.full(count, 1 / count), size=draws.count)
    totals = weights @ belongs.sum(axis=0)
    first, second = (weights @ (table @ belongs).T / totals[:, None] for table in (before, after))
    taus = _taus(first, second)
    taus = taus[~np.isnan(taus)]
    return _percentiles(taus) if len(taus) else Interval(float("nan"), float("nan"))


def _taus(before: Floats, after: Floats) -> Floats:
    """Tau-b of each row of two tables (draws, models); NaN where one of them is all ties."""
    one, other = np.triu_indices(before.shape[1], k=1)
    # Sums in another order differ in their last bits, which must not break a tie.
    first, second = (
        np.sign(np.round(table[:, one] - table[:, other], 12)) for table in (before, after)
    )
    pairs = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    nothing = np.full(len(pairs), np.nan)
    agreed = (first * second).sum(axis=1)
    return np.asarray(np.divide(agreed, pairs, out=nothing, where=pairs > 0))


def ranks(accuracies: Sequence[float]) -> Ints:
    """The models' ranks from 1 for the best; equal accuracies share the better rank."""
    values = np.asarray(accuracies)
    return np.asarray(1 + (values[None, :] > values[:, None]).sum(axis=1), dtype=np.int64)


def _members(clusters: Ints) -> Ints:
    """What is drawn whole: each question's subject by number, or itself where subjects are few."""
    names, members = np.unique(clusters, return_inverse=True)
    return members if len(names) >= FEWEST_CLUSTERS else np.arange(len(clusters))


def _percentiles(values: Floats) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _bounded(draws: int, count: int) -> int:
    """Fewer draws where a table of draws by questions would not fit into memory."""
    return max(1_000, min(draws, 20_000_000 // max(1, count)))
