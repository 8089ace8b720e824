"""A question as one perturbation shows it, with the way back to the original options."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.questions import Question

Scoring = Literal["symbol", "hybrid", "cloze"]

LETTERS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")


@dataclass(frozen=True, slots=True)
class Shown:
    """A question as it is laid out on the page.

    Attributes:
        options: the texts in shown order.
        symbols: the symbol beside each of them, in shown order.
        order: for each shown position the index of that option in the original question.
        answer: shown position of the answer: the right one, except in an example that
            `fewshot.incorrect` plants, where it is the one that the example states.
    """

    question_id: str
    subject: str
    stem: str
    options: tuple[str, ...]
    symbols: tuple[str, ...]
    order: tuple[int, ...]
    answer: int

    def with_texts(self, permutation: Sequence[int]) -> Shown:
        """The texts in a new order, the symbols in place; `permutation[i]` moves to position i."""
        return replace(
            self,
            options=tuple(self.options[i] for i in permutation),
            order=tuple(self.order[i] for i in permutation),
            answer=list(permutation).index(self.answer),
        )

    def with_symbols(self, symbols: Sequence[str]) -> Shown:
        """The texts in place beside these symbols, one for each option."""
        return replace(self, symbols=tuple(symbols)[: len(self.options)])


@dataclass(frozen=True, slots=True)
class Variant:
    """One question after one perturbation: all that decides the text which the model sees.

    Attributes:
        perturbation: a key of `PERTURBATIONS`, or of `BASELINES` for the unperturbed one.
        baseline: what it is compared with; "" for a baseline.
        template: a key of `TEMPLATES`.
        examples: the few-shot examples in the order shown.
        part: which rotation of `order.cyclic`; 0 elsewhere.
    """

    shown: Shown
    perturbation: str
    baseline: str = ""
    scoring: Scoring = "symbol"
    template: str = "mmlu"
    examples: tuple[Shown, ...] = ()
    part: int = 0
    seed: int = 0

    @property
    def question_id(self) -> str:
        """Which question it shows."""
        return self.shown.question_id


def show(question: Question, symbols: Sequence[str] = LETTERS) -> Shown:
    """The question unperturbed: options in their own order beside the first symbols."""
    count = len(question.options)
    return Shown(
        question_id=question.id,
        subject=question.subject,
        stem=question.stem,
        options=question.options,
        symbols=tuple(symbols)[:count],
        order=tuple(range(count)),
        answer=question.answer,
    )


def seeded(seed: int, question_id: str) -> Random:
    """A generator that depends on these two alone: the same on every machine and in every run."""
    digest = hashlib.sha256(f"{seed}\0{question_id}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))
