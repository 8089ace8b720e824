"""Kernel ridge regression over battles: how a prompt shifts a pair's odds from their average.

Battles near a prompt say how much more or less often than average the strong model's reply is the
better one; where none is near, the average stands. Nearness is not topic alone, as in the
similarity router, but also phrasing, from the embedder's middle layers, and surface features
(`routing.surface`). Ties tell how easy prompts are, and so how much there is to gain
(`routing.blend`). Sources of battles differ in judges and questions, so only part of what one
teaches applies to the others (`routing.regression`). Only battles that concern the pair count:
those of other models say little about it, and mislead about which prompts are easy or hard (see
`bench/reproduce_routellm.py`).

Source: Tenney et al. (2019), BERT rediscovers the classical NLP pipeline, on what layers know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routing.arrays import Doubles, Floats, Ints
from routing.battles import Battle
from routing.blend import Blend
from routing.embeddings import Embedder, Reading
from routing.index import BattleIndex, unique_prompts
from routing.ladder import STRONG, WEAK, Ladder
from routing.lessons import Lessons, lessons_of
from routing.neighbours import check_any
from routing.regression import Observed, Ridge
from routing.routers import SAMPLE_SIZE, Judgement
from routing.routers.indexed import IndexedRouter
from routing.surface import Space, surface

# Chosen out of sample, over several seeds: see bench/reproduce_routellm.py.
SHARPNESS = 3.0  # the kernel is exp(-SHARPNESS / 2 * squared distance)
PENALTY = 8.0
SURFACE_SCALE = 0.3  # the length of an average prompt's surface; its states' is 1
VECTOR_SCALE = 0.7  # the length of its vector, where the embedder shows its states too

LANDMARKS = 2048
AT_ONCE = 3072  # up to this many prompts are all landmarks, which is faster than choosing
SEED = 0
# An average of 0 or 1 would leave no room.
LEAST_CHANCE = 0.02


class RidgeRouter(IndexedRouter):
    """Shifts the pair's average by what the battles around a prompt say.

    A pair is fitted when it is first asked about.

    Args:
        embedder: turns prompts into unit vectors.
        strong: the pair's strong model; `for_pair` names another pair.
        weak: the pair's weak model.
        penalty: the number of battles over one prompt at which they are weighted half.
        sharpness: how fast a battle's influence falls with the distance of its prompt.
        surface_scale: weight of the surface features beside the embedder's rows; 0: none.
        seed: for drawing the landmarks where there are too many prompts to use them all.
    """

    name = "ridge"

    def __init__(  # noqa: PLR0913 the settings of an estimator, as in scikit-learn
        self,
        embedder: Embedder,
        strong: str = STRONG,
        weak: str = WEAK,
        *,
        penalty: float = PENALTY,
        sharpness: float = SHARPNESS,
        surface_scale: float = SURFACE_SCALE,
        seed: int = 0,
    ) -> None:
        super().__init__(embedder, strong, weak)
        self.penalty = penalty
        self.sharpness = sharpness
        self.surface_scale = surface_scale
        self.seed = seed
        self._heads: dict[tuple[str, str], _Head] = {}  # shared with the routers of other pairs

    def fit(self, battles: Sequence[Battle]) -> Self:
        """Learn from the battles; returns the router.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: there are no battles.
        """
        check_any(battles)
        vectors, states = self.embedder.read(unique_prompts(battles))
        return self._fit(BattleIndex.build(battles, vectors, self.embedder.name, states=states))

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt, shape (n,).

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted, or the pair's battles tell nothing.
        """
        self._check_fitted()
        return self._chance(prompts, self.embedder.read(prompts))

    def judge(self, prompt: str, nearest: int) -> Judgement:
        """The win probability of one prompt and its nearest battles, at most `nearest`.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted, or the pair's battles tell nothing.
        """
        self._check_fitted()
        query = self.embedder.read([prompt])
        chance = float(self._chance([prompt], query)[0])
        return Judgement(chance, self.nearest(query.vectors[0], nearest))

    def sample(self) -> NDArray[np.float64]:
        """Win probabilities of the battles' own prompts for this pair, of 1,000 at most, (s,).

        Each is judged by the other prompts' battles alone.
        """
        self._check_fitted()
        with self._lock:
            head, rows = self._head(), self.index_.some_rows(SAMPLE_SIZE)
            learnt = np.isin(rows, head.rows)
            others = rows[~learnt]
            counts = surface(self.index_.prompts_of(others))
            return np.concatenate(
                [head.left_out(rows[learnt]), head.chance(self._places(others), counts)]
            )

    def _added(self, battles: Sequence[Battle]) -> None:
        self._heads.clear()

    def _removed(self, places: Ints) -> None:
        self._heads.clear()

    def _fit(self, index: BattleIndex) -> Self:
        self.index_ = index
        self.ladder_ = Ladder.of(index.battles)
        self._heads = {}
        return self

    def _chance(self, prompts: Sequence[str], read: Reading) -> Doubles:
        with self._lock:
            return self._head().chance(_places(read), surface(prompts))

    def _places(self, rows: Ints) -> Floats:
        """The same of rows of the index."""
        return _places(Reading(self.index_.vectors_of(rows), self.index_.states_of(rows)))

    def _head(self) -> _Head:
        known = self.ladder_.tier_of
        pair = (
            self.strong if self.strong in known else STRONG,
            self.weak if self.weak in known else WEAK,
        )
        if pair not in self._heads:
            self._heads[pair] = self._learnt(lessons_of(self.index_, self.ladder_, pair))
        return self._heads[pair]

    def _learnt(self, lessons: Lessons) -> _Head:
        counts = surface(lessons.prompts)
        space = Space.of(counts, self.surface_scale)
        points = space.points(self._places(lessons.rows), counts)
        values = np.stack([lessons.surplus, lessons.ease], axis=1)
        seen = Observed(points, values, lessons.weights, lessons.sources)
        every = len(points) <= AT_ONCE
        chosen = np.arange(len(points)) if every else landmarks(lessons.sources, self.seed)
        ridge = Ridge.fit(seen, chosen, sharpness=self.sharpness, penalty=self.penalty)
        others = lessons.sources > 0  # users report surprises, which biases it
        some = others if others.any() else ~others
        blend = Blend.of(ridge.left_out[some], lessons.surplus[some], lessons.weights[some])
        return _Head(space, ridge, blend, lessons.average, lessons.rows)


class _Head(NamedTuple):
    """What was learnt for one pair.

    Attributes:
        ridge: how much more often than average the strong model wins, and both replies are good.
        blend: by how much the chances of a prompt exceed the average, from these two.
        average: how often the strong model wins.
        rows: of the index, that it was learnt from.
    """

    space: Space
    ridge: Ridge
    blend: Blend
    average: float
    rows: Ints

    def chance(self, places: Floats, counts: Doubles) -> Doubles:
        """Win probabilities of prompts, from (n, d) and (n, k) to (n,)."""
        predicted = self.ridge.predict(self.space.points(places, counts))
        return _chance(self.average, self.blend(predicted))

    def left_out(self, rows: Ints) -> Doubles:
        """The same of rows that it was learnt from, each by the other rows' battles alone."""
        predicted = self.ridge.left_out[np.searchsorted(self.rows, rows)]
        return _chance(self.average, self.blend(predicted))


def _places(read: Reading) -> Floats:
    """The prompts' coordinates from the embedder's output, shape (n, d)."""
    if not read.states.shape[1]:
        return read.vectors
    return np.concatenate([read.states, np.float32(VECTOR_SCALE) * read.vectors], axis=1)


def landmarks(sources: Ints, seed: int = 0, most: int = LANDMARKS) -> Ints:
    """At most `most` rows: the user's own (source 0), and equally many random ones of each source.

    Prompts far from every landmark are hardly learnt, so a large source must not crowd out others.
    """
    order = np.random.default_rng(seed).permutation(len(sources))
    order = order[np.argsort(sources[order], kind="stable")]
    turns = np.arange(len(order)) - np.searchsorted(sources[order], sources[order])
    turns[sources[order] == 0] = 0
    return np.sort(order[np.argsort(turns, kind="stable")][:most])


def _chance(average: float, surplus: Doubles) -> Doubles:
    """Win probabilities from the average and the surplus: their sum, bent to stay in [0, 1].

    Held-out battles are predicted better this way than by a logistic function of odds.
    """
    average = float(np.clip(average, LEAST_CHANCE, 1 - LEAST_CHANCE))
    room = np.where(surplus > 0, 1 - average, average)
    chance: Doubles = average + room * np.tanh(surplus / room)
    return chance
