"""Prompts to unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Anything that turns prompts into unit rows.

    Attributes:
        name: identifies the model; an index remembers it and refuses another embedder's vectors.
        dimension: d.
    """

    name: str
    dimension: int

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (n, d).

        Raises:
            EmbeddingError: the model refused its input.
        """
