"""Routers by name; each stands in a module of its own and loads only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

ROUTERS = {
    "chance": "routing.routers.chance:ChanceRouter",
    "similarity": "routing.routers.similarity:SimilarityRouter",
}


class Router(Protocol):
    """A fitted estimator of which reply will be preferred."""

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt.

        Shape (n,), in [0, 1].

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """
