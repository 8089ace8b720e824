"""Ranks of several models under each perturbation, and whether those agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from audit.errors import MismatchError
from audit.results import Results
from audit.statistics import Draws, Floats, Interval, Kendall, kendall, kendall_interval, ranks

RANK_DRAWS = 1_000  # each ranks every model anew


@dataclass(frozen=True, slots=True)
class Ranking:
    """The models under one perturbation, in the order in which they were given.

    Attributes:
        n: questions that every model answered, here and under the baseline.
        accuracies: in [0, 1], on these questions; `before`: the baseline's.
        ranks: from 1 for the best; `moves`: places won against the baseline's ranks.
        tau: Kendall's tau-b of the two rankings, with a bootstrap interval over subjects.
    """

    perturbation: str
    baseline: str
    n: int
    accuracies: tuple[float, ...]
    before: tuple[float, ...]
    ranks: tuple[int, ...]
    moves: tuple[int, ...]
    kendall: Kendall
    interval: Interval

    @property
    def ranks_before(self) -> tuple[int, ...]:
        """The ranks under the baseline."""
        return tuple(rank + won for rank, won in zip(self.ranks, self.moves, strict=True))


@dataclass(frozen=True, slots=True)
class Move:
    """A model that changes its rank."""

    model: str
    perturbation: str
    places: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Models and their rankings, one for each perturbation that all of them had."""

    models: tuple[str, ...]
    rankings: tuple[Ranking, ...]

    @property
    def by_baseline(self) -> dict[str, list[Ranking]]:
        """The rankings that are compared with each baseline."""
        found: dict[str, list[Ranking]] = {}
        for ranking in self.rankings:
            found.setdefault(ranking.baseline, []).append(ranking)
        return found

    def largest_moves(self, count: int) -> tuple[Move, ...]:
        """The models that win or lose the most places, the largest first."""
        moves = [
            Move(model, ranking.perturbation, places)
            for ranking in self.rankings
            for model, places in zip(self.models, ranking.moves, strict=True)
            if places
        ]
        return tuple(sorted(moves, key=lambda move: -abs(move.places))[:count])


def compare(runs: Sequence[Results], seed: int = 0) -> Leaderboard:
    """The leaderboard of these runs.

    Raises:
        MismatchError: the runs differ in more than the model.
        ValueError: there are fewer than two runs.
    """
    if len(runs) < 2:
        raise ValueError(f"{len(runs)} run given; a leaderboard needs at least 2")
    for run in runs[1:]:
        require_comparable(runs[0], run)
    draws = Draws(np.random.default_rng(seed), RANK_DRAWS)
    rankings = [
        ranking
        for effect in runs[0].effects
        if effect.baseline
        and all(run.effect(effect.perturbation) for run in runs)
        and (ranking := _ranking(runs, effect.perturbation, effect.baseline, draws))
    ]
    return Leaderboard(tuple(run.identity.model for run in runs), tuple(rankings))


def require_comparable(first: Results, second: Results) -> None:
    """Check that the two runs differ in the model alone.

    Raises:
        MismatchError: they asked other questions, or in another form, dtype or way of scoring, or
            are two revisions of one model.
    """
    pairs = {
        field.name: (getattr(first.form, field.name), getattr(second.form, field.name))
        for field in fields(first.form)
    }
    pairs["dtype"] = (first.identity.dtype, second.identity.dtype)
    pairs["method"] = (first.identity.method, second.identity.method)
    if first.identity.model == second.identity.model:
        pairs["revision"] = (first.identity.revision, second.identity.revision)
    reasons = [f"{name} {a!r} and {b!r}" for name, (a, b) in pairs.items() if a != b]
    if first.question_ids != second.question_ids:
        shared = len(set(first.question_ids) & set(second.question_ids))
        reasons.append(
            f"{len(first.question_ids)} and {len(second.question_ids)} questions, "
            f"{shared} of them shared"
        )
    if reasons:
        raise MismatchError(
            f"the runs of {first.identity.model} and {second.identity.model} cannot be compared: "
            + "; ".join(reasons),
            hint="Run both with the same questions, battery, seed and dtype.",
        )


def _ranking(
    runs: Sequence[Results], perturbation: str, baseline: str, draws: Draws
) -> Ranking | None:
    """The models on the questions that all of them answered; None where there are none."""
    after, before = _table(runs, perturbation), _table(runs, baseline)
    known = ~np.isnan(after).any(axis=0) & ~np.isnan(before).any(axis=0)
    if not known.any():
        return None
    after, before = after[:, known], before[:, known]
    names = np.array(runs[0].subjects)[known]
    clusters = np.unique(names, return_inverse=True)[1]
    # Means of thirds differ in their last bits, which must not break a tie.
    now, then = after.mean(axis=1).round(12), before.mean(axis=1).round(12)
    rank, old = ranks(now.tolist()), ranks(then.tolist())
    return Ranking(
        perturbation=perturbation,
        baseline=baseline,
        n=int(known.sum()),
        accuracies=tuple(now.tolist()),
        before=tuple(then.tolist()),
        ranks=tuple(rank.tolist()),
        moves=tuple((old - rank).tolist()),
        kendall=kendall(then.tolist(), now.tolist()),
        interval=kendall_interval(before, after, clusters, draws),
    )


def _table(runs: Sequence[Results], perturbation: str) -> Floats:
    """Shares of right answers, (models, questions); NaN where one was not answered."""
    return np.array([run.correct[perturbation] for run in runs], dtype=np.float64)
