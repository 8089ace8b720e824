"""The common base of routers that query the battles: an index, a pair, neighbours."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import ClassVar, Self

from routing.arrays import Floats, Ints
from routing.battles import Battle
from routing.decide import Neighbour
from routing.embeddings import Embedder
from routing.errors import RouterError
from routing.index import BattleIndex
from routing.ladder import STRONG, WEAK, Ladder, Seats
from routing.neighbours import nearest, open_index


class IndexedRouter(ABC):
    """A router without training: it judges by the battles in its index.

    Args:
        embedder: turns prompts into unit vectors.
        strong: the pair's strong model; `for_pair` names another pair.
        weak: the pair's weak model.

    Attributes:
        index_: the battles.
        ladder_: the tier of each rated model.
    """

    name: ClassVar[str]
    index_: BattleIndex
    ladder_: Ladder

    def __init__(self, embedder: Embedder, strong: str = STRONG, weak: str = WEAK) -> None:
        self.embedder = embedder
        self.strong = strong
        self.weak = weak
        self._lock = RLock()

    @classmethod
    def open(cls, embedder: Embedder, battles: Sequence[Battle], folder: Path) -> Self:
        """A fitted router, its index kept in the folder.

        Only prompts that the kept index does not know are embedded. An index that cannot be read,
        or is of another embedder, is rebuilt.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: there are no battles.
            DataError: the index cannot be written.
        """
        return cls(embedder)._fit(open_index(embedder, battles, folder))

    def for_pair(self, strong: str, weak: str) -> Self:
        """The same router for another pair of models, over the same battles.

        A model that no battle names sits where "strong" and "weak" of the starter battles sit.
        Without these: in the strongest tier, and in the tier that met it most often.
        """
        self._check_fitted()
        router = copy.copy(self)
        router.strong, router.weak = strong, weak
        return router

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Models of the pair that no battle names; others stand in for them."""
        self._check_fitted()
        return self._seats().stand_ins

    def nearest(self, query: Floats, count: int) -> tuple[Neighbour, ...]:
        """One battle for each of the prompts nearest to the unit vector, the nearest first.

        The user's own battle comes before any other over the same prompt, then one between the
        tiers of the pair.
        """
        self._check_fitted()
        with self._lock:
            seats, ladder = self._seats(), self.ladder_
            pair = {seats.strong, seats.weak}
            return nearest(
                self.index_, query, count, lambda battle: set(ladder.tiers_in(battle)) == pair
            )

    def add(self, battles: Sequence[Battle]) -> None:
        """Add new battles at once. Tiers stay as they are.

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        with self._lock:
            self.index_.add(battles, *self.embedder.read(self.index_.new_prompts(battles)))
            self._added(battles)

    def forget(self, battle_id: str) -> None:
        """Remove the battles of that id; an unknown id changes nothing."""
        self._check_fitted()
        with self._lock:
            places = self.index_.remove(battle_id)
            if len(places):
                self._removed(places)

    @abstractmethod
    def _fit(self, index: BattleIndex) -> Self:
        """Learn from the battles of the index."""

    @abstractmethod
    def _added(self, battles: Sequence[Battle]) -> None:
        """Learn from battles that now stand at the end of the index."""

    @abstractmethod
    def _removed(self, places: Ints) -> None:
        """Forget the battles that stood at these places of the index."""

    def _seats(self) -> Seats:
        return self.ladder_.seats(self.strong, self.weak)

    def _check_fitted(self) -> None:
        if not hasattr(self, "index_"):
            raise RouterError(f"the {self.name} router is not fitted", hint="Call fit first.")
