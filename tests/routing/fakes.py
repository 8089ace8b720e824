"""An embedder without a model, and battles made up from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routing.battles import Battle, Winner
from routing.embeddings import Reading
from routing.index import BattleIndex, Kind, unique_prompts

WINNERS: tuple[Winner, ...] = ("a", "b", "tie")


class HashEmbedder:
    """A prompt is the sum of its words, each a direction drawn from its hash.

    Its states, where it is asked to have some, are the sum of its words' lengths.
    """

    def __init__(self, dimension: int = 32, name: str = "hash", states: int = 0) -> None:
        self.name = name
        self.dimension = dimension
        self.states = states
        self.embedded: list[str] = []

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        return self.read(prompts).vectors

    def read(self, prompts: Sequence[str]) -> Reading:
        self.embedded.extend(prompts)
        words = [prompt.lower().split() or [""] for prompt in prompts]
        lengths = [[str(len(word)) for word in each] for each in words]
        return Reading(_sums(words, self.dimension), _sums(lengths, self.states))


def _sums(texts: Sequence[Sequence[str]], size: int) -> NDArray[np.float32]:
    """Unit rows, each the sum of its words' directions, shape (n, size)."""
    sums = [np.sum([_direction(word, size) for word in text], axis=0) for text in texts]
    rows = np.array(sums).reshape(len(texts), size)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-9)).astype(np.float32)


def _direction(word: str, size: int) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest())
    return np.random.default_rng(seed).normal(size=size)


def hash_index(battles: Sequence[Battle], kind: Kind | None = None) -> BattleIndex:
    """The index of the battles by `HashEmbedder`'s vectors."""
    vectors = HashEmbedder().embed(unique_prompts(battles))
    return BattleIndex.build(battles, vectors, "hash", kind)


def random_battles(count: int, models: int, seed: int = 0, *, prompts: int = 0) -> list[Battle]:
    """Battles between models of which the lower-numbered are stronger, over prompts of words."""
    rng = np.random.default_rng(seed)
    words = [f"word{number}" for number in range(60)]
    texts = [" ".join(rng.choice(words, 6)) + f" {number}" for number in range(prompts or count)]
    battles = []
    for number in range(count):
        a, b = rng.choice(models, 2, replace=False)
        lead = (b - a) / models
        odds = np.array([np.exp(lead), np.exp(-lead), 0.7])
        battles.append(
            Battle(
                prompt=texts[number if not prompts else int(rng.integers(prompts))],
                model_a=f"model{a}",
                model_b=f"model{b}",
                winner=WINNERS[rng.choice(3, p=odds / odds.sum())],
                source="made up",
            )
        )
    return battles
