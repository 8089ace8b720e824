"""How much the battles weigh for a prompt, summed over cells.

A battle weighs gamma ** (similarity / best), where `best` is the similarity of the query's
nearest prompt, or of the battle's own nearest neighbour. A kernel adds these weights up by cell,
the pair of tiers and the outcome, and returns what they add to the wins of each player over each,
because a rating needs no more than that.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from routing.index import BattleIndex, Floats, Ints
from routing.ratings import bradley_terry, win_probability

Sums = NDArray[np.float64]
Normalize = Literal["query", "row"]

# The similarities of a block of queries take no more than this many float32 numbers.
BLOCK_NUMBERS = 8_000_000
# Below it the query resembles nothing, and similarities are noise: all battles weigh the same.
LEAST_BEST = 1e-3
NEXT_TO_ZERO = np.float32(1e-30)  # and yet it keeps the cosine -inf of a row that does not count
# A battle that resembles no other would outweigh all of them for a query like its own.
LEAST_ROW_BEST = 0.2
# One list in so many is compared row by row.
LISTS_PER_PROBE = 160
# Groups of lists in which first-order differences are kept apart.
GROUP_BITS = 5
GROUPS = 1 << GROUP_BITS


class Weighting(NamedTuple):
    """gamma: weight of the nearest prompt over one at right angles; see `kernels` for the rest."""

    gamma: float
    normalize: Normalize = "query"


class Kernel(Protocol):
    """Sums weights over battles.

    Attributes:
        cells: the cell of each battle of the index.
    """

    cells: Ints

    def wins(self, queries: Floats, exclude: Ints | None = None) -> Sums:
        """Weighted wins for each query, shape (m, players ** 2), up to a factor for each query.

        `exclude` names for each query a row that does not count, so that a prompt of the battles
        can be judged by the others.
        """

    def add(self, cells: Ints) -> None:
        """Take the battles in that now stand at the end of the index; their cells."""

    def remove(self, places: Ints) -> None:
        """Take the battles out that stood at these places of the index."""


class ScanKernel:
    """Compares with every row and adds up in float64.

    Args:
        index: its battles are summed.
        cells: the cell of each battle of the index.
        effect: what a unit of weight in each cell adds to the wins.
        rows: the vectors of the index, in the form in which they are compared.
    """

    def __init__(
        self, index: BattleIndex, cells: Ints, effect: Sums, weighting: Weighting, rows: Rows
    ) -> None:
        self.index = index
        self.cells = cells
        self.effect = effect
        self.weighting = weighting
        self.rows = rows
        self._row_best = row_best(index.vectors()) if weighting.normalize == "row" else None

    def wins(self, queries: Floats, exclude: Ints | None = None) -> Sums:
        """Weighted wins for each query, shape (m, players ** 2), up to a factor for each query."""
        sums = np.empty((len(queries), len(self.effect)))
        step = max(1, BLOCK_NUMBERS // max(1, self.index.size))
        for start in range(0, len(queries), step):
            block = slice(start, start + step)
            cosines = self.rows.cosines(queries[block])
            cosines[:, self.index.empty] = -np.inf
            if exclude is not None:
                cosines[np.arange(len(cosines)), exclude[block]] = -np.inf
            for place, weights in enumerate(self._weights(cosines), start):
                sums[place] = np.bincount(self.cells, weights[self.index.row_of], len(self.effect))
        return sums @ self.effect

    def add(self, cells: Ints) -> None:
        """Take the battles in that now stand at the end of the index; their cells."""
        self.cells = np.append(self.cells, cells)
        known = self.rows.size
        self.rows.grow(self.index)
        if self._row_best is not None:
            vectors = self.index.vectors()
            self._row_best = np.append(self._row_best, row_best(vectors, known))

    def remove(self, places: Ints) -> None:
        """Take the battles out that stood at these places of the index."""
        self.cells = np.delete(self.cells, places)

    def _weights(self, cosines: Floats) -> Floats:
        gain = np.float32(np.log(self.weighting.gamma))
        if self._row_best is not None:
            cosines *= gain / self._row_best
        else:
            cosines *= exponent(cosines.max(axis=1, initial=-1.0), gain)[:, None]
        return np.exp(cosines, out=cosines)


class Rows(Protocol):
    """Unit vectors that queries are compared with."""

    size: int

    def cosines(self, queries: Floats) -> Floats:
        """Cosine of each query with each row, (m, size), a new array."""

    def grow(self, index: BattleIndex) -> None:
        """Take in the rows that the index has got since."""


class HalfRows:
    """A copy of the rows in float16: half the bytes to read for each query.

    A cosine is off by 3e-4 at most, a win probability by less than 1e-5 at gamma 10.
    """

    def __init__(self, index: BattleIndex) -> None:
        import torch

        self._rows = torch.empty((0, index.dimension), dtype=torch.float16)
        self.size = 0
        self.grow(index)

    def cosines(self, queries: Floats) -> Floats:
        """Cosine of each query with each row, (m, size)."""
        import torch

        halves = torch.from_numpy(np.ascontiguousarray(queries)).half()
        one = len(queries) == 1
        found = (self._rows @ halves[0])[None] if one else halves @ self._rows.T
        cosines: Floats = found.float().numpy()
        return cosines

    def grow(self, index: BattleIndex) -> None:
        """Take in the rows that the index has got since."""
        import torch

        fresh = torch.from_numpy(index.vectors()[self.size :]).half()
        self._rows = torch.cat([self._rows, fresh])
        self.size = index.size


class Float32Rows:
    """The rows of a flat index, read in place."""

    def __init__(self, index: BattleIndex) -> None:
        self._rows = index.vectors()
        self.size = len(self._rows)

    def cosines(self, queries: Floats) -> Floats:
        """Cosine of each query with each row, (m, size)."""
        one = len(queries) == 1
        cosines: Floats = (self._rows @ queries[0])[None] if one else queries @ self._rows.T
        return cosines

    def grow(self, index: BattleIndex) -> None:
        """Read the index anew: FAISS may have moved its rows."""
        self._rows = index.vectors()
        self.size = len(self._rows)


def exponent(best: Floats, gain: np.float32) -> Floats:
    """What a cosine is multiplied by, from the best one; next to 0 if that resembles nothing."""
    found = best > LEAST_BEST
    return np.divide(gain, best, out=np.full_like(best, NEXT_TO_ZERO), where=found)


def row_best(vectors: Floats, start: int = 0) -> Floats:
    """For each row from `start` on, its largest cosine with any other row."""
    best = np.empty(len(vectors) - start, dtype=np.float32)
    step = max(1, BLOCK_NUMBERS // max(1, len(vectors)))
    for first in range(start, len(vectors), step):
        cosines = vectors[first : first + step] @ vectors.T
        own = np.arange(len(cosines))
        cosines[own, first + own] = LEAST_ROW_BEST
        best[first - start : first - start + step] = cosines.max(axis=1)
    return np.maximum(best, LEAST_ROW_BEST)


class MomentsKernel:
    """Compares with the rows of the nearest lists; of all others it knows what they add up to.

    A battle of a far list weighs what the list's mean vector does, times half the list's variance
    in the exponent. What the single prompts differ from the mean by is added to first order, as
    far as it moves a rating. So a query costs little more with a million battles than with fifty
    thousand. With gamma 10 the order of prompts is that of the exact sum (rank correlation above
    .99); the larger gamma, the more single battles count: see `bench/decision.py`.

    Battles that come or go later are summed exactly, beside the moments.

    Products are `np.vecdot`, not `@`: BLAS would call in its threads, and a query that takes a
    millisecond would wait for them ten on a busy machine.

    Args:
        index: an "ivf" index.
        cells: the cell of each battle of the index.
        effect: what a unit of weight in each cell adds to the wins.
    """

    def __init__(self, index: BattleIndex, cells: Ints, effect: Sums, weighting: Weighting) -> None:
        if weighting.normalize != "query":
            raise ValueError(f"moments need normalize='query', not {weighting.normalize!r}")
        self.index = index
        self.cells = cells
        self.effect = effect
        self.gain = float(np.log(weighting.gamma))
        self._rows = index.row_of
        self._moments = _moments(index, cells, effect)
        self._tail = _Tail.empty(index.dimension)

    def wins(self, queries: Floats, exclude: Ints | None = None) -> Sums:
        """Weighted wins for each query, shape (m, players ** 2), up to a factor for each query."""
        out = np.empty((len(queries), self.effect.shape[1]))
        for place, query in enumerate(queries):
            out[place] = self._wins(query, -1 if exclude is None else int(exclude[place]))
        return out

    def add(self, cells: Ints) -> None:
        """Take the battles in that now stand at the end of the index; their cells."""
        rows = self.index.row_of[len(self.cells) :]
        self._tail = self._tail.plus(self.index, rows, cells, 1.0)
        self._rows = self.index.row_of
        self.cells = np.append(self.cells, cells)

    def remove(self, places: Ints) -> None:
        """Take the battles out that stood at these places of the index."""
        gone = self._rows[places]
        self._tail = self._tail.plus(self.index, gone, self.cells[places], -1.0)
        self._rows = self.index.row_of
        self.cells = np.delete(self.cells, places)

    def _wins(self, query: Floats, exclude: int) -> Sums:
        moments, tail = self._moments, self._tail
        centres: Floats = np.vecdot(moments.means, query)
        probes = -(-len(centres) // LISTS_PER_PROBE)
        near = np.argpartition(-centres, probes - 1)[:probes]
        found = self.index.scan(query, near, moments.sizes)
        tail_cosines = tail.vectors @ query
        rows = [self.index.members(at) for at in near.tolist()]
        if exclude >= 0:
            tail_cosines[tail.rows == exclude] = -np.inf
            for row, cosines in zip(rows, found, strict=True):
                cosines[row[: len(cosines)] == exclude] = -np.inf
        best = self._best([*rows, tail.rows], [*found, tail_cosines])
        rate = float(exponent(np.array([best], np.float32), np.float32(self.gain))[0])
        # Forgotten battles count twice, with opposite signs: they may be nearer than the best.
        cells = [tail.cells]
        weights = [tail.signs * np.exp(rate * np.minimum(tail_cosines, best))]
        for at, cosines in zip(near.tolist(), found, strict=True):
            battles = slice(moments.starts[at], moments.starts[at + 1])
            cells.append(moments.cells[battles])
            weights.append(np.exp(rate * np.minimum(cosines, best))[moments.member[battles]])
        sums = np.bincount(np.concatenate(cells), np.concatenate(weights), len(self.effect))
        return np.maximum(sums @ self.effect + moments.far(query, centres, near, rate), 0.0)

    def _best(self, rows: list[Ints], cosines: list[Floats]) -> float:
        """The highest cosine of a row that has battles."""
        empty = self.index.empty
        if len(empty):
            cosines = [
                cosine[~np.isin(row[: len(cosine)], empty)]
                for row, cosine in zip(rows, cosines, strict=True)
            ]
        return float(max(cosine.max(initial=-1.0) for cosine in cosines))


class _Tail(NamedTuple):
    """Battles that came (sign 1) or went (sign -1) after the moments were taken."""

    vectors: Floats
    rows: Ints
    cells: Ints
    signs: Sums

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
        sizes: rows in each list, (L,).
        wins: of each list, (P ** 2, L).
        spread: variance of each list over that of all, (L,).
        covariance: of all residuals, the vectors less their list's mean, (d, d).
        group: each list's group, (L,).
        surprise: for each group and player, the sum over battles of their residual times the
            player's result less the expected one, (G * P, d).
        cells: the cell of each battle, sorted by list; `member` its row's place within the list.
        starts: where each list's battles start in `cells`, (L + 1,).
    """

    means: Floats
    sizes: Ints
    wins: Floats
    spread: Floats
    covariance: Floats
    group: Ints
    surprise: Floats
    cells: Ints
    member: Ints
    starts: Ints

    def far(self, query: Floats, centres: Floats, near: Ints, rate: float) -> Sums:
        """Weighted wins over all lists but the near ones, (P ** 2,)."""
        variance = float(np.vecdot(self.covariance, query) @ query)
        weights = np.exp(rate * centres + np.float32(0.5 * rate**2 * variance) * self.spread)
        weights[near] = 0.0
        wins = np.vecdot(self.wins, weights).astype(np.float64)
        sizes = np.bincount(self.group, self.sizes, GROUPS)
        mean = np.bincount(self.group, weights * self.sizes, GROUPS) / np.maximum(1, sizes)
        surplus = rate * mean @ np.vecdot(self.surprise, query).reshape(GROUPS, -1)
        # Antisymmetric, its rows add up to the surplus: the battles stay as many as they are.
        players = len(surplus)
        far: Sums = wins + ((surplus[:, None] - surplus[None, :]) / players).ravel()
        return far


def _moments(index: BattleIndex, cells: Ints, effect: Sums) -> _Moments:
    lists, players = index.lists, math.isqrt(effect.shape[1])
    sizes = np.array([len(index.members(at)) for at in range(lists)])
    order, member, starts = _by_list(index, sizes)
    cells = cells[order]
    tally = np.bincount(
        np.repeat(np.arange(lists), np.diff(starts)) * len(effect) + cells,
        minlength=lists * len(effect),
    ).reshape(lists, -1)
    surprises = _surprises(tally.sum(axis=0), effect, players)
    means = np.zeros((lists, index.dimension), np.float32)
    squares = np.zeros(lists)
    covariance = np.zeros((index.dimension, index.dimension))
    surprise = np.zeros((lists, players, index.dimension), np.float32)
    for at in np.flatnonzero(sizes).tolist():
        vectors = index.list_vectors(at)
        means[at] = vectors.mean(axis=0)
        vectors -= means[at]
        squares[at] = np.square(vectors).sum()
        covariance += vectors.T @ vectors
        battles = slice(starts[at], starts[at + 1])
        by_row = np.zeros((sizes[at], players))
        np.add.at(by_row, member[battles], surprises[cells[battles]])
        surprise[at] = by_row.T.astype(np.float32) @ vectors
    total = max(1, int(sizes.sum()))
    variance = max(squares.sum() / total, np.finfo(float).tiny)
    group = _groups(means)
    grouped = np.zeros((GROUPS, players, index.dimension), np.float32)
    np.add.at(grouped, group, surprise)
    return _Moments(
        means=means,
        sizes=sizes,
        wins=np.ascontiguousarray((tally @ effect).T, dtype=np.float32),
        spread=(squares / np.maximum(1, sizes) / variance).astype(np.float32),
        covariance=(covariance / total).astype(np.float32),
        group=group,
        surprise=grouped.reshape(GROUPS * players, -1),
        cells=cells,
        member=member,
        starts=starts,
    )


def _surprises(tally: Ints, effect: Sums, players: int) -> Sums:
    """Each player's result in a battle of each cell, less the expected one, (C, P)."""
    strengths = bradley_terry((tally @ effect).reshape(players, players) / max(1, tally.sum()))
    expected = win_probability(strengths[:, None] - strengths[None, :])
    wins = effect.reshape(-1, players, players)
    surprises: Sums = (wins - (wins + wins.swapaxes(1, 2)) * expected).sum(axis=2)
    return surprises


def _groups(means: Floats) -> Ints:
    """A number below GROUPS for each list: on which sides of the main directions it lies."""
    centred = means - means.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:GROUP_BITS]
    sides = (centred @ directions.T > 0).astype(np.int64)
    return np.asarray(sides @ (1 << np.arange(sides.shape[1])))


def _by_list(index: BattleIndex, sizes: Ints) -> tuple[Ints, Ints, Ints]:
    """The battles sorted by list, the place of each one's row in its list, the lists' starts."""
    list_of, place_of = np.zeros((2, index.size), dtype=np.int64)
    for at in range(index.lists):
        rows = index.members(at)
        list_of[rows] = at
        place_of[rows] = np.arange(sizes[at])
    battle_list = list_of[index.row_of]
    order = np.argsort(battle_list, kind="stable")
    starts = np.searchsorted(battle_list[order], np.arange(index.lists + 1))
    return order, place_of[index.row_of[order]], starts
