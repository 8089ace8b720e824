"""Kernel ridge regression with landmarks: arrays in, arrays out.

Source: Saunders et al. (1998), Ridge regression learning algorithm in dual variables; Williams and
Seeger (2001), Using the Nyström method; Allen (1974) for predictions without a row of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from routing.arrays import Doubles, Floats, Ints

BLOCK = 4096  # points whose kernel is held at once
JITTER = 1e-8


class Observed(NamedTuple):
    """What was seen at n points, (n, d): `values` (n, t), each so many times, `weights` (n,)."""

    points: Floats
    values: Doubles
    weights: Doubles


@dataclass(frozen=True, eq=False)
class Ridge:
    """Functions, t of them, that fall to 0 away from what was seen.

    Attributes:
        sharpness: the kernel is exp(-sharpness / 2 * squared distance).
        landmarks: (m, d); `dual`: what each of them adds, (m, t).
        left_out: values at the points that were seen, each predicted by the others alone, (n, t).
    """

    sharpness: float
    landmarks: Floats
    dual: Doubles
    left_out: Doubles

    @classmethod
    def fit(cls, seen: Observed, landmarks: Ints, *, sharpness: float, penalty: float) -> Self:
        """The functions of least squared error plus `penalty` times their squared norm.

        `landmarks` are the rows that they are made of; with all of them the solution is exact.
        """
        exact = len(landmarks) == len(seen.points)
        solve = _exact if exact else _by_landmarks
        points = seen.points if exact else seen.points[landmarks]
        return cls(sharpness, points, *solve(seen, points, sharpness, penalty))

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


def _exact(
    seen: Observed, points: Floats, sharpness: float, penalty: float
) -> tuple[Doubles, Doubles]:
    """`dual` and `left_out` of functions that are made of every point."""
    gram = kernel(points, points, sharpness)
    inverse = np.linalg.inv(gram + np.diag(penalty / seen.weights))
    dual = inverse @ seen.values
    return dual, seen.values - dual / inverse.diagonal()[:, None]


def _by_landmarks(
    seen: Observed, points: Floats, sharpness: float, penalty: float
) -> tuple[Doubles, Doubles]:
    """The same of functions that are made of m of the points, at (m, d)."""
    from scipy.linalg import cho_factor, cho_solve, solve_triangular

    gram = kernel(points, points, sharpness) + JITTER * np.eye(len(points))
    root = np.linalg.cholesky(gram)
    features = solve_triangular(root, kernel(points, seen.points, sharpness), lower=True)
    weighted = features * seen.weights  # (m, n)
    factor = cho_factor(weighted @ features.T + penalty * np.eye(len(points)))
    solution = cho_solve(factor, weighted @ seen.values)
    # How much of a point's prediction is its own value.
    leverage = (weighted * cho_solve(factor, features)).sum(axis=0)[:, None]
    others = features.T @ solution - leverage * seen.values
    dual = solve_triangular(root, solution, lower=True, trans=1)
    return dual, others / np.maximum(1 - leverage, JITTER)


def kernel(points: Floats, others: Floats, sharpness: float) -> Doubles:
    """How near points (n, d) and (m, d) are, 1 at the same place, shape (n, m)."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    return _kernel(squares - 2 * (points @ others.T), sharpness)


def _kernel(distances: Floats, sharpness: float) -> Doubles:
    """The same from squared distances, which rounding may have made a little less than 0."""
    near: Doubles = np.exp(-sharpness / 2 * np.maximum(distances, 0).astype(np.float64))
    return near
