"""Kernel ridge regression with landmarks: arrays in, arrays out.

Source: Saunders et al. (1998), Ridge regression learning algorithm in dual variables; Williams and
Seeger (2001), Using the Nyström method; Allen (1974) for predictions without a row of its own;
Bonilla et al. (2007), Multi-task Gaussian process prediction, on sources that differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from routing.arrays import Doubles, Floats, Ints

BLOCK = 4096  # points whose kernel is held at once
JITTER = 1e-8
SMALL = 64  # rows, below which to halve a matrix costs more than it saves
SHARED = 0.7  # the part that sources have in common: see bench/reproduce_routellm.py


class Observed(NamedTuple):
    """Observations at n points, (n, d): `values` (n, t) with `weights` (n,).

    Attributes:
        sources: the number of each one's source, (n,).
    """

    points: Floats
    values: Doubles
    weights: Doubles
    sources: Ints


@dataclass(frozen=True, eq=False)
class Ridge:
    """Regression functions, t of them, that fall to 0 away from the observations.

    Each function is the sum of a part shared by all sources and a part of each source's own. So a
    large source does not overrule a small one that disagrees, and what only one source shows still
    counts there.

    Attributes:
        sharpness: the kernel is exp(-sharpness / 2 * squared distance).
        landmarks: (m, d); `dual`: the coefficients of each, (m, t).
        left_out: leave-one-out predictions at the observed points, (n, t).
    """

    sharpness: float
    landmarks: Floats
    dual: Doubles
    left_out: Doubles

    @classmethod
    def fit(cls, seen: Observed, landmarks: Ints, *, sharpness: float, penalty: float) -> Self:
        """The functions of least squared error plus `penalty` times their squared norm.

        `landmarks` are the rows that serve as basis; with all of them the solution is exact.
        """
        if len(landmarks) == len(seen.points):
            return cls(sharpness, seen.points, *_exact(seen, sharpness, penalty))
        points = seen.points[landmarks]
        return cls(sharpness, points, *_by_landmarks(seen, landmarks, sharpness, penalty))

    def predict(self, points: Floats) -> Doubles:
        """Values at (n, d) points, (n, t)."""
        values = np.empty((len(points), self.dual.shape[1]))
        for start in range(0, len(points), BLOCK):
            block = slice(start, start + BLOCK)
            squares = np.square(points[block]).sum(axis=1)[:, None] + self._squares
            near = _kernel(squares - 2 * (points[block] @ self.landmarks.T), self.sharpness)
            values[block] = near @ self.dual
        return values

    @cached_property
    def _squares(self) -> Floats:
        squares: Floats = np.square(self.landmarks).sum(axis=1)
        return squares


def _exact(seen: Observed, sharpness: float, penalty: float) -> tuple[Doubles, Doubles]:
    """`dual` and `left_out` with every point as basis."""
    near = kernel(seen.points, seen.points, sharpness)
    gram = near * _likeness(seen.sources, seen.sources)
    root = _inverse_root(gram + np.diag(penalty / seen.weights))
    dual = root.T @ (root @ seen.values)
    unexpected = dual / np.square(root).sum(axis=0)[:, None]
    left_out = seen.values - unexpected
    if np.ptp(seen.sources):
        apart = near - gram
        own = (apart * (root.T @ root)).sum(axis=0)[:, None]
        left_out += apart @ dual - own * unexpected
    return dual, left_out


def _inverse_root(matrix: Doubles) -> Doubles:
    """The inverse of the Cholesky factor of a matrix, by halves.

    Less than half of the work of the matrix's own inverse, and all of it products.
    """
    if len(matrix) <= SMALL:
        return np.linalg.inv(np.linalg.cholesky(matrix))
    half = len(matrix) // 2
    top = _inverse_root(matrix[:half, :half])
    across = matrix[half:, :half] @ top.T
    bottom = _inverse_root(matrix[half:, half:] - across @ across.T)
    root = np.zeros_like(matrix)
    root[:half, :half], root[half:, half:] = top, bottom
    root[half:, :half] = -bottom @ (across @ top)
    return root


def _by_landmarks(
    seen: Observed, landmarks: Ints, sharpness: float, penalty: float
) -> tuple[Doubles, Doubles]:
    """The same of functions that are made of m of the points."""
    near = kernel(seen.points[landmarks], seen.points, sharpness)  # (m, n)
    told = near * _likeness(seen.sources[landmarks], seen.sources)
    weighted = told * seen.weights
    gram = told[:, landmarks] + JITTER * np.eye(len(landmarks))
    moves = np.linalg.inv(weighted @ told.T + penalty * gram) @ weighted
    dual = moves @ seen.values
    # The leverage: how much of each prediction is the point's own value.
    leverage = (told * moves).sum(axis=0)[:, None]
    unexpected = (seen.values - told.T @ dual) / np.maximum(1 - leverage, JITTER)
    return dual, near.T @ dual - (near * moves).sum(axis=0)[:, None] * unexpected


def _likeness(sources: Ints, others: Ints) -> Doubles:
    """The correlation of two sources' functions, (m, n)."""
    return np.where(sources[:, None] == others, 1.0, SHARED)


def kernel(points: Floats, others: Floats, sharpness: float) -> Doubles:
    """The Gaussian kernel between points (n, d) and (m, d), shape (n, m)."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    return _kernel(squares - 2 * (points @ others.T), sharpness)


def _kernel(distances: Floats, sharpness: float) -> Doubles:
    """The same from squared distances, which rounding may have made a little less than 0."""
    near: Doubles = np.exp(-sharpness / 2 * np.maximum(distances, 0).astype(np.float64))
    return near
