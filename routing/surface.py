"""Surface features of a prompt: its length, layout, numbers and question words.

An embedding captures what a prompt is about, but little of how much it asks. Two word problems
about apples lie side by side whether they take one step or six; their numbers, sentences and
comparing words tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST = 8192  # characters; what lies behind them an embedder does not read either
COUNTS = 21
FARTHEST = 3.0  # standard deviations; a count further out says no more than one at that distance

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
ITEM = re.compile(r"^[ \t]*(?:[A-Za-z]|\d{1,2}|[-*•])[.)]?[ \t]+(.+)$", re.MULTILINE)
SENTENCE_END = re.compile(r"[.?!](?=\s|$)|[。？！]")
SYMBOL = re.compile(r"[^\w\s.,;:!?'\"-]|_")
REASONING = re.compile(
    r"\b(?:not|except|true|false|following|statements?|only|both|none|neither|prove|why|if)\b",
    re.IGNORECASE,
)
QUANTITY = re.compile(
    r"\b(?:each|every|per|half|twice|double|third|quarter|times|more|less|fewer|than|total|left"
    r"|remaining|rest|average|percent|ratio|how many|how much)\b",
    re.IGNORECASE,
)


def surface(prompts: Sequence[str]) -> NDArray[np.float64]:
    """Surface features of each prompt, shape (n, 21); counts as log(1 + count)."""
    rows = [_counts(prompt[:LONGEST]) for prompt in prompts]
    return np.array(rows, dtype=np.float64).reshape(-1, COUNTS)


class Space(NamedTuple):
    """The space of prompts: their unit vectors joined with their surface features.

    Attributes:
        mean, deviation: of the counts, (k,).
        scale: the length of an average prompt's counts.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    scale: float

    @classmethod
    def of(cls, counts: NDArray[np.float64], scale: float) -> Space:
        """The space in which prompts with these counts, (n, k), lie around the middle."""
        deviation = counts.std(axis=0)
        return cls(counts.mean(axis=0), np.where(deviation > 0, deviation, 1.0), scale)

    def points(
        self, vectors: NDArray[np.float32], counts: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Points of prompts, from (n, d) and (n, k) to (n, d + k)."""
        scores = np.clip((counts - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        scores *= self.scale / len(self.mean) ** 0.5
        points: NDArray[np.float32] = np.concatenate([vectors, scores.astype(np.float32)], axis=1)
        return points


def _counts(prompt: str) -> list[float]:
    words = prompt.split()
    numbers = NUMBER.findall(prompt)
    items = [len(item) for item in ITEM.findall(prompt)] or [0]
    characters, many = max(1, len(prompt)), max(1, len(words))
    counted = (
        len(prompt),
        len(words),
        len(numbers),
        prompt.count("\n"),
        prompt.count("?"),
        prompt.count(","),
        len(SENTENCE_END.findall(prompt)),
        prompt.count("%"),
        sum(map(prompt.count, "$€£¥")),
        len(REASONING.findall(prompt)),
        len(QUANTITY.findall(prompt)),
        len(items),
        sum(items) / len(items),
        max(items) - min(items),
        max(map(len, numbers), default=0),
    )
    shares = (
        characters / many,
        len(numbers) / many,
        len(set(words)) / many,
        len(SYMBOL.findall(prompt)) / characters,
        sum(map(str.isupper, prompt)) / characters,
        sum(map(str.isascii, prompt)) / characters,
    )
    return [*np.log1p(counted).tolist(), *shares]
