"""Combines two predictions about a prompt into one shift of its odds: arrays in, arrays out.

How often the strong model wins over prompts like it is seen in few battles. How easy they are, for
both models, is seen in all, and says something too: over a prompt that both get right, or neither,
there is nothing to win, so that the gap is widest somewhere between. A function that is not
straight cannot come out of a regression on wins alone.

Source: Wolpert (1992), Stacked generalization: it is fitted to predictions of what was left out.
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
    """A polynomial of second degree in two predictions; 0 where both are, as nothing is near.

    Beyond what was seen it is followed no further: what wins exceed it by is added as it is. A
    user's own battle takes the wins over its prompt farther than those of others ever are.

    Attributes:
        scale: the deviation of each of its five terms where it was fitted.
        weights: what each of them counts.
        seen: the least and the most of either prediction, but for a few, (2, 2).
    """

    scale: Doubles
    weights: Doubles
    seen: Doubles

    @classmethod
    def of(cls, left_out: Doubles, surplus: Doubles, weights: Doubles) -> Self:
        """The polynomial of what is predicted of n points by the others that is nearest to theirs.

        `left_out` is (n, 2): surplus and ease. It stays near the predicted surplus itself.
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
