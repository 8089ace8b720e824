"""A uniform win probability for each prompt: the baseline of every table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routing.battles import Battle
from routing.embeddings import Embedder
from routing.errors import RouterError
from routing.routers import SAMPLE_SIZE, Judgement

BITS = 53  # as many as a float64 in [0, 1) holds


class ChanceRouter:
    """Knows nothing of prompts, yet gives the same prompt the same number.

    Args:
        seed: another seed gives other numbers.
    """

    stand_ins: tuple[str, ...] = ()

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @classmethod
    def open(cls, embedder: Embedder, battles: Sequence[Battle], folder: Path) -> Self:
        """A fitted router; it needs nothing of what it is given."""
        return cls().fit(battles)

    def fit(self, battles: Sequence[Battle]) -> Self:
        """Learn nothing."""
        self.battles_seen_ = len(battles)
        return self

    def for_pair(self, strong: str, weak: str) -> Self:
        """The router itself: every pair is the same to it."""
        return self

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Uniform in [0, 1), shape (n,), from the prompt's text and the seed alone.

        Raises:
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        return np.array([self._uniform(prompt) for prompt in prompts], dtype=np.float64)

    def judge(self, prompt: str, nearest: int) -> Judgement:
        """The win probability of one prompt; no battle speaks for it."""
        return Judgement(float(self.win_probability([prompt])[0]))

    def sample(self) -> NDArray[np.float64]:
        """What a very large sample would give: the uniform distribution."""
        self._check_fitted()
        return (np.arange(SAMPLE_SIZE) + 0.5) / SAMPLE_SIZE

    def add(self, battles: Sequence[Battle]) -> None:
        """Learn nothing."""
        self._check_fitted()
        self.battles_seen_ += len(battles)

    def forget(self, battle_id: str) -> None:
        """Forget nothing."""
        self._check_fitted()

    def _check_fitted(self) -> None:
        if not hasattr(self, "battles_seen_"):
            raise RouterError("the chance router is not fitted", hint="Call fit first.")

    def _uniform(self, prompt: str) -> float:
        text = f"{self.seed}\n{prompt}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(text, digest_size=8).digest()
        return float((int.from_bytes(digest) >> (64 - BITS)) / 2**BITS)
