"""Routers by name; each is in a module of its own, imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from routing.battles import Battle
    from routing.decide import Neighbour
    from routing.embeddings import Embedder

ROUTERS = {
    "chance": "routing.routers.chance:ChanceRouter",
    "similarity": "routing.routers.similarity:SimilarityRouter",
    "ridge": "routing.routers.ridge:RidgeRouter",
    "factorization": "routing.routers.factorization:FactorizationRouter",
    "bert": "routing.routers.bert:BertRouter",
    "causal": "routing.routers.causal:CausalRouter",
}

SUMMARIES = {
    "chance": "a number drawn from the prompt's text: the baseline",
    "similarity": "Bradley-Terry over the battles, weighted by how near their prompts are",
    "ridge": "kernel ridge regression over the pair's battles and a prompt's surface: the default",
    "factorization": "a vector for each model, multiplied into the prompt's",
    "bert": "an encoder that tells which side wins",
    "causal": "a causal language model that grades the weak model's answer beforehand",
}
SAMPLE_SIZE = 1000  # prompts that a router's sample has at most
# Those that decide nothing before `llmroute router train` has run.
TRAINED = ("factorization", "bert", "causal")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A router's judgement of one prompt: its win probability and the nearest battles."""

    win_probability: float
    neighbours: tuple[Neighbour, ...] = ()


class Router(Protocol):
    """An estimator of which reply will be preferred. Its methods raise RouterError before `fit`."""

    @classmethod
    def open(cls, embedder: Embedder, battles: Sequence[Battle], folder: Path) -> Self:
        """A fitted router. What the folder keeps of an earlier one is used where it still fits.

        Raises:
            EmbeddingError: the embedder refused.
        """

    def fit(self, battles: Sequence[Battle]) -> Self:
        """Learn from the battles; returns the router.

        Raises:
            EmbeddingError: the embedder refused.
        """

    def for_pair(self, strong: str, weak: str) -> Self:
        """The same router for another pair of models, over the same battles."""

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Models of the pair that no battle names; others stand in for them."""

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt.

        Shape (n,), in [0, 1].

        Raises:
            EmbeddingError: the embedder refused.
        """

    def judge(self, prompt: str, nearest: int) -> Judgement:
        """The win probability of one prompt and its nearest battles, at most `nearest`.

        Raises:
            EmbeddingError: the embedder refused.
        """

    def sample(self) -> NDArray[np.float64]:
        """Win probabilities of a sample of prompts for this pair, shape (s,).

        The prompts are the same ones, in the same order, for every pair.
        """

    def add(self, battles: Sequence[Battle]) -> None:
        """Add new battles at once, without refitting.

        Raises:
            EmbeddingError: the embedder refused.
        """

    def forget(self, battle_id: str) -> None:
        """Remove the battles of that id; an unknown id changes nothing."""


def router_class(name: str) -> type[Router]:
    """The router of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in ROUTERS:
        raise ValueError(f"unknown router {name!r}; known: {', '.join(ROUTERS)}")
    module, _, attribute = ROUTERS[name].partition(":")
    router: type[Router] = getattr(importlib.import_module(module), attribute)
    return router
