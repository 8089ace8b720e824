"""Accuracy under other length normalisations, from the same scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from audit.perturbations import BASELINES
from audit.scorers import Normalisation, Score, choose
from audit.variants import Variant


@dataclass(frozen=True, slots=True)
class ByLength:
    """Accuracy of one way of scoring by the options' texts, under each normalisation.

    Attributes:
        n: questions whose options were all measured.
        accuracy: in [0, 1], by normalisation; one that cannot be had of each question is not there.
    """

    perturbation: str
    n: int
    accuracy: dict[str, float]


def by_length(variants: Sequence[Variant], scores: Sequence[Score]) -> tuple[ByLength, ...]:
    """The questions in their own form, scored by hybrid or cloze; none without log-likelihoods."""
    measured: dict[str, list[tuple[Variant, Score]]] = defaultdict(list)
    for variant, score in zip(variants, scores, strict=True):
        own_form = variant.perturbation in BASELINES or variant.perturbation.startswith("scoring.")
        if own_form and variant.scoring != "symbol" and score.loglik and None not in score.loglik:
            measured[variant.perturbation].append((variant, score))
    return tuple(
        ByLength(perturbation, len(pairs), _accuracies(pairs))
        for perturbation, pairs in measured.items()
    )


def _accuracies(pairs: Sequence[tuple[Variant, Score]]) -> dict[str, float]:
    found = {}
    for by in get_args(Normalisation):
        choices = [choose(variant, score, by) for variant, score in pairs]
        if all(choice.position is not None for choice in choices):
            right = [
                choice.position == variant.shown.answer
                for choice, (variant, _) in zip(choices, pairs, strict=True)
            ]
            found[by] = sum(right) / len(right)
    return found
