"""Leave one data set out: how routers trained on the others do on a set they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from routing.battles import Battle
from routing.embeddings import Embedder
from routing.evaluation.curves import DRAWS, Interval, bootstrap, chance, curve
from routing.evaluation.evidence import Evidence, pair_evidence
from routing.evaluation.sets import EvaluationSet, unseen
from routing.gold import gold_battle
from routing.index import unique_prompts
from routing.routers import Router


class Graded(NamedTuple):
    """A set and the strong and the weak model to compare on it."""

    evaluation: EvaluationSet
    pair: tuple[str, str]


# Fits the router of that name for a pair.
MakeRouter = Callable[[str, tuple[str, str], Sequence[Battle]], Router]


class ApgrResult(NamedTuple):
    """An APGR, its bootstrap interval, and by how many deviations it exceeds chance."""

    apgr: float
    interval: Interval
    z: float


@dataclass(frozen=True, slots=True)
class TransferResult:
    """One router on one set that was left out.

    Attributes:
        prompts: of the set, without the `dropped` ones that a battle or another set holds.
        alone: taught by the battles alone; `taught`: by rows of the other sets too.
        rows: how many those were.
    """

    set_name: str
    pair: tuple[str, str]
    router: str
    prompts: int
    dropped: int
    rows: int
    alone: ApgrResult
    taught: ApgrResult
    evidence: Evidence


def gold_rows(graded: Graded, most: int, seed: int) -> list[Battle]:
    """Battles for that many prompts, drawn by the seed: the better graded model wins."""
    evaluation, pair = graded
    drawn = np.random.default_rng(seed).permutation(len(evaluation.prompts))[:most]
    return gold_of(evaluation.at(np.sort(drawn)), pair, f"gold {evaluation.name}")


def gold_of(evaluation: EvaluationSet, pair: tuple[str, str], source: str = "gold") -> list[Battle]:
    """A battle for each prompt of the set: the better graded model wins."""
    grades = evaluation.grades(*pair)
    return [
        gold_battle(prompt, pair, both, source)
        for prompt, *both in zip(evaluation.prompts, grades.strong, grades.weak, strict=True)
    ]


def leave_one_out(  # noqa: PLR0913 what is learnt from, by whom, and how
    sets: Sequence[Graded],
    battles: Sequence[Battle],
    routers: Sequence[str],
    make: MakeRouter,
    embedder: Embedder,
    *,
    most: int,
    seed: int = 0,
) -> Iterator[TransferResult]:
    """Each router on each set, one after the other, taught by all the others.

    Of each other set up to `most` rows are learnt from. Prompts of the set in question that a
    battle or one of these rows holds (cosine .95 or more) are dropped.

    Raises:
        DataError: nothing of a set is left.
        RoutingError: a router cannot be fitted.
    """
    for graded in sets:
        others = [gold_rows(other, most, seed) for other in sets if other is not graded]
        rows = [battle for taught in others for battle in taught]
        lessons = [*battles, *rows]
        vectors = embedder.embed(graded.evaluation.prompts)
        clean = unseen(graded.evaluation, vectors, embedder.embed(unique_prompts(lessons)))
        for name in routers:
            alone, taught = (
                _reached(make(name, graded.pair, learnt), graded.pair, clean.evaluation, seed)
                for learnt in (battles, lessons)
            )
            yield TransferResult(
                set_name=graded.evaluation.name,
                pair=graded.pair,
                router=name,
                prompts=len(clean.evaluation.prompts),
                dropped=clean.left_out,
                rows=len(rows),
                alone=alone,
                taught=taught,
                evidence=_evidence(clean.evaluation, graded.pair, seed),
            )


def _reached(router: Router, pair: tuple[str, str], test: EvaluationSet, seed: int) -> ApgrResult:
    grades = test.grades(*pair)
    chances = router.for_pair(*pair).win_probability(test.prompts)
    apgr = curve(chances, grades, seed).apgr
    drawn = bootstrap([chances], grades, DRAWS, seed).apgr[0]
    return ApgrResult(apgr, Interval.of(drawn), chance(grades, DRAWS, seed).z(apgr))


def _evidence(test: EvaluationSet, pair: tuple[str, str], seed: int) -> Evidence:
    grades = test.grades(*pair)
    return pair_evidence(test.prompts, pair, grades, chance(grades, DRAWS, seed))
