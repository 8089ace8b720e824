"""Kernels: sums of the battles' weights for a prompt, by cell.

A battle weighs gamma ** (similarity / best), where `best` is the similarity of the query's
nearest prompt, or of the battle's own nearest neighbour. A kernel adds these weights up by cell,
the pair of tiers and the outcome, and returns what they add to the wins of each player over each,
because a rating needs no more than that.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from routing.arrays import Doubles, Floats, Ints
from routing.index import BattleIndex

Normalize = Literal["query", "row"]

# The similarities of a block of queries take no more than this many float32 numbers.
BLOCK_NUMBERS = 8_000_000
# Below it the query resembles nothing, and similarities are noise: all battles weigh the same.
LEAST_BEST = 1e-3
NEXT_TO_ZERO = np.float32(1e-30)  # finite, so that an excluded row keeps its cosine of -inf
# A battle that resembles no other would outweigh all of them for a query like its own.
LEAST_ROW_BEST = 0.2


class Weighting(NamedTuple):
    """gamma: weight of the nearest prompt over one at right angles; see `kernels` for the rest."""

    gamma: float
    normalize: Normalize = "query"


class Kernel(Protocol):
    """Sums the weights of battles for a query.

    Attributes:
        cells: the cell of each battle of the index.
    """

    cells: Ints

    def wins(self, queries: Floats, exclude: Ints | None = None) -> Doubles:
        """Weighted wins for each query, shape (m, players ** 2), up to a factor for each query.

        `exclude` names for each query a row that does not count, so that a prompt of the battles
        can be judged by the others.
        """

    def add(self, cells: Ints) -> None:
        """Add the battles that are new at the end of the index; return their cells."""

    def remove(self, places: Ints) -> None:
        """Remove the battles that were at these places of the index."""


class ScanKernel:
    """Compares with every row and adds up in float64.

    Args:
        index: its battles are summed.
        cells: the cell of each battle of the index.
        effect: what a unit of weight in each cell adds to the wins.
        rows: the vectors of the index, in the form in which they are compared.
    """

    def __init__(
        self, index: BattleIndex, cells: Ints, effect: Doubles, weighting: Weighting, rows: Rows
    ) -> None:
        self.index = index
        self.cells = cells
        self.effect = effect
        self.weighting = weighting
        self.rows = rows
        self._row_best = row_best(index.vectors()) if weighting.normalize == "row" else None

    def wins(self, queries: Floats, exclude: Ints | None = None) -> Doubles:
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
        """Add the battles that are new at the end of the index; return their cells."""
        self.cells = np.append(self.cells, cells)
        known = self.rows.size
        self.rows.grow(self.index)
        if self._row_best is not None:
            vectors = self.index.vectors()
            self._row_best = np.append(self._row_best, row_best(vectors, known))

    def remove(self, places: Ints) -> None:
        """Remove the battles that were at these places of the index."""
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
        """Add the rows that are new in the index."""


class ByteRows:
    """A copy of the rows, a byte a number: a quarter of the bytes to read for each query.

    Each row is stretched until its largest number is 1. A cosine is off by 2e-3 at most, a win
    probability by less than 1e-4 at gamma 10. FAISS compares; one list holds all rows in order.
    """

    def __init__(self, index: BattleIndex) -> None:
        import faiss

        self._codes: Any = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(index.dimension),
            index.dimension,
            1,
            faiss.ScalarQuantizer.QT_8bit_uniform,
            faiss.METRIC_INNER_PRODUCT,
            False,  # not the differences to the list's centre
        )
        self._codes.cp.min_points_per_centroid = 1
        ends = np.array([[-1.0], [1.0]], np.float32)
        self._codes.train(np.repeat(ends, index.dimension, axis=1))
        self._length = np.empty(0, np.float32)
        self.size = 0
        self.grow(index)

    def cosines(self, queries: Floats) -> Floats:
        """Cosine of each query with each row, (m, size)."""
        found: Floats = self._codes.range_search(queries, -np.inf)[1]
        cosines = found.reshape(len(queries), self.size)
        cosines *= self._length
        return cosines

    def grow(self, index: BattleIndex) -> None:
        """Add the rows that are new in the index."""
        fresh = index.vectors()[self.size :]
        length = np.abs(fresh).max(axis=1, initial=np.finfo(np.float32).tiny)
        self._codes.add(fresh / length[:, None])
        self._length = np.append(self._length, length)
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
        """Read the index again: FAISS may have moved its rows."""
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
