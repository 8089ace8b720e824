"""Running statistics of an audit in progress, cheap enough for every Score."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from audit.scorers import Score, choose
from audit.statistics import rstd
from audit.variants import Variant


@dataclass(slots=True)
class Tally:
    """What was answered so far under one perturbation."""

    golds: list[int] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    unanswered: int = 0
    shows_options: bool = True

    def add(self, variant: Variant, score: Score) -> None:
        """Counts one more Score."""
        self.shows_options = variant.scoring != "cloze"
        position = choose(variant, score).position
        if position is None:
            self.unanswered += 1
            return
        self.golds.append(variant.shown.answer)
        self.right.append(position == variant.shown.answer)

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, in [0, 1]; None before the first."""
        return sum(self.right) / len(self.right) if self.right else None

    @property
    def rstd(self) -> float | None:
        """RStd by position, in points; None where it is undefined, or as yet."""
        if not self.right or not self.shows_options:
            return None
        return rstd(np.array(self.golds), np.array(self.right))


@dataclass(slots=True)
class Tallies:
    """The Tally of each perturbation, in the order in which they appear."""

    by_perturbation: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, variant: Variant, score: Score) -> None:
        """Counts one more Score under its perturbation."""
        self.by_perturbation[variant.perturbation].add(variant, score)
