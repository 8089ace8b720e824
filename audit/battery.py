"""Questions times perturbations: every Variant of a run, in a fixed order, by named batteries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from audit.perturbations import (
    BASELINES,
    COMMON,
    HOME,
    PERTURBATIONS,
    RARE,
    Materials,
    perturb,
    unperturbed,
)
from audit.questions import Question, QuestionSet, sample
from audit.variants import LETTERS, Variant

Home = Literal["symbol", "cloze"]

FIX = tuple(f"order.fix_{letter}" for letter in LETTERS)
FEWSHOT_FIX = tuple(f"fewshot.fix_{letter}" for letter in LETTERS)
RARE_PAIR = ("symbols.rare", "symbols.rare+shuffle_symbols", "symbols.rare+shuffle_texts")

BATTERIES: dict[str, tuple[str, ...]] = {
    "quick": (
        "order.swap",
        "order.shuffle_both",
        *FIX,
        *RARE_PAIR,
        "prompt.no_description",
        "scoring.symbol",
        "scoring.hybrid",
        "scoring.cloze",
        "fewshot.incorrect",
    ),
    "paper": tuple(PERTURBATIONS),
    "position": ("order.swap", "order.derange", "order.shuffle_both", "order.cyclic", *FIX),
    "symbols": ("order.shuffle_both", "symbols.common", *RARE_PAIR),
    "scoring": ("scoring.symbol", "scoring.hybrid", "scoring.cloze"),
    "fewshot": (
        *FEWSHOT_FIX,
        "fewshot.correct",
        "fewshot.incorrect",
        "fewshot.trivial",
        "fewshot.ood",
    ),
}

QUICK_QUESTIONS = 300


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask.

    Attributes:
        battery: a key of `BATTERIES`.
        max_samples: how many questions, sampled by subject; None for all, or 300 under "quick".
        home: the scoring that `scoring.*` is compared with: "symbol" as MMLU, "cloze" as ARC.
        shots: few-shot examples.
        swap: the permutation of `order.swap`.
    """

    battery: str = "quick"
    seed: int = 0
    max_samples: int | None = None
    home: Home = "symbol"
    shots: int = 5
    common: tuple[str, ...] = COMMON
    rare: tuple[str, ...] = RARE
    swap: tuple[int, ...] = (3, 2, 1, 0)


@dataclass(frozen=True, slots=True)
class Battery:
    """All Variants of a run.

    Attributes:
        name: of the question set.
        questions: those asked, in the order asked.
        variants: question by question, a question's baselines first.
        left_out: perturbations that this set cannot have, with the reason.
    """

    name: str
    plan: Plan
    questions: tuple[Question, ...]
    variants: tuple[Variant, ...]
    left_out: dict[str, str]


def build(questions: QuestionSet, plan: Plan) -> Battery:
    """The Variants of that plan: the same plan and set give the same Variants in the same order.

    Questions stand by subject, so that neighbours share their few-shot examples.

    Raises:
        ValueError: no battery has that name, or the permutation of `order.swap` is none.
    """
    _check(plan)
    asked = _asked(questions.test, plan)
    left_out = _left_out(questions, asked, plan)
    names = [
        name
        for name in BATTERIES[plan.battery]
        if name != f"scoring.{plan.home}" and name not in left_out
    ]
    pools = _pools(questions, plan)
    variants = tuple(
        variant
        for question in asked
        for variant in _variants(question, names, pools.materials(question), plan)
    )
    return Battery(questions.name, plan, asked, variants, left_out)


def _check(plan: Plan) -> None:
    if plan.battery not in BATTERIES:
        raise ValueError(f"no battery is called {plan.battery!r}; there are {', '.join(BATTERIES)}")
    if sorted(plan.swap) != list(range(len(plan.swap))):
        raise ValueError(f"swap is {plan.swap}, which is no permutation of positions from 0")
    if plan.shots < 1:
        raise ValueError(f"shots is {plan.shots}; few-shot perturbations need at least 1")
    for name, symbols in (("common", plan.common), ("rare", plan.rare)):
        if len(set(symbols)) < len(symbols):
            raise ValueError(f"{name} symbols are {symbols}; each may stand only once")


def _asked(test: Sequence[Question], plan: Plan) -> tuple[Question, ...]:
    count = plan.max_samples
    if count is None:
        count = QUICK_QUESTIONS if plan.battery == "quick" else len(test)
    taken = sample(test, count, plan.seed)
    return tuple(sorted(taken, key=lambda question: question.subject))


def _baseline(name: str, home: Home) -> str:
    """The perturbation's baseline, with the set's usual scoring filled in."""
    baseline = PERTURBATIONS[name].baseline
    return f"{home}.0shot" if baseline == HOME else baseline


def _left_out(questions: QuestionSet, asked: Sequence[Question], plan: Plan) -> dict[str, str]:
    """The battery's perturbations that cannot be asked, each with what is missing."""
    most = max(len(question.options) for question in asked) if asked else 0
    fewest = min(len(questions.examples), _fewest_others(questions.examples, asked))
    lacks = {
        "fewshot.": _too_few("examples", fewest, plan.shots),
        "fewshot.trivial": _too_few("trivial questions", len(questions.trivial), plan.shots),
        "fewshot.ood": _too_few("out-of-domain questions", len(questions.ood), plan.shots),
        "symbols.common": _too_few("symbols", len(plan.common), most),
        "symbols.rare": _too_few("symbols", len(plan.rare), most),
    }
    reasons = {
        name: [why for prefix, why in lacks.items() if why and name.startswith(prefix)]
        for name in BATTERIES[plan.battery]
    }
    return {name: whys[0] for name, whys in reasons.items() if whys}


def _fewest_others(examples: Sequence[Question], asked: Sequence[Question]) -> int:
    """How many examples the question has that is itself among them."""
    stems = {question.stem for question in asked}
    return len(examples) - any(example.stem in stems for example in examples)


def _too_few(things: str, count: int, needed: int) -> str:
    return f"{count} {things} of {needed}" if count < needed else ""


@dataclass(frozen=True, slots=True)
class _Pools:
    """Examples by subject, and the rest of what perturbations draw on."""

    by_subject: dict[str, list[Question]]
    everything: Materials
    shots: int

    def materials(self, question: Question) -> Materials:
        """The first examples of its own subject, then of the others; never the question itself."""
        own = self.by_subject.get(question.subject, [])
        others = (e for e in self.everything.examples if e.subject != question.subject)
        examples = _first(self.shots, (*own, *others), question)
        return replace(self.everything, examples=examples)


def _first(count: int, pool: Iterable[Question], question: Question) -> tuple[Question, ...]:
    others = [example for example in pool if example.stem != question.stem]
    return tuple(others[:count])


def _pools(questions: QuestionSet, plan: Plan) -> _Pools:
    by_subject: dict[str, list[Question]] = defaultdict(list)
    for example in questions.examples:
        by_subject[example.subject].append(example)
    everything = Materials(
        examples=questions.examples,
        trivial=questions.trivial[: plan.shots],
        ood=questions.ood[: plan.shots],
        common=plan.common,
        rare=plan.rare,
        swap=plan.swap,
    )
    return _Pools(by_subject, everything, plan.shots)


def _variants(
    question: Question, names: Sequence[str], materials: Materials, plan: Plan
) -> Iterator[Variant]:
    """The question's baselines that are needed, then its perturbations."""
    needed = {_baseline(name, plan.home) for name in names}
    forms = {
        name: unperturbed(question, name, materials, plan.seed)
        for name in BASELINES
        if name in needed and _allowed(question, BASELINES[name].scoring)
    }
    yield from forms.values()
    for name in names:
        base = forms.get(_baseline(name, plan.home))
        if base is None:
            continue
        for variant in perturb(base, name, materials):
            if _allowed(question, variant.scoring):
                yield variant
                forms.setdefault(name, variant)


def _allowed(question: Question, scoring: str) -> bool:
    """Whether the question can be scored that way: equal texts cannot be told apart by text."""
    return scoring == "symbol" or "duplicate options" not in question.flags
