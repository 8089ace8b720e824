"""Scorers with a known bias, which an audit must find; their results have closed forms.

Each rule gives one log-likelihood vector per Variant, so that its pick is what its name says. A
rule may look at where the right answer stands: that is how "knows" is acted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from audit.perturbations import COMMON, RARE
from audit.scorers import Identity, Score, Spent
from audit.variants import LETTERS, Variant, seeded

TAKEN, LEFT = math.log(0.9), math.log(0.1)

Pick = Callable[[Variant], int]


@dataclass(frozen=True, slots=True)
class RuleScorer:
    """Answers by a rule: the pick gets nearly all the probability.

    Attributes:
        pick: the shown position that it takes.
    """

    name: str
    pick: Pick

    @property
    def identity(self) -> Identity:
        """The rule's name."""
        return Identity(self.name, method="rule")

    @property
    def spent(self) -> Spent:
        """Nothing."""
        return Spent()

    def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
        """One Score for each Variant, in order."""
        for variant in variants:
            count = len(variant.shown.options)
            pick = self.pick(variant)
            # Text scorings divide by length, which must not overrule the pick.
            weight = [len(text) for text in _texts(variant)]
            yield Score(
                loglik=tuple((TAKEN if i == pick else LEFT) * weight[i] for i in range(count)),
                bare=(0.0,) * count if variant.scoring == "cloze" else (),
            )


def _texts(variant: Variant) -> Sequence[str]:
    symbol = variant.scoring == "symbol"
    return ["-"] * len(variant.shown.options) if symbol else variant.shown.options


def always(position: int) -> Pick:
    """That position, or the last one where there are fewer.

    Accuracy is the share of answers there; RStd is 43.3 points with four options.
    """
    return lambda variant: min(position, len(variant.shown.options) - 1)


def uniform(seed: int) -> Pick:
    """A position drawn at random for every text that is shown. Accuracy 1/n; RStd in its band."""

    def pick(variant: Variant) -> int:
        shown = variant.shown
        text = "\0".join(
            (shown.question_id, variant.perturbation, str(variant.part), *shown.symbols)
        )
        return seeded(seed, text).randrange(len(shown.options))

    return pick


def symbol(index: int) -> Pick:
    """The symbol with that index in its alphabet, wherever it stands, whichever alphabet it is.

    The last position where it is not shown.
    """
    wanted = {alphabet[index] for alphabet in (LETTERS, COMMON, RARE)}

    def pick(variant: Variant) -> int:
        symbols = variant.shown.symbols
        return next((i for i, s in enumerate(symbols) if s in wanted), len(symbols) - 1)

    return pick


def knows(share: float, seed: int, otherwise: Pick) -> Pick:
    """The right answer to that share of the questions, the other rule's pick for the rest.

    Which questions are known depends on (seed, question id) alone. Knowing k of them, else C:
    RStd is 43.3 (1 - k) points with four options.
    """

    def pick(variant: Variant) -> int:
        known = seeded(seed, f"known\0{variant.question_id}").random() < share
        return variant.shown.answer if known else otherwise(variant)

    return pick


def follows_hints(otherwise: Pick) -> Pick:
    """What an example states for the question itself; without such an example the other rule."""

    def pick(variant: Variant) -> int:
        for example in variant.examples:
            if example.question_id == variant.question_id:
                return variant.shown.order.index(example.order[example.answer])
        return otherwise(variant)

    return pick
