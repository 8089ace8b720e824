"""Variants and Scores of one run become its numbers: one Effect a perturbation, and remedies."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audit.battery import Battery, Plan
from audit.lengths import ByLength, by_length
from audit.perturbations import BASELINES, PERTURBATIONS
from audit.prompts import TEMPLATES
from audit.questions import floors
from audit.remedies import Remedy, remedies
from audit.responses import Responses, by_perturbation
from audit.scorers import Identity, Score
from audit.statistics import (
    DRAWS,
    Bools,
    Draws,
    Floats,
    Interval,
    Ints,
    Spread,
    cyclic_spread,
    flip_rate,
    holm,
    mcnemar,
    paired_interval,
    recalls,
    shares,
    spread,
    wilson,
)
from audit.variants import LETTERS


@dataclass(frozen=True, slots=True)
class Form:
    """What two runs must share before they are compared.

    Attributes:
        questions: name of the set; `question_ids` says which of them.
        prompts: digest of all templates, so that a reworded template is another form.
    """

    questions: str
    battery: str
    seed: int
    home: str
    shots: int
    prompts: str


@dataclass(frozen=True, slots=True)
class Change:
    """The difference to the baseline on the questions that both answered.

    Attributes:
        n: how many these are; `before`: the baseline's accuracy on them, in [0, 1].
        points: accuracy now minus before, in points, with its interval.
        p: McNemar's exact p, and adjusted over the battery; None for `order.cyclic`, which asks
            every question several times.
        flips: share of the questions whose pick is another option than before.
        plain_points: the same difference without the questions whose options name letters or say
            "all of the above", of which there are `plain_n`; None where there are none.
    """

    n: int
    before: float
    points: float
    interval: Interval
    p: float | None
    flips: float
    plain_n: int
    plain_points: float | None
    p_holm: float | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the scorer did under one perturbation or baseline.

    Attributes:
        n: responses that name an option; the next three do not and are no part of it.
        tied: responses that the seed decided.
        accuracy: in [0, 1], with its interval; None where nothing was answered.
        shares: share of the picks per shown position.
        recall: share of right answers per shown position of the right one; None for no question.
        confusion: responses by shown position of the right answer (rows) and of the pick.
        by_position: RStd and its band; None where the right answer stands still or the options
            are not shown.
        by_symbol: the same by the right answer's symbol; None unless symbols are shuffled.
        change: None for a baseline.
    """

    perturbation: str
    summary: str
    baseline: str
    n: int
    unparsed: int
    refused: int
    unmeasured: int
    tied: int
    accuracy: float | None
    interval: Interval
    shares: tuple[float, ...]
    recall: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_position: Spread | None
    by_symbol: Spread | None
    change: Change | None


@dataclass(frozen=True, slots=True)
class Results:
    """The numbers of one model's run.

    Attributes:
        correct: for each perturbation the share of its responses that are right, for each of
            `question_ids`; None where it was not asked or not answered.
        floors: accuracy of answering without reading.
        flags: how many questions carry each flag.
        left_out: perturbations that the set could not have, with the reason.
        warnings: what scorers warned of, each with how often.
    """

    identity: Identity
    form: Form
    question_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    effects: tuple[Effect, ...]
    remedies: tuple[Remedy, ...]
    correct: dict[str, tuple[float | None, ...]]
    floors: dict[str, float]
    flags: dict[str, int]
    left_out: dict[str, str]
    warnings: dict[str, int]
    by_length: tuple[ByLength, ...] = ()

    def effect(self, perturbation: str) -> Effect | None:
        """The Effect of that perturbation or baseline; None where the run did not have it."""
        return next((e for e in self.effects if e.perturbation == perturbation), None)


def evaluate(
    identity: Identity, battery: Battery, scores: Sequence[Score], draw_count: int = DRAWS
) -> Results:
    """The numbers of a run, or of its first Scores where it was stopped.

    `draw_count` is how many times each band and interval is drawn; fewer is faster.
    """
    plan = battery.plan
    draws = Draws(np.random.default_rng(plan.seed), draw_count)
    variants = battery.variants[: len(scores)]
    alphabets = (LETTERS, plan.common, plan.rare)
    responses = by_perturbation(battery.questions, variants, scores, alphabets)
    effects = [_effect(a, responses.get(a.baseline), draws) for a in responses.values()]
    ids = tuple(question.id for question in battery.questions)
    return Results(
        identity=identity,
        form=_form(battery.name, plan),
        question_ids=ids,
        subjects=tuple(question.subject for question in battery.questions),
        effects=tuple(_adjusted(effects)),
        remedies=remedies(variants, scores),
        correct={a.perturbation: a.per_question(ids) for a in responses.values()},
        floors=floors(battery.questions),
        flags=_counted(flag for question in battery.questions for flag in question.flags),
        left_out=battery.left_out,
        warnings=_counted(warning for score in scores for warning in score.warnings),
        by_length=by_length(variants, scores),
    )


def _form(name: str, plan: Plan) -> Form:
    prompts = hashlib.sha256(repr(sorted(TEMPLATES.items())).encode()).hexdigest()[:12]
    return Form(name, plan.battery, plan.seed, plan.home, plan.shots, prompts)


def _counted(things: Iterable[str]) -> dict[str, int]:
    return dict(Counter(things).most_common())


def _effect(responses: Responses, base: Responses | None, draws: Draws) -> Effect:
    known = PERTURBATIONS.get(responses.perturbation) or BASELINES[responses.perturbation]
    answered = responses.answered
    gold, correct = responses.gold[answered], responses.correct[answered]
    count = int(responses.options.max())
    hit = recalls(gold, correct, count)
    return Effect(
        perturbation=responses.perturbation,
        summary=known.summary,
        baseline=responses.baseline,
        n=int(answered.sum()),
        unparsed=responses.reasons.count("unparsed"),
        refused=responses.reasons.count("refused"),
        unmeasured=responses.reasons.count("not measurable"),
        tied=responses.tied,
        accuracy=float(correct.mean()) if len(correct) else None,
        interval=_accuracy_interval(responses, draws),
        shares=tuple(float(s) for s in shares(responses.pick, count)),
        recall=tuple(None if np.isnan(r) else float(r) for r in hit),
        confusion=_confusion(gold, responses.pick[answered], count),
        by_position=_by_position(responses, draws),
        by_symbol=_by_symbol(responses, draws),
        change=None if base is None else _change(responses, base, draws),
    )


def _accuracy_interval(responses: Responses, draws: Draws) -> Interval:
    if not responses.repeated or not responses.answered.any():
        return wilson(int(responses.correct.sum()), int(responses.answered.sum()))
    means = responses.means()
    subject = dict(zip(responses.ids, responses.subject, strict=True))
    values = np.array(list(means.values()))
    return paired_interval(values, np.array([subject[i] for i in means]), draws)


def _confusion(gold: Ints, pick: Ints, count: int) -> tuple[tuple[int, ...], ...]:
    table = np.bincount(gold * count + pick, minlength=count * count).reshape(count, count)
    return tuple(tuple(int(cell) for cell in row) for row in table)


def _by_position(responses: Responses, draws: Draws) -> Spread | None:
    answered = responses.answered
    if responses.scoring == "cloze" or not answered.any():
        return None
    if responses.repeated:
        tables = responses.rotations()
        return cyclic_spread(tables, draws) if tables else None
    return spread(
        responses.gold[answered], responses.correct[answered], responses.options[answered], draws
    )


def _by_symbol(responses: Responses, draws: Draws) -> Spread | None:
    answered = responses.answered
    if (responses.gold_symbol == responses.gold).all() or not answered.any():
        return None
    return spread(
        responses.gold_symbol[answered],
        responses.correct[answered],
        responses.options[answered],
        draws,
    )


def _change(responses: Responses, base: Responses, draws: Draws) -> Change | None:
    """The difference on the questions answered under both; None where there are none."""
    index = {question_id: i for i, question_id in enumerate(base.ids)}
    partner = np.array([index.get(question_id, -1) for question_id in responses.ids])
    both = responses.answered & (partner >= 0)
    both &= base.answered[partner]
    if not both.any():
        return None
    before, after = base.correct[partner[both]], responses.correct[both]
    differences, clusters, plain = _by_question(responses, both, before)
    points = differences * 100
    return Change(
        n=len(points),
        before=float(before.mean()),
        points=float(points.mean()),
        interval=paired_interval(points, clusters, draws),
        p=None if responses.repeated else mcnemar(before, after),
        flips=flip_rate(base.taken[partner[both]], responses.taken[both]),
        plain_n=int(plain.sum()),
        plain_points=float(points[plain].mean()) if plain.any() else None,
    )


def _by_question(responses: Responses, both: Bools, before: Bools) -> tuple[Floats, Ints, Bools]:
    """For each question: mean difference over its responses, subject, and whether it is plain."""
    ids = np.array(responses.ids)[both]
    _, first, member = np.unique(ids, return_index=True, return_inverse=True)
    gained = responses.correct[both].astype(np.float64) - before
    means = np.bincount(member, gained) / np.bincount(member)
    return means, responses.subject[both][first], responses.plain[both][first]


def _adjusted(effects: Sequence[Effect]) -> list[Effect]:
    """The effects with every p of the run, McNemar's and RStd's, adjusted as one family."""
    raw = [p for effect in effects for p in _raw(effect)]
    adjusted = iter(holm(raw))

    def next_if(p: float | None) -> float | None:
        return None if p is None else float(next(adjusted))

    return [
        replace(
            effect,
            by_position=effect.by_position
            and replace(effect.by_position, p_holm=next_if(effect.by_position.p)),
            by_symbol=effect.by_symbol
            and replace(effect.by_symbol, p_holm=next_if(effect.by_symbol.p)),
            change=effect.change and replace(effect.change, p_holm=next_if(effect.change.p)),
        )
        for effect in effects
    ]


def _raw(effect: Effect) -> list[float]:
    """The effect's p values in the order in which `_adjusted` takes them."""
    tests = (effect.by_position, effect.by_symbol, effect.change)
    return [test.p for test in tests if test and test.p is not None]
