"""Combines two predictions about a prompt into one shift of its odds: arrays in, arrays out.

The first prediction is how much more often than average the strong model wins (the surplus), the
second how easy the prompt is for both models. The ease matters because on prompts that both models
get right, or that neither does, there is nothing to gain: the gap is widest in between. Such a
curved relation cannot come out of a regression on wins alone.

Source: Wolpert (1992), Stacked generalization: it is fitted to leave-one-out predictions.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from routing.arrays import Doubles

# The number of battles that it takes to outweigh the wins as they are.
PRIOR_BATTLES = 100
WINS = 0  # the place of the wins among the terms
SEEN = (0.01, 0.99)  # quantiles


class Blend(NamedTuple):
    """A quadratic polynomial in two predictions; 0 where both are 0, as where no battle is near.

    It is not extrapolated: inputs are clipped to the range where it was fitted, and the excess of
    the surplus is added unchanged. A user's own battles can push the surplus beyond that range.

    Attributes:
        scale: standard deviation of each of its five terms where it was fitted.
        weights: coefficient of each term.
        seen: the range of each prediction, but for outliers, (2, 2).
    """

    scale: Doubles
    weights: Doubles
    seen: Doubles

    @classmethod
    def of(cls, left_out: Doubles, surplus: Doubles, weights: Doubles) -> Self:
        """The polynomial that best maps leave-one-out predictions to the observed surplus.

        `left_out` is (n, 2): surplus and ease. The fit is shrunk towards the predicted surplus.
        """
        terms = _terms(left_out)
        terms -= np.average(terms, axis=0, weights=weights)
        scale = np.sqrt(np.average(terms**2, axis=0, weights=weights))
        scale = np.maximum(scale, np.finfo(float).tiny)
        terms /= scale
        believed = np.where(np.arange(len(scale)) == WINS, scale, 0.0)
        weighted = terms.T * weights
        matrix = weighted @ terms + PRIOR_BATTLES * np.eye(len(scale))
        change = np.linalg.solve(matrix, weighted @ (surplus - terms @ believed))
        seen = np.quantile(left_out, SEEN, axis=0, weights=weights, method="inverted_cdf")
        return cls(scale, believed + change, seen)

    def __call__(self, predicted: Doubles) -> Doubles:
        """The surplus of points, from (n, 2) to (n,)."""
        inside = np.clip(predicted, *self.seen)
        surplus: Doubles = (_terms(inside) / self.scale) @ self.weights
        return surplus + (predicted - inside)[:, WINS]


def _terms(predicted: Doubles) -> Doubles:
    wins, ease = predicted.T
    return np.stack([wins, ease, ease**2, wins**2, wins * ease], axis=1)
