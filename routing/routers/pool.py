"""Extends any pairwise router to a pool of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from routing.arrays import Doubles
from routing.calibrate import Calibration
from routing.decide import Neighbour
from routing.models import Pool
from routing.ratings import win_probability
from routing.routers import Router

EVEN = 0.5
CLOSEST = 1e-9  # keeps log-odds finite


class PoolJudgement(NamedTuple):
    """A pool router's judgement of one prompt.

    Attributes:
        win_probabilities: the strongest model's against each other model, in the pool's order.
        neighbours: the battles nearest to the prompt.
    """

    win_probabilities: tuple[float, ...]
    neighbours: tuple[Neighbour, ...]


class _Seat(NamedTuple):
    """As which model the router judges one; None: between its neighbours. `prior` says why."""

    name: str | None
    prior: str = ""


class PoolRouter:
    """Compares a pool's strongest model with each of the others.

    A model that no battle names is judged like the one that the user named for it. Where they
    named none, the pool's ends stand where the router puts unknown models, and a model in the
    middle stands between its neighbours. One that is outdone is never judged better than the next
    cheaper one, so that no prompt goes to it.

    Args:
        router: a fitted one, of any pair.
        pool: the models.
        outdone: models that are not worth their price, as `routing.worth` finds them.

    Attributes:
        priors: how each model is judged that no battles tell apart, such as "like gpt-4".
    """

    def __init__(
        self, router: Router, pool: Pool, outdone: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.pool = pool
        self.outdone = outdone
        seats = [_seat(router, pool, at) for at in range(len(pool.models))]
        self.priors = {
            model.name: seat.prior
            for model, seat in zip(pool.models, seats, strict=True)
            if seat.prior
        }
        self._strong, *self._others = [seat.name for seat in seats]
        assert self._strong is not None
        self._routers = {
            name: router.for_pair(self._strong, name) for name in self._others if name is not None
        }

    def win_probabilities(self, prompts: Sequence[str]) -> Doubles:
        """The strongest model's win probability against each other model, shape (n, others).

        Raises:
            EmbeddingError: the embedder refused.
        """
        return self._table(lambda router: router.win_probability(prompts))

    def win_probability(self, prompts: Sequence[str]) -> Doubles:
        """Chance that the strongest model's reply is preferred to the best other one's, shape (n,).

        Raises:
            EmbeddingError: the embedder refused.
        """
        return _least(self.win_probabilities(prompts))

    def judge(self, prompt: str, nearest: int) -> PoolJudgement:
        """The win probabilities of one prompt and its nearest battles, at most `nearest`.

        Raises:
            EmbeddingError: the embedder refused.
        """
        cheapest = self._cheapest
        judged = cheapest.judge(prompt, nearest)

        def chance(router: Router) -> Doubles:
            if router is cheapest:
                return np.array([judged.win_probability])
            return router.win_probability([prompt])

        (row,) = self._table(chance).tolist()
        return PoolJudgement(tuple(row), judged.neighbours)

    def calibration(self) -> Calibration:
        """How often the strongest model is called at each threshold, on the router's own sample."""
        return Calibration.from_probabilities(_least(self._table(lambda router: router.sample())))

    @property
    def _cheapest(self) -> Router:
        name = self._others[-1]
        assert name is not None, "the last of a pool stands between nobody"
        return self._routers[name]

    def _table(self, chance: Callable[[Router], Doubles]) -> Doubles:
        """One column for each model beside the strongest: what `chance` says of its pair."""
        routers = {id(router): router for router in self._routers.values()}  # some know one alone
        asked = {key: chance(router) for key, router in routers.items()}
        rows = len(asked[id(self._cheapest)])
        table = np.full((rows, len(self._others)), EVEN)
        for at, name in enumerate(self._others):
            if name is not None and name != self._strong:
                table[:, at] = asked[id(self._routers[name])]
        known = [at for at, name in enumerate(self._others) if name is not None]
        _fill_between(table, known)
        for at in reversed(range(len(self._others) - 1)):
            if self.pool.others[at].name in self.outdone:
                np.maximum(table[:, at], table[:, at + 1], out=table[:, at])
        return table


def _seat(router: Router, pool: Pool, at: int) -> _Seat:
    model, strong = pool.models[at], pool.strong.name
    if model.name not in router.for_pair(strong, model.name if at else pool.weak.name).stand_ins:
        return _Seat(model.name)
    last = len(pool.models) - 1
    unknown = ""
    if model.like:
        if model.like not in router.for_pair(strong, model.like).stand_ins:
            return _Seat(model.like, f"like {model.like}")
        unknown = f" (no battles tell {model.like} apart either)"
    if at in {0, last}:
        return _Seat(model.name, f"as {'weak' if at else 'strong'}{unknown}")
    return _Seat(None, f"between its neighbours{unknown}")


def _fill_between(table: Doubles, known: Sequence[int]) -> None:
    """Give the columns that are not known log-odds in equal steps between those that are.

    Before the first column stands the strongest model itself, with even odds.
    """
    for before, after in zip([-1, *known], known, strict=False):
        start = _log_odds(table[:, before]) if before >= 0 else np.zeros(len(table))
        end = _log_odds(table[:, after])
        for at in range(before + 1, after):
            part = (at - before) / (after - before)
            table[:, at] = win_probability(start + part * (end - start))


def _log_odds(chances: Doubles) -> Doubles:
    inside = np.clip(chances, CLOSEST, 1 - CLOSEST)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def _least(table: Doubles) -> Doubles:
    return np.asarray(table.min(axis=1), dtype=np.float64)
