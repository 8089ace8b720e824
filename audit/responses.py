"""The questions asked under one perturbation, with their answers, as arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audit.perturbations import BASELINES, PERTURBATIONS
from audit.questions import Question
from audit.scorers import Choice, Reason, Score, choose
from audit.statistics import Bools, Ints
from audit.variants import Variant

SPECIAL = frozenset({"names letters", "all of the above"})


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """The questions asked under one perturbation: arrays of equal length, in the order asked.

    Attributes:
        pick, taken: shown position and original index of the pick; -1 for none.
        subject: index of the subject; `plain`: nothing special about the question's options.
    """

    perturbation: str
    baseline: str
    scoring: str
    ids: tuple[str, ...]
    reasons: tuple[Reason, ...]
    gold: Ints
    pick: Ints
    taken: Ints
    gold_symbol: Ints
    options: Ints
    subject: Ints
    plain: Bools
    tied: int

    @property
    def answered(self) -> Bools:
        """Which responses name an option."""
        return np.asarray(self.pick >= 0)

    @property
    def correct(self) -> Bools:
        """Which responses are right."""
        return np.asarray(self.pick == self.gold)

    @property
    def repeated(self) -> bool:
        """Whether a question is asked more than once."""
        return len(set(self.ids)) < len(self.ids)

    def rotations(self) -> list[Bools]:
        """Whether each question was right with its answer at each position: a table for each size.

        A size is a number of options. Questions without an answer in some rotation are left out.
        """
        places: dict[str, dict[int, bool]] = defaultdict(dict)
        options = dict(zip(self.ids, self.options, strict=True))
        rows = zip(self.ids, self.gold, self.correct, self.answered, strict=True)
        for question_id, gold, correct, answered in rows:
            if answered:
                places[question_id][int(gold)] = bool(correct)
        tables: dict[int, list[list[bool]]] = defaultdict(list)
        for question_id, right in places.items():
            count = int(options[question_id])
            if len(right) == count:
                tables[count].append([right[i] for i in range(count)])
        return [np.array(table) for table in tables.values()]

    def means(self) -> dict[str, float]:
        """Share of right answers for each question that has an answer."""
        right: dict[str, list[bool]] = defaultdict(list)
        for question_id, correct, answered in zip(
            self.ids, self.correct, self.answered, strict=True
        ):
            if answered:
                right[question_id].append(bool(correct))
        return {question_id: float(np.mean(values)) for question_id, values in right.items()}

    def per_question(self, ids: Sequence[str]) -> tuple[float | None, ...]:
        """The same for each of these questions; None for one without an answer."""
        means = self.means()
        return tuple(means.get(question_id) for question_id in ids)


def by_perturbation(
    questions: Sequence[Question],
    variants: Sequence[Variant],
    scores: Sequence[Score],
    alphabets: Sequence[Sequence[str]],
) -> dict[str, Responses]:
    """The responses of each perturbation, baselines first, in the order of their tables.

    `alphabets` are all symbols that may be shown, each in its own order.
    """
    names = sorted({question.subject for question in questions})
    known = _Known(
        alphabets=alphabets,
        subjects={name: i for i, name in enumerate(names)},
        plain={question.id: not question.flags & SPECIAL for question in questions},
    )
    rows: dict[str, list[tuple[Variant, Choice]]] = defaultdict(list)
    for variant, score in zip(variants, scores, strict=True):
        rows[variant.perturbation].append((variant, choose(variant, score)))
    order = (*BASELINES, *PERTURBATIONS)
    return {name: _responses(rows[name], known) for name in order if name in rows}


@dataclass(frozen=True, slots=True)
class _Known:
    """What all responses of a run share."""

    alphabets: Sequence[Sequence[str]]
    subjects: dict[str, int]
    plain: dict[str, bool]


def _responses(pairs: Sequence[tuple[Variant, Choice]], known: _Known) -> Responses:
    """The responses of one perturbation."""
    first, _ = pairs[0]
    return Responses(
        perturbation=first.perturbation,
        baseline=first.baseline,
        scoring=first.scoring,
        ids=tuple(v.question_id for v, _ in pairs),
        reasons=tuple(c.reason for _, c in pairs),
        gold=np.array([v.shown.answer for v, _ in pairs]),
        pick=np.array([-1 if c.position is None else c.position for _, c in pairs]),
        taken=np.array([_taken(v, c) for v, c in pairs]),
        gold_symbol=np.array([_symbol(v, known.alphabets) for v, _ in pairs]),
        options=np.array([len(v.shown.options) for v, _ in pairs]),
        subject=np.array([known.subjects[v.shown.subject] for v, _ in pairs]),
        plain=np.array([known.plain[v.question_id] for v, _ in pairs]),
        tied=sum(c.tied for _, c in pairs),
    )


def _taken(variant: Variant, choice: Choice) -> int:
    """Original index of the option taken; -1 for none."""
    return -1 if choice.position is None else variant.shown.order[choice.position]


def _symbol(variant: Variant, alphabets: Sequence[Sequence[str]]) -> int:
    """Index, in the alphabet that is shown, of the right answer's symbol."""
    symbols = variant.shown.symbols
    alphabet = next(a for a in alphabets if set(symbols) == set(a[: len(symbols)]))
    return list(alphabet).index(symbols[variant.shown.answer])
