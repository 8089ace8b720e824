"""Accuracy after debiasing, from the same scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from audit.scorers import Score, choose
from audit.statistics import (
    Floats,
    Ints,
    batch_calibrated,
    cyclic_average,
    pride,
    pride_prior,
    rstd,
)
from audit.variants import Variant

PLAIN = "symbol.0shot"
TURNED = "order.cyclic"


@dataclass(frozen=True, slots=True)
class Remedy:
    """Accuracy, in [0, 1], and RStd of the baseline's questions under one way of debiasing.

    Attributes:
        n: questions whose options were all measured.
        rstd: by original position of the right answer, in points; None where it is undefined.
    """

    name: str
    summary: str
    n: int
    accuracy: float
    rstd: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Questions with the same number of options.

    Attributes:
        pick: shown position taken without a remedy.
        plain: nats of the symbols, (questions, positions).
        turned: the same in each rotation, (questions, rotations, positions), or None.
    """

    gold: Ints
    pick: Ints
    plain: Floats
    turned: Floats | None


class _Plain(NamedTuple):
    gold: int
    pick: int
    nats: Sequence[float]


def remedies(variants: Sequence[Variant], scores: Sequence[Score]) -> tuple[Remedy, ...]:
    """Each remedy that the scores allow, after the baseline without any; none without nats.

    All of them stand on the same questions. The rotations are needed for PriDe, the cyclic average
    and CircularEval; PriDe's prior is taken from every question.
    """
    groups = _groups(variants, scores)
    if not groups:
        return ()
    picks = {
        ("none", "as scored"): [g.pick for g in groups],
        ("batch calibration", "each position against its mean probability"): [
            batch_calibrated(g.plain).argmax(axis=1) for g in groups
        ],
    }
    turned = [(g, g.turned) for g in groups if g.turned is not None]
    if len(turned) == len(groups):
        picks |= {
            ("PriDe", "the prior of each position taken out"): [
                pride(g.plain, pride_prior(nats)).argmax(axis=1) for g, nats in turned
            ],
            ("cyclic average", "mean probability over all rotations"): [
                cyclic_average(nats).argmax(axis=1) for _, nats in turned
            ],
            ("CircularEval", "right in every rotation"): [
                _circular(nats, g.gold) for g, nats in turned
            ],
        }
    gold = np.concatenate([g.gold for g in groups])
    return tuple(_remedy(*named, gold, np.concatenate(each)) for named, each in picks.items())


def _circular(turned: Floats, gold: Ints) -> Ints:
    """The right option where every rotation picks it, else -1."""
    count = turned.shape[-1]
    options = (turned.argmax(axis=-1) + np.arange(count)) % count
    return np.where((options == gold[:, None]).all(axis=1), gold, -1)


def _remedy(name: str, summary: str, gold: Ints, pick: Ints) -> Remedy:
    correct = pick == gold
    return Remedy(name, summary, len(gold), float(correct.mean()), rstd(gold, correct))


def _groups(variants: Sequence[Variant], scores: Sequence[Score]) -> list[_Group]:
    """The baseline's fully measured questions by number of options.

    Where there are rotations, only questions with all of them.
    """
    plain: dict[str, _Plain] = {}
    turned: dict[str, dict[int, Sequence[float]]] = defaultdict(dict)
    for variant, score in zip(variants, scores, strict=True):
        nats = [value for value in score.loglik if value is not None]
        if not nats or len(nats) < len(score.loglik):
            continue
        if variant.perturbation == PLAIN:
            pick = choose(variant, score).position
            plain[variant.question_id] = _Plain(variant.shown.answer, pick or 0, nats)
        elif variant.perturbation == TURNED:
            turned[variant.question_id][variant.part] = nats
    sizes: dict[int, list[str]] = defaultdict(list)
    for question_id, known in plain.items():
        size = len(known.nats)
        if not turned or len(turned.get(question_id, {})) == size:
            sizes[size].append(question_id)
    return [
        _Group(
            gold=np.array([plain[i].gold for i in ids]),
            pick=np.array([plain[i].pick for i in ids]),
            plain=np.array([plain[i].nats for i in ids]),
            turned=np.array([[turned[i][r] for r in range(size)] for i in ids]) if turned else None,
        )
        for size, ids in sizes.items()
    ]
