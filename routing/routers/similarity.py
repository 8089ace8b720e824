"""Similarity-weighted ranking: battles over prompts like this one count for more. No training.

Source: Ong et al., RouteLLM (arXiv 2406.18665), section 4.2.1, and routellm 0.2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from routing.arrays import Floats, Ints
from routing.battles import Battle
from routing.embeddings import Embedder
from routing.errors import RouterError
from routing.index import BattleIndex, Kind, unique_prompts
from routing.kernels import (
    ByteRows,
    Float32Rows,
    Kernel,
    Normalize,
    ScanKernel,
    Weighting,
)
from routing.ladder import A_WINS, OUTCOMES, STRONG, TIERS, WEAK, Ladder
from routing.moments import MomentsKernel
from routing.neighbours import check_any
from routing.ratings import bradley_terry, find_gauge, win_probability
from routing.routers import SAMPLE_SIZE, Judgement
from routing.routers.indexed import IndexedRouter

Form = Literal["auto", "exact", "bytes", "moments"]

GAMMA, REFERENCE_GAMMA = 500.0, 10.0
# As in the paper. By default shorter prompts stay: "hey" is a prompt too.
REFERENCE_CHARACTERS = 16
BEYOND_REASON = 15.0  # nats between two tiers; only a tier that never lost can exceed it


class SimilarityRouter(IndexedRouter):
    """Rates tiers of models by the battles, weighted by how much their prompts resemble the query.

    Args:
        embedder: turns prompts into unit vectors.
        strong: the pair's strong model; `for_pair` names another pair.
        weak: the pair's weak model.
        gamma: how much more a battle over the nearest prompt weighs than one at right angles;
            500 by default, measured out of sample (`bench/quality.py`), 10 in the reference.
        normalize: whether similarities count relative to the query's best ("query") or to the
            battle's own ("row", as the paper prints it).
        form: how the weights are summed, fastest last: "exact" in float32, "bytes" with a byte a
            number, "moments" (approximately, see `routing.moments`). "auto" is exact below 200,000
            prompts and moments above.
        tier_count: number of tiers of models; there are more where rivals would share one.
        reference: as routellm 0.2.0 does it: gamma 10, no prompts under 16 characters, ratings
            without a prior, and battles inside a tier count against a phantom model of rating 0.
    """

    name = "similarity"

    def __init__(  # noqa: PLR0913 the settings of an estimator, as in scikit-learn
        self,
        embedder: Embedder,
        strong: str = STRONG,
        weak: str = WEAK,
        *,
        gamma: float | None = None,
        normalize: Normalize = "query",
        form: Form = "auto",
        tier_count: int = TIERS,
        reference: bool = False,
    ) -> None:
        super().__init__(embedder, strong, weak)
        self.gamma = gamma
        self.normalize: Normalize = normalize
        self.form: Form = form
        self.tier_count = tier_count
        self.reference = reference

    def fit(self, battles: Sequence[Battle], vectors: Floats | None = None) -> Self:
        """Learn from the battles; returns the router.

        `vectors` are the unit rows of `unique_prompts(battles)`; embedded when None.

        Raises:
            EmbeddingError: the embedder refused.
        """
        prompts = unique_prompts(battles)
        if vectors is None:
            vectors = self.embedder.embed(prompts)
        if self.reference:
            long = np.array([len(prompt) >= REFERENCE_CHARACTERS for prompt in prompts], dtype=bool)
            battles = [battle for battle in battles if len(battle.prompt) >= REFERENCE_CHARACTERS]
            vectors = vectors[long]
        check_any(battles)
        kind: Kind | None = {"auto": None, "moments": "ivf"}.get(self.form, "flat")
        return self._fit(BattleIndex.build(battles, vectors, self.embedder.name, kind))

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt, shape (n,).

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted, or one side of the pair never lost.
        """
        self._check_fitted()
        with self._lock:
            return self._chance(self._ask(prompts).strengths)

    def win_probability_from(self, queries: Floats) -> NDArray[np.float64]:
        """The same from unit rows, (n, d) -> (n,)."""
        self._check_fitted()
        with self._lock:
            return self._chance(self._strengths(self.kernel_.wins(queries)))

    def judge(self, prompt: str, nearest: int) -> Judgement:
        """The win probability of one prompt and its nearest battles, at most `nearest`.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        with self._lock:
            asked = self._ask([prompt])
            chance = float(self._chance(asked.strengths)[0])
            return Judgement(chance, self.nearest(asked.queries[0], nearest))

    def sample(self) -> NDArray[np.float64]:
        """Win probabilities of the battles' own prompts for this pair, of 1,000 at most.

        Each is judged by the other prompts' battles alone.
        """
        self._check_fitted()
        with self._lock:
            return self._chance(self.sample_.strengths)

    def _added(self, battles: Sequence[Battle]) -> None:
        self.kernel_.add(self.ladder_.cells(battles))
        self._centre()

    def _removed(self, places: Ints) -> None:
        self.kernel_.remove(places)
        self._centre()

    def _fit(self, index: BattleIndex) -> Self:
        self.index_ = index
        self.asked_ = _Asked()
        self.ladder_ = Ladder.of(index.battles, self.tier_count, reference=self.reference)
        self.effect_ = _effects(self.ladder_.size, reference=self.reference)
        self.kernel_ = self._kernel(index, self.ladder_.cells(index.battles))
        self._centre()
        self.sample_ = _Sample(self)
        return self

    def _ask(self, prompts: Sequence[str]) -> _Asked:
        """What the battles say of the prompts, cached for those of the last call."""
        known = self.asked_
        if known.prompts != tuple(prompts):
            queries = self.embedder.embed(prompts)
            known.strengths = self._strengths(self.kernel_.wins(queries))
            known.prompts, known.queries = tuple(prompts), queries
        return known

    def _centre(self) -> None:
        """Find which tiers have met, and rate them by all battles alike: Newton starts there."""
        tally = np.bincount(self.kernel_.cells, minlength=len(self.effect_))
        players = self.ladder_.size + self.reference
        met = (tally @ self.effect_).reshape(players, players)
        self.gauge_ = find_gauge(met)
        self.start_ = bradley_terry(met / max(1, tally.sum()), self.gauge_)
        self.asked_.prompts = None

    def _kernel(self, index: BattleIndex, cells: Ints) -> Kernel:
        gamma = self.gamma or (REFERENCE_GAMMA if self.reference else GAMMA)
        weighting = Weighting(gamma, self.normalize)
        if index.kind == "ivf":
            return MomentsKernel(index, cells, self.effect_, weighting)
        rows = ByteRows(index) if self.form == "bytes" else Float32Rows(index)
        return ScanKernel(index, cells, self.effect_, weighting, rows)

    def _chance(self, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        seats = self._seats()
        if abs(self.start_[seats.strong] - self.start_[seats.weak]) > BEYOND_REASON:
            raise RouterError(
                f"one-sided: by its battles one of {self.strong} and {self.weak} always wins: they "
                "tell no prompt from another",
                hint="Import battles that both of its sides won or tied.",
            )
        return win_probability(strengths[:, seats.strong] - strengths[:, seats.weak])

    def _strengths(self, wins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength of each tier for each query, (m, players), from weighted wins."""
        players = self.ladder_.size + self.reference
        wins = wins.reshape(-1, players, players)
        total = np.maximum(wins.sum(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
        return bradley_terry(wins / total, self.gauge_, self.start_)


class _Asked:
    """Prompts, their unit rows and the tiers' strengths for them; the same for every pair."""

    prompts: tuple[str, ...] | None = None
    queries: Floats
    strengths: NDArray[np.float64]


class _Sample:
    """Strengths for a sample of the battles' own prompts, each judged without its own battles."""

    def __init__(self, router: SimilarityRouter) -> None:
        self._router = router

    @cached_property
    def strengths(self) -> NDArray[np.float64]:
        router = self._router
        rows = router.index_.some_rows(SAMPLE_SIZE)
        vectors = router.index_.vectors()[rows]
        return router._strengths(router.kernel_.wins(vectors, exclude=rows))


def _effects(tier_count: int, *, reference: bool) -> NDArray[np.float64]:
    """What a unit of weight in each cell adds to each entry of the wins matrix.

    Battles inside a tier say nothing of tiers. The reference lets the second of two assignments
    overwrite the first, so that their design row is that of a lost battle against rating 0: there
    a phantom player after the last tier beats the tier when a wins, and loses to it when b does.

    Shape (cells, players ** 2).
    """
    players = tier_count + reference
    effect = np.zeros((tier_count, tier_count, len(OUTCOMES), players, players))
    for a in range(tier_count):
        for b in range(tier_count):
            if a == b and not reference:
                continue
            first, second = (players - 1, b) if a == b else (a, b)
            for outcome, share in enumerate(A_WINS):
                effect[a, b, outcome, first, second] = share
                effect[a, b, outcome, second, first] = 1 - share
    return effect.reshape(-1, players * players)
