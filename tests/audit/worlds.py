"""Small question sets for the audit's tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from audit.questions import Question, QuestionSet
from audit.scorers import Identity, Score, Spent
from audit.variants import Variant


def question(number: int, options: int = 4, answer: int | None = None, **fields: str) -> Question:
    texts = tuple(f"thing {number} {'abcdefghij'[i] * (i + 1)}" for i in range(options))
    return Question(
        id=fields.get("id", f"q{number}"),
        stem=f"Which thing is number {number}?",
        options=texts,
        answer=number % options if answer is None else answer,
        subject=fields.get("subject", f"subject {number % 6}"),
    )


def world(count: int = 120, options: int = 4, seed: int = 0) -> QuestionSet:
    """Questions over six subjects, answers anywhere, and every kind of examples."""
    rng = Random(seed)
    return QuestionSet(
        name="world",
        test=tuple(question(i, options, rng.randrange(options)) for i in range(count)),
        examples=tuple(
            question(1000 + i, options, rng.randrange(options), subject=f"subject {i % 6}")
            for i in range(36)
        ),
        trivial=tuple(question(2000 + i, options) for i in range(6)),
        ood=tuple(question(3000 + i, options) for i in range(6)),
    )


@dataclass
class CountingScorer:
    """Gives every option a value of its own and remembers what it was asked.

    Attributes:
        fail_after: raises KeyboardInterrupt, as Ctrl+C does, after that many.
    """

    fail_after: int = 10**9
    asked: list[Variant] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        return Identity("counting", revision="1", dtype="float32")

    @property
    def spent(self) -> Spent:
        return Spent()

    def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
        for variant in variants:
            if len(self.asked) >= self.fail_after:
                raise KeyboardInterrupt
            self.asked.append(variant)
            yield score_of(variant)


def score_of(variant: Variant) -> Score:
    rng = Random(repr(variant.shown))
    return Score(
        loglik=tuple(-10 * rng.random() for _ in variant.shown.options),
        tokens=(1,) * len(variant.shown.options),
        warnings=("cut",) if variant.examples else (),
    )
