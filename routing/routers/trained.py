"""The common base of trained routers: checkpoints, seats, and the nearest battles.

A trained router explains itself by the battles nearest to the prompt, as the similarity router
does. A new battle of the user joins these at once; what the router learnt changes when it is
trained again.
"""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routing import checkpoints
from routing.arrays import Floats
from routing.battles import Battle
from routing.checkpoints import Manifest
from routing.decide import Neighbour
from routing.embeddings import Embedder
from routing.errors import RouterError
from routing.index import BattleIndex, unique_prompts
from routing.ladder import STRONG, WEAK
from routing.neighbours import check_any, nearest, open_index
from routing.routers import Judgement
from routing.training import Outcome, Progress, Schedule, Split

Training = Generator[Progress, None, None]


class Names(NamedTuple):
    """The models that battles name, and those that may sit in the strong and in the weak seat."""

    models: tuple[str, ...]
    strong: tuple[str, ...]
    weak: tuple[str, ...]


class TrainedRouter(ABC):
    """A router with weights.

    Args:
        embedder: turns prompts into unit vectors.
        strong: the pair's strong model; `for_pair` names another pair.
        weak: the pair's weak model.
        schedule: how it is trained; the class's own by default.
        device: "cpu", "cuda", ...; None for the fastest there is.

    Attributes:
        manifest_: what it was trained from, and how well it predicts the battles held out.
    """

    name: ClassVar[str]
    default_schedule: ClassVar[Schedule]
    reads_vectors: ClassVar[bool] = False
    base: str = ""

    def __init__(
        self,
        embedder: Embedder,
        strong: str = STRONG,
        weak: str = WEAK,
        *,
        schedule: Schedule | None = None,
        device: str | None = None,
    ) -> None:
        self.embedder = embedder
        self.strong = strong
        self.weak = weak
        self.schedule = schedule or self.default_schedule
        self.device = device
        self.manifest_: Manifest
        self._around: _Around

    @classmethod
    def open(cls, embedder: Embedder, battles: Sequence[Battle], folder: Path) -> Self:
        """The router that was trained, beside the index of these battles.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: it was not trained, or with another embedder.
            DataError: its checkpoint is damaged.
        """
        router = cls(embedder).load(checkpoints.checkpoint_folder(folder, cls.name))
        router._around.index = open_index(embedder, battles, folder)
        return router

    def load(self, folder: Path) -> Self:
        """Take the weights of a checkpoint; returns the router, which knows no battles by this.

        Raises:
            RouterError: there is none, or it is another router's or another embedder's.
            DataError: it is damaged.
        """
        embedder = self.embedder.name if self.reads_vectors else None
        manifest = checkpoints.check(folder, self.name, embedder)
        self._read(folder, manifest)
        self._settle(manifest, ())
        return self

    def save(self, folder: Path) -> Manifest:
        """Put the weights in place of a checkpoint folder; its manifest.

        Raises:
            DataError: it cannot be written; what was there is still there.
        """
        self._check_fitted()
        self.manifest_ = checkpoints.save(folder, self.manifest_, self._write)
        return self.manifest_

    def fit(self, battles: Sequence[Battle], vectors: Floats | None = None) -> Self:
        """Train on the battles; returns the router.

        `vectors` are the unit rows of `unique_prompts(battles)`; embedded when None and needed.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the battles cannot be learnt from, or the training diverged.
        """
        for _ in self.train(battles, vectors):
            pass
        return self

    def train(
        self, battles: Sequence[Battle], vectors: Floats | None = None, state: Path | None = None
    ) -> Training:
        """Train step by step. `state`: a file from which an interrupted training resumes.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the battles cannot be learnt from, or the training diverged.
            DataError: the state cannot be written.
        """
        check_any(battles)
        if vectors is not None:
            check_finite(vectors, unique_prompts(battles))
        manifest = yield from self._train(battles, vectors, state)
        self._settle(manifest, battles, vectors)

    def train_into(
        self, folder: Path, battles: Sequence[Battle], vectors: Floats | None = None
    ) -> Training:
        """Train and put the checkpoint in place of the folder, step by step.

        Closed before its end, it keeps where it is beside the folder; another call with the same
        battles, settings and folder resumes.

        Raises:
            RoutingError: as `train` and `save` do.
        """
        checkpoints.check_writable(folder)
        state = folder.with_name(f".{folder.name}.{self._fingerprint(battles)}.training")
        yield from self.train(battles, vectors, state)
        self.save(folder)
        for kept in folder.parent.glob(f".{folder.name}.*.training"):
            kept.unlink(missing_ok=True)

    def for_pair(self, strong: str, weak: str) -> Self:
        """The same router for another pair of models. Nothing is refitted."""
        self._check_fitted()
        router = copy.copy(self)
        router.strong, router.weak = strong, weak
        return router

    @property
    @abstractmethod
    def stand_ins(self) -> tuple[str, ...]:
        """Models of the pair that it was not trained for; others stand in for them."""

    @abstractmethod
    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt, shape (n,).

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """

    @abstractmethod
    def sample(self) -> NDArray[np.float64]:
        """Win probabilities of a sample of the battles' prompts for this pair, shape (s,)."""

    def judge(self, prompt: str, nearest: int) -> Judgement:
        """The win probability of one prompt and its nearest battles, at most `nearest`.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        query = self.embedder.embed([prompt])
        return Judgement(self._chance(prompt, query), self.nearest(query[0], nearest))

    def nearest(self, query: Floats, count: int) -> tuple[Neighbour, ...]:
        """One battle for each of the prompts nearest to the unit vector, the nearest first."""
        self._check_fitted()
        return nearest(self.index_, query, count, self._of_pair)

    def add(self, battles: Sequence[Battle]) -> None:
        """Add new battles to the neighbours at once; the weights stay as they are.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        index = self.index_
        index.add(battles, *self.embedder.read(index.new_prompts(battles)))

    def forget(self, battle_id: str) -> None:
        """Remove the battles of that id; an unknown id changes nothing."""
        self._check_fitted()
        self.index_.remove(battle_id)

    @property
    def index_(self) -> BattleIndex:
        """The battles around a prompt; those of the training are embedded when first asked for."""
        return self._around.index

    def _settle(
        self, manifest: Manifest, battles: Sequence[Battle], vectors: Floats | None = None
    ) -> None:
        """It is trained, on these battles."""
        self._around = _Around(self.embedder, battles, vectors)
        self.manifest_ = manifest

    def _record(
        self, battles: Sequence[Battle], names: Names, split: Split, outcome: Outcome
    ) -> Manifest:
        """The manifest of a training: its inputs and its result."""
        return Manifest(
            router=self.name,
            embedder=self.embedder.name if self.reads_vectors else "",
            base=self.base,
            models=names.models,
            strong=names.strong,
            weak=names.weak,
            battles=len(battles),
            digest=checkpoints.battles_digest(battles),
            seed=self.schedule.seed,
            held_out_loss=outcome.held_out_loss,
            steps=outcome.best_step,
            epochs=outcome.best_step / self.schedule.pass_over(len(split.train)),
        )

    @abstractmethod
    def _train(
        self, battles: Sequence[Battle], vectors: Floats | None, state: Path | None
    ) -> Generator[Progress, None, Manifest]:
        """Train on battles of which there are some."""

    @abstractmethod
    def _read(self, folder: Path, manifest: Manifest) -> None:
        """Take the weights of a checkpoint whose files are as they were written."""

    @abstractmethod
    def _write(self, folder: Path) -> None:
        """Put the weights into the folder."""

    @abstractmethod
    def _chance(self, prompt: str, query: Floats) -> float:
        """Win probability of a prompt and its unit vector (1, d)."""

    @abstractmethod
    def _of_pair(self, battle: Battle) -> bool:
        """Whether the battle is one between those that sit for the pair."""

    def _fingerprint(self, battles: Sequence[Battle]) -> str:
        """Names a training: its battles, settings and model."""
        parts = (
            self.name,
            checkpoints.battles_digest(battles),
            repr(self.schedule),
            self._origin(),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def _origin(self) -> str:
        """What the training starts from beside its battles and schedule."""
        return f"{self.base}\n{self.strong}\n{self.weak}"

    def _check_fitted(self) -> None:
        if not hasattr(self, "manifest_"):
            raise RouterError(
                f"the {self.name} router is not fitted",
                hint=f"Call fit, or train it: {checkpoints.train_command(self.name)}",
            )


class _Around:
    """The battles around a prompt, the same for every pair of models.

    Attributes:
        index: built when first asked for.
    """

    def __init__(
        self, embedder: Embedder, battles: Sequence[Battle], vectors: Floats | None
    ) -> None:
        self._embedder, self._battles, self._vectors = embedder, list(battles), vectors

    @cached_property
    def index(self) -> BattleIndex:
        check_any(self._battles)
        vectors = self._vectors
        if vectors is None:
            vectors = self._embedder.embed(unique_prompts(self._battles))
        return BattleIndex.build(self._battles, vectors, self._embedder.name)


def check_finite(vectors: Floats, prompts: Sequence[str]) -> None:
    """Refuse vectors that are no numbers, or that are not one for each prompt.

    Raises:
        ValueError: the shape is another, or a row is not finite; it names the first one.
    """
    if vectors.ndim != 2 or len(vectors) != len(prompts):
        raise ValueError(f"expected a row for each of {len(prompts)} prompts, not {vectors.shape}")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{len(bad)} vectors are not finite, the first in row {bad[0]}: "
            f"{prompts[bad[0]][:60]!r}"
        )
