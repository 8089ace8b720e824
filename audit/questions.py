"""Multiple-choice questions: readers for every accepted format, and the checks on bad data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Flag = Literal["names letters", "all of the above", "duplicate options", "duplicate question"]

LEAST_OPTIONS = 2
MOST_OPTIONS = 10


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice item.

    Attributes:
        id: unique within its set, stable over runs.
        options: 2 to 10 texts, as they stand in the file.
        answer: index of the right option.
        subject: "" where the set has none.
        source: where it comes from, "file:line" or the set's name.
        flags: what is wrong with it, or special about it.
    """

    id: str
    stem: str
    options: tuple[str, ...]
    answer: int
    subject: str = ""
    source: str = ""
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions by use: to be asked, as few-shot examples, as very easy or far-off examples."""

    name: str
    test: tuple[Question, ...]
    examples: tuple[Question, ...] = ()
    trivial: tuple[Question, ...] = ()
    ood: tuple[Question, ...] = ()
