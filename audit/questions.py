"""Multiple-choice questions, what is special about them, and samples of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from audit.variants import LETTERS

Flag = Literal["names letters", "all of the above", "duplicate options", "duplicate question"]
Kind = Literal["test", "example", "trivial", "ood"]

LEAST_OPTIONS = 2
MOST_OPTIONS = 10
KINDS: tuple[Kind, ...] = ("test", "example", "trivial", "ood")

# "All of the above", "none of these", "all the above": right only in some orders of the options.
_ALL_OF_THE_ABOVE = re.compile(
    r"\b(all|none|any|both|neither|either|some|most|each|two) (of )?(the )?"
    r"(above|below|these|those|them|following|others?|(other )?(options|answers|choices))\b"
    r"|\bthe above\b|^\W*(all|none|both|neither|either)\W*$",
    re.IGNORECASE,
)
# "Both A and C", "(B), (C) and (D).", "A or B only"; not "P(A and B)", not "vitamins A and D".
_NAMES_LETTERS = re.compile(
    r"^\W*((?i:both|either|neither|nor|only|options?|answers?|choices?)\s+)*"
    r"\(?[A-J]\)?((\s*,)?(\s+(and|or|nor|&))?\s*\(?\b[A-J]\)?)+"
    r"(?=\W*$|\s+(only|both|is|are)\b)"
    r"|\b(?i:both|either|neither|options?) \(?[A-Ja-j]\)?\.? (and|or|nor|&) \(?[A-Ja-j]\b"
)


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice item.

    Attributes:
        id: unique within its set, stable over runs.
        options: 2 to 10 texts, as they stand in the file.
        answer: index of the right option.
        subject: "" where the set has none.
        source: "file:line".
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


def checked(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The same questions with their flags; the second copy of a question is the duplicate."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    flagged = []
    for question in questions:
        key = (question.stem.strip(), question.options)
        flags = _flags(question.options)
        if key in seen:
            flags.add("duplicate question")
        seen.add(key)
        flagged.append(replace(question, flags=frozenset(flags)))
    return tuple(flagged)


def floors(questions: Sequence[Question]) -> dict[str, float]:
    """Accuracy, in [0, 1], of answering without reading: always one position, the longest text."""
    if not questions:
        return {}
    golds = Counter(question.answer for question in questions)
    count = len(questions)
    always = {f"always {LETTERS[i]}": golds[i] / count for i in range(max(golds) + 1)}
    longest = sum(_longest(question.options) == question.answer for question in questions)
    return {**always, "longest option": longest / count}


def sample(questions: Sequence[Question], count: int, seed: int) -> tuple[Question, ...]:
    """A seeded sample of that size, in the original order, each subject with its share.

    Shares are rounded by largest remainder; within a subject the questions with the least hash
    of (seed, id) are taken, so a larger sample of the same seed holds nearly all of a smaller one.
    """
    if count >= len(questions):
        return tuple(questions)
    subjects: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        subjects[question.subject].append(question)
    quotas = _quotas({name: len(members) for name, members in subjects.items()}, count)
    taken = {
        question.id
        for name, members in subjects.items()
        for question in sorted(members, key=lambda q: _rank(seed, q.id))[: quotas[name]]
    }
    return tuple(question for question in questions if question.id in taken)


def _rank(seed: int, question_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0sample\0{question_id}".encode()).digest()


def _quotas(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of each subject, proportional to its size, `count` together."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    quotas = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (quotas[name] - exact[name], name))
    for name in by_remainder[: count - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def _longest(options: Sequence[str]) -> int:
    return max(range(len(options)), key=lambda i: (len(options[i]), -i))


def _flags(options: Sequence[str]) -> set[Flag]:
    flags: set[Flag] = set()
    if any(_ALL_OF_THE_ABOVE.search(option) for option in options):
        flags.add("all of the above")
    if any(_NAMES_LETTERS.search(option) for option in options):
        flags.add("names letters")
    if len({option.strip() for option in options}) < len(options):
        flags.add("duplicate options")
    return flags
