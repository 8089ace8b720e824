"""A kernel whose cost hardly grows with the battles: only near ones are summed exactly."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from routing.arrays import Doubles, Floats, Ints
from routing.index import BattleIndex, Scan
from routing.kernels import LEAST_BEST, NEXT_TO_ZERO, Weighting
from routing.ratings import bradley_terry, win_probability

# Lists compared row by row, as a multiple of the square of gamma's logarithm: the larger gamma is,
# the more single battles matter.
PROBES = 1.6
# Groups of lists in which first-order differences are kept apart.
GROUP_BITS = 3
GROUPS = 1 << GROUP_BITS


class MomentsKernel:
    """Compares with every row of the nearest lists, and with the moments of all others.

    A battle in a far list weighs as much as the list's mean vector, with half the list's variance
    added in the exponent. The prompts' deviations from the mean are added to first order, as far as
    they move a rating. So a query costs little more with a million battles than with fifty
    thousand. With gamma 10 the order of prompts is that of the exact sum (rank correlation above
    .99); the larger gamma is, the more single battles matter: see `bench/decision.py`.

    Battles added or removed later are summed exactly, beside the moments.

    Products are `np.vecdot`, not `@`, which would use BLAS's threads: on a busy machine a query of
    one millisecond would wait ten for them.

    Args:
        index: an "ivf" index.
        cells: the cell of each battle of the index.
        effect: what a unit of weight in each cell adds to the wins.
    """

    def __init__(
        self, index: BattleIndex, cells: Ints, effect: Doubles, weighting: Weighting
    ) -> None:
        if weighting.normalize != "query":
            raise ValueError(f"moments need normalize='query', not {weighting.normalize!r}")
        self.index = index
        self.cells = cells
        self._effect = np.ascontiguousarray(effect.T)  # (P ** 2, cells)
        self.gain = np.float32(np.log(weighting.gamma))
        self.probes = min(index.lists, math.ceil(PROBES * self.gain**2))
        self._rows = index.row_of
        self._known = _Known.of(index, cells)
        self._moments = _moments(index, self._known, effect)
        self._tail = _Tail.empty(index.dimension)

    def wins(self, queries: Floats, exclude: Ints | None = None) -> Doubles:
        """Weighted wins for each query, shape (m, players ** 2), up to a factor for each query."""
        out = np.empty((len(queries), len(self._effect)))
        for place, query in enumerate(queries):
            out[place] = self._wins(query, -1 if exclude is None else int(exclude[place]))
        return out

    def add(self, cells: Ints) -> None:
        """Add the battles that are new at the end of the index; return their cells."""
        rows = self.index.row_of[len(self.cells) :]
        self._tail = self._tail.plus(self.index, rows, cells, 1.0)
        self._rows = self.index.row_of
        self.cells = np.append(self.cells, cells)

    def remove(self, places: Ints) -> None:
        """Remove the battles that were at these places of the index."""
        gone = self._rows[places]
        self._tail = self._tail.plus(self.index, gone, self.cells[places], -1.0)
        self._rows = self.index.row_of
        self.cells = np.delete(self.cells, places)

    def _wins(self, query: Floats, exclude: int) -> Doubles:
        moments, known, tail = self._moments, self._known, self._tail
        centres: Floats = np.vecdot(moments.means, query)
        near = np.argpartition(-centres, self.probes - 1)[: self.probes]
        found = known.among(self.index.scan(query, near))
        late = Scan(tail.rows, np.vecdot(tail.vectors, query))
        for rows, cosines in (found, late):
            cosines[rows == exclude] = -np.inf
        best = max(self._best(found), self._best(late))
        rate = self.gain / best if best > LEAST_BEST else NEXT_TO_ZERO
        # Forgotten battles count twice, with opposite signs: they may be nearer than the best.
        near_weights, late_weights = (
            np.exp(rate * np.minimum(each.cosines, best)) for each in (found, late)
        )
        cells, place = known.battles(near)
        sums = np.bincount(cells, near_weights[place], self._effect.shape[1])
        sums += np.bincount(tail.cells, tail.signs * late_weights, self._effect.shape[1])
        wins: Doubles = np.vecdot(self._effect, sums) + moments.far(query, centres, near, rate)
        return np.maximum(wins, 0.0)

    def _best(self, scan: Scan) -> np.float32:
        """The highest cosine of a row that has battles."""
        empty = self.index.empty
        cosines = scan.cosines[~np.isin(scan.rows, empty)] if len(empty) else scan.cosines
        best: np.float32 = cosines.max(initial=np.float32(-1.0))
        return best


class _Known(NamedTuple):
    """The battles of the moments, sorted by list.

    Attributes:
        cells: the cell of each battle; `member` its row's place within the list.
        starts: where each list's battles start, (L + 1,).
        sizes: rows in each list, (L,).
        rows: how many there are in all.
    """

    cells: Ints
    member: Ints
    starts: Ints
    sizes: Ints
    rows: int

    @classmethod
    def of(cls, index: BattleIndex, cells: Ints) -> _Known:
        list_of, place_of = np.zeros((2, index.size), dtype=np.int64)
        sizes = np.zeros(index.lists, dtype=np.int64)
        for at in range(index.lists):
            rows = index.members(at)
            list_of[rows], place_of[rows], sizes[at] = at, np.arange(len(rows)), len(rows)
        order = np.argsort(list_of[index.row_of], kind="stable")
        battles = np.bincount(list_of[index.row_of], minlength=index.lists)
        return cls(cells[order], place_of[index.row_of[order]], _starts(battles), sizes, index.size)

    def among(self, scan: Scan) -> Scan:
        """Without the rows that came later."""
        known = scan.rows < self.rows
        return scan if known.all() else Scan(scan.rows[known], scan.cosines[known])

    def battles(self, lists: Ints) -> tuple[Ints, Ints]:
        """The cells of all battles of these lists, and the place of each one's row in a scan."""
        counts = self.starts[lists + 1] - self.starts[lists]
        nth = np.repeat(np.arange(len(lists)), counts)
        battles = (self.starts[lists] - _starts(counts)[:-1])[nth] + np.arange(len(nth))
        return self.cells[battles], self.member[battles] + _starts(self.sizes[lists])[nth]


def _starts(counts: Ints) -> Ints:
    """Where each of some stretches starts, and where the last one ends, (n + 1,)."""
    starts = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


class _Tail(NamedTuple):
    """Battles that came (sign 1) or went (sign -1) after the moments were taken."""

    vectors: Floats
    rows: Ints
    cells: Ints
    signs: Doubles

    @classmethod
    def empty(cls, dimension: int) -> _Tail:
        nothing = np.empty(0, dtype=np.int64)
        return cls(np.empty((0, dimension), dtype=np.float32), nothing, nothing, np.empty(0))

    def plus(self, index: BattleIndex, rows: Ints, cells: Ints, sign: float) -> _Tail:
        return _Tail(
            np.concatenate([self.vectors, index.vectors_of(rows)]),
            np.append(self.rows, rows),
            np.append(self.cells, cells),
            np.append(self.signs, np.full(len(rows), sign)),
        )


class _Moments(NamedTuple):
    """What each list adds up to; L lists, G groups of lists, P players.

    Attributes:
        means: of each list's vectors, (L, d).
        spread: variance of each list in any one direction, (L,).
        sums: what a unit of weight in each list adds to the wins, and to the mean weight of each
            group's rows, (P ** 2 + G, L).
        surprise: for each group and player, the sum over battles of their residual, the vector less
            its list's mean, times the player's result less the expected one, (G * P, d).
    """

    means: Floats
    spread: Floats
    sums: Floats
    surprise: Floats

    def far(self, query: Floats, centres: Floats, near: Ints, rate: np.float32) -> Doubles:
        """Weighted wins over all lists but the near ones, (P ** 2,)."""
        weights = np.exp(rate * (centres + 0.5 * rate * self.spread))
        weights[near] = 0.0
        wins, mean = np.split(np.vecdot(self.sums, weights), [-GROUPS])
        surplus = rate * mean @ np.vecdot(self.surprise, query).reshape(GROUPS, -1)
        # Antisymmetric, its rows add up to the surplus: the battles stay as many as they are.
        players = len(surplus)
        far: Doubles = wins + ((surplus[:, None] - surplus[None, :]) / players).ravel()
        return far


def _moments(index: BattleIndex, known: _Known, effect: Doubles) -> _Moments:
    lists, players, sizes = index.lists, math.isqrt(effect.shape[1]), known.sizes
    tally = _tally(known, len(effect))
    surprises = _surprises(tally.sum(axis=0), effect, players)
    means = np.zeros((lists, index.dimension), np.float32)
    spread = np.zeros(lists, np.float32)
    surprise = np.zeros((lists, players, index.dimension), np.float32)
    for at in np.flatnonzero(sizes).tolist():
        vectors = index.vectors_of(index.members(at))
        means[at] = vectors.mean(axis=0)
        vectors -= means[at]
        spread[at] = np.square(vectors).mean()
        battles = slice(known.starts[at], known.starts[at + 1])
        by_row = np.zeros((len(vectors), players))
        np.add.at(by_row, known.member[battles], surprises[known.cells[battles]])
        surprise[at] = by_row.T.astype(np.float32) @ vectors
    group = _groups(means)
    grouped = np.zeros((GROUPS, players, index.dimension), np.float32)
    np.add.at(grouped, group, surprise)
    share = np.zeros((GROUPS, lists))
    share[group, np.arange(lists)] = sizes
    share /= np.maximum(1, share.sum(axis=1, keepdims=True))
    return _Moments(
        means=means,
        spread=spread,
        sums=np.concatenate([(tally @ effect).T, share]).astype(np.float32),
        surprise=grouped.reshape(GROUPS * players, -1),
    )


def _tally(known: _Known, count: int) -> Ints:
    """How many battles of each cell each list has, (L, cells)."""
    lists = len(known.sizes)
    list_of = np.repeat(np.arange(lists), np.diff(known.starts))
    return np.bincount(list_of * count + known.cells, minlength=lists * count).reshape(lists, count)


def _surprises(tally: Ints, effect: Doubles, players: int) -> Doubles:
    """Each player's result in a battle of each cell, less the expected one, (C, P)."""
    strengths = bradley_terry((tally @ effect).reshape(players, players) / max(1, tally.sum()))
    expected = win_probability(strengths[:, None] - strengths[None, :])
    wins = effect.reshape(-1, players, players)
    surprises: Doubles = (wins - (wins + wins.swapaxes(1, 2)) * expected).sum(axis=2)
    return surprises


def _groups(means: Floats) -> Ints:
    """A number below GROUPS for each list: on which sides of the main directions it lies."""
    centred = means - means.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:GROUP_BITS]
    sides = (centred @ directions.T > 0).astype(np.int64)
    return np.asarray(sides @ (1 << np.arange(sides.shape[1])))
