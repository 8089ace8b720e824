"""Weighted Bradley-Terry strengths and tiers: arrays in, arrays out.

A strength is a log-odds: model t beats model u with probability 1 / (1 + exp(u - t)).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from routing.arrays import Doubles, Ints

# Keeps the strength of a model that won or lost everything finite (about 28 nats from the others),
# and moves any other by less than 1e-9. Relative to the mean weight of a model's battles.
RIDGE = 1e-12
LONGEST_STEP = 2.0
# Newton converges quadratically: after a step this short the error is below 1e-13.
LAST_STEP = 1e-7
MAX_STEPS = 100


class Gauge(NamedTuple):
    """Which models have met, directly or through others.

    Attributes:
        component: the number of each model's component, shape (k,).
        projection: (k, k), averages within components. Strengths are free along it.
    """

    component: Ints
    projection: Doubles


class Lead(NamedTuple):
    """By how many nats one model is stronger than another, and the standard error of that.

    Infinite where the two never met, directly or through others.
    """

    nats: float
    deviation: float


def wins_matrix(winner_a: Doubles, player_a: Ints, player_b: Ints, players: int) -> Doubles:
    """How many battles row won against column, shape (players, players).

    `winner_a` is 1 where a won, 0 where b won and 0.5 for a tie, which is half a win for each.
    """
    cells = players * players
    for_a = np.bincount(player_a * players + player_b, winner_a, cells)
    for_b = np.bincount(player_b * players + player_a, 1 - winner_a, cells)
    return np.asarray(for_a + for_b, dtype=np.float64).reshape(players, players)


def bradley_terry(
    wins: Doubles, gauge: Gauge | None = None, start: Doubles | None = None
) -> Doubles:
    """Maximum-likelihood strengths in nats, shape (..., k), from wins of shape (..., k, k).

    Only differences between models that have met, directly or through others, mean anything.
    Each component's strongest model stands at 0, so that models which never met line up at the
    top. A model without battles stands at 0.

    `gauge` is that of the whole batch, found when None; `start` where Newton begins, shape (k,).

    Source: Hunter (2004), MM algorithms for generalized Bradley-Terry models, eq. 1-2.
    """
    gauge = gauge or find_gauge(wins)
    batch = wins.reshape(-1, *wins.shape[-2:])
    strengths = _newton(batch, gauge, np.zeros(wins.shape[-1]) if start is None else start)
    for component in range(gauge.component.max(initial=-1) + 1):
        members = gauge.component == component
        strengths[:, members] -= strengths[:, members].max(axis=1, keepdims=True)
    return strengths.reshape(wins.shape[:-1])


def lead(wins: Doubles, one: int, other: int) -> Lead:
    """By how much the model of that row is stronger than the other, from wins of shape (k, k)."""
    gauge = find_gauge(wins)
    if gauge.component[one] != gauge.component[other]:
        return Lead(0.0, math.inf)
    strengths = bradley_terry(wins, gauge)
    expected = win_probability(strengths[:, None] - strengths[None, :])
    curvature = (wins + wins.T) * expected * (1 - expected)
    information = np.diag(curvature.sum(axis=1)) - curvature
    contrast = np.zeros(len(wins))
    contrast[one], contrast[other] = 1, -1
    variance = contrast @ np.linalg.pinv(information, hermitian=True) @ contrast
    return Lead(float(strengths[one] - strengths[other]), math.sqrt(variance))


def win_probability(difference: Doubles) -> Doubles:
    """Chance that the model which is stronger by that many nats wins."""
    chance: Doubles = 1 / (1 + np.exp(-difference))
    return chance


def find_gauge(wins: Doubles) -> Gauge:
    """Components of the models that met in any matrix of the batch."""
    players = wins.shape[-1]
    met = wins.reshape(-1, players, players).sum(axis=0) > 0
    reach = met | met.T | np.eye(players, dtype=bool)
    for _ in range(players.bit_length()):  # each squaring doubles the length of the paths
        reach = (reach.astype(float) @ reach.astype(float)) > 0
    projection = reach / reach.sum(axis=1, keepdims=True)
    component = np.unique(reach.argmax(axis=1), return_inverse=True)[1]
    return Gauge(component.astype(np.int64), projection)


def tiers(ratings: Doubles, count: int) -> Ints:
    """The tier of each model, 0 the strongest, shape (k,).

    Models sorted by rating are cut into at most `count` contiguous groups so that the sum of the
    groups' variances, not weighted by size, is least.

    Source: routellm 0.2.0, similarity_weighted/utils.py, compute_tiers.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    models = len(ratings)
    order = np.argsort(-ratings, kind="stable")
    ends = _cuts(_variances(ratings[order]), min(count, models))
    tier = np.empty(models, dtype=np.int64)
    tier[order] = np.searchsorted(ends, np.arange(models), side="left")
    return tier


def _newton(wins: Doubles, gauge: Gauge, start: Doubles) -> Doubles:
    totals = wins + wins.swapaxes(1, 2)
    won = wins.sum(axis=2)
    scale = totals.sum(axis=(1, 2)) / wins.shape[1] + np.finfo(float).tiny
    ridge = RIDGE * scale[:, None]
    # Without it the Hessian is singular along each component's common shift.
    anchor = gauge.projection * scale[:, None, None]
    diagonal = np.arange(wins.shape[1])
    strengths = np.tile(start, (len(wins), 1))
    for _ in range(MAX_STEPS):
        expected = win_probability(strengths[:, :, None] - strengths[:, None, :])
        gradient = won - (totals * expected).sum(axis=2) - ridge * strengths
        curvature = totals * expected * (1 - expected)
        hessian = anchor - curvature
        hessian[:, diagonal, diagonal] += curvature.sum(axis=2) + ridge
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, initial=0.0, keepdims=True)
        strengths += step * (LONGEST_STEP / np.maximum(longest, LONGEST_STEP))
        if longest.max(initial=0.0) < LAST_STEP:
            break
    return strengths


def _variances(ratings: Doubles) -> Doubles:
    """[first, last] -> variance of that stretch; infinite where it is empty."""
    models = len(ratings)
    variances = np.full((models, models), np.inf)
    for first in range(models):
        for last in range(first, models):
            variances[first, last] = np.var(ratings[first : last + 1])
    return variances


def _cuts(cost: Doubles, count: int) -> list[int]:
    """The last member of each group but the last group, by dynamic programming over prefixes."""
    models = len(cost)
    best = cost[0] if models else np.empty(0)
    splits = []
    for _ in range(count - 1):
        # [split, last]: the groups so far end with `split`, one more runs to `last`
        candidates = best[:-1, None] + cost[1:]
        splits.append(candidates.argmin(axis=0))
        best = candidates.min(axis=0)
        best[0] = 0.0  # one model is one group, however many it may have
    ends = set[int]()
    last = models - 1
    for split in reversed(splits):
        last = int(split[last])
        ends.add(last)
    return sorted(ends - {models - 1})
