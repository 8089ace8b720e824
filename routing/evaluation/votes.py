"""Votes as grades: how often each of two models was preferred on each prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from routing.battle_files import read_battles
from routing.battles import Battle, Winner
from routing.errors import DataError
from routing.evaluation.sets import EvaluationSet
from routing.ladder import Record
from routing.ratings import bradley_terry
from routing.rows import RejectedRow

HIGHER, LOWER = "the higher rated", "the lower rated"
POINTS = {"a": 1.0, "b": 0.0, "tie": 0.5}  # model_a's share; model_b gets the rest
TURNED: Mapping[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie"}
REJECTED_SHOWN = 3


def read_votes(path: Path, pair: tuple[str, str] | None = None) -> EvaluationSet:
    """An evaluation set from votes: for each prompt, the share of votes each model got.

    Of a pair, or of the only two models there are, its own votes count. Else those between all
    models, each as one between the model that all of them rate higher and the other: so a router
    can separate prompts, but not models.

    Raises:
        DataError: the file holds no votes, or none between the pair.
    """
    found = read_battles(path)
    models = sorted({name for vote in found.battles for name in (vote.model_a, vote.model_b)})
    notes = _left_out(path, found.rejected)
    if pair is None and len(models) == 2:
        pair = (models[0], models[1])
    if pair is None:
        votes = _by_rating(found.battles)
        pair = (HIGHER, LOWER)
        notes.append(
            f"Votes between {len(models):,} models: of each two the one that all votes rate higher "
            "sits as strong, the other as weak. --strong and --weak name a pair of them."
        )
    else:
        votes = _between(path, found.battles, pair, models)
    prompts: dict[str, list[float]] = defaultdict(list)
    for vote in votes:
        prompts[vote.prompt].append(POINTS[vote.winner])
    strong = np.array([np.mean(points) for points in prompts.values()])
    quality = np.stack([strong, 1 - strong], axis=1)
    return EvaluationSet(path.name, tuple(prompts), pair, quality, notes=tuple(notes))


def _left_out(path: Path, rejected: Sequence[RejectedRow]) -> list[str]:
    if not rejected:
        return []
    shown = "; ".join(f"line {row.line}: {row.reason}" for row in rejected[:REJECTED_SHOWN])
    more = len(rejected) - REJECTED_SHOWN
    rest = f"; and {more:,} more" if more > 0 else ""
    are = "row is" if len(rejected) == 1 else "rows are"
    return [f"{len(rejected):,} {are} left out of {path.name}: {shown}{rest}."]


def _between(
    path: Path, votes: Sequence[Battle], pair: tuple[str, str], models: Sequence[str]
) -> list[Battle]:
    """The votes between the two models, the first of the pair in front."""
    found = [_faced(vote, pair[0]) for vote in votes if {vote.model_a, vote.model_b} == {*pair}]
    if not found:
        raise DataError(
            f"{path}: no vote between {pair[0]} and {pair[1]}; the models voted on are "
            f"{', '.join(models)}"
        )
    return found


def _by_rating(votes: Sequence[Battle]) -> list[Battle]:
    """All votes, the higher rated model in front."""
    record = Record.of(votes)
    rating = dict(zip(record.number, bradley_terry(record.wins).tolist(), strict=True))
    return [
        _faced(vote, vote.model_a if rating[vote.model_a] >= rating[vote.model_b] else vote.model_b)
        for vote in votes
    ]


def _faced(vote: Battle, front: str) -> Battle:
    """The vote with that model in front."""
    if vote.model_a == front:
        return vote
    return Battle(vote.prompt, front, vote.model_a, TURNED[vote.winner])
