"""Perturbations: changes of a question's form that keep its right answer right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from audit.questions import Question
from audit.variants import LETTERS, Scoring, Shown, Variant, seeded, show

COMMON = ("$", "&", "#", "@", "%", "*", "+", "=", "!", "?")
RARE = ("œ", "§", "Зе", "ü", "þ", "ø", "¿", "ð", "ß", "æ")

HOME = "home"  # stands for the baseline of the set's usual scoring: symbol for MMLU, cloze for ARC


@dataclass(frozen=True, slots=True)
class Materials:
    """What a perturbation may draw on.

    Attributes:
        examples: the few-shot examples for the question at hand, as many as there are shots.
        trivial, ood: examples to put in their place.
        swap: the fixed permutation of `order.swap`; it holds for questions with that many
            options, and the others' positions are reversed.
    """

    examples: tuple[Question, ...] = ()
    trivial: tuple[Question, ...] = ()
    ood: tuple[Question, ...] = ()
    common: tuple[str, ...] = COMMON
    rare: tuple[str, ...] = RARE
    swap: tuple[int, ...] = (3, 2, 1, 0)


Change = Callable[[Variant, Random, Materials], Sequence[Variant]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """An unperturbed form of asking."""

    summary: str
    scoring: Scoring = "symbol"
    few_shot: bool = False


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A change and what its effect is measured against.

    Attributes:
        summary: what it does, for the report.
        baseline: a key of `BASELINES` or of `PERTURBATIONS`; the change starts from its Variant.
        change: the Variant's perturbed forms: one, all rotations for `order.cyclic`, none where
            the question has too few options for it.
    """

    summary: str
    baseline: str
    change: Change


def unperturbed(question: Question, name: str, materials: Materials, seed: int) -> Variant:
    """The question in that unperturbed form."""
    baseline = BASELINES[name]
    examples = materials.examples if baseline.few_shot else ()
    return Variant(
        shown=show(question),
        perturbation=name,
        scoring=baseline.scoring,
        examples=tuple(show(example) for example in examples),
        seed=seed,
    )


def _swap(variant: Variant, _: Random, materials: Materials) -> list[Variant]:
    count = len(variant.shown.options)
    fits = len(materials.swap) == count
    return [_moved(variant, materials.swap if fits else range(count)[::-1])]


def _derange(variant: Variant, rng: Random, _: Materials) -> list[Variant]:
    permutation = _shuffled(variant, rng)
    # One try in e succeeds, whatever the number of options.
    while any(i == moved for i, moved in enumerate(permutation)):
        permutation = _shuffled(variant, rng)
    return [_moved(variant, permutation)]


def _shuffle_both(variant: Variant, rng: Random, _: Materials) -> list[Variant]:
    permutation = _shuffled(variant, rng)
    symbols = [variant.shown.symbols[i] for i in permutation]
    shown = variant.shown.with_texts(permutation).with_symbols(symbols)
    return [replace(variant, shown=shown)]


def _shuffle_symbols(variant: Variant, rng: Random, _: Materials) -> list[Variant]:
    symbols = [variant.shown.symbols[i] for i in _shuffled(variant, rng)]
    return [replace(variant, shown=variant.shown.with_symbols(symbols))]


def _shuffle_texts(variant: Variant, rng: Random, _: Materials) -> list[Variant]:
    return [_moved(variant, _shuffled(variant, rng))]


def _cyclic(variant: Variant, _: Random, __: Materials) -> list[Variant]:
    positions = list(range(len(variant.shown.options)))
    return [
        replace(_moved(variant, positions[turn:] + positions[:turn]), part=turn)
        for turn in positions
    ]


def _fix(variant: Variant, _: Random, __: Materials, *, position: int) -> list[Variant]:
    fixed = _answer_at(variant.shown, position)
    return [replace(variant, shown=fixed)] if fixed else []


def _fix_examples(variant: Variant, _: Random, __: Materials, *, position: int) -> list[Variant]:
    fixed = [_answer_at(example, position) for example in variant.examples]
    examples = tuple(example for example in fixed if example)
    return [replace(variant, examples=examples)] if len(examples) == len(fixed) else []


def _plant(variant: Variant, rng: Random, _: Materials, *, right: bool) -> list[Variant]:
    """The target question itself takes the place of one of the examples."""
    wrong = [i for i in range(len(variant.shown.options)) if i != variant.shown.answer]
    stated = variant.shown.answer if right else rng.choice(wrong)
    examples = list(variant.examples)
    examples[rng.randrange(len(examples))] = replace(variant.shown, answer=stated)
    return [replace(variant, examples=tuple(examples))]


def _trivial(variant: Variant, _: Random, materials: Materials) -> list[Variant]:
    return [replace(variant, examples=tuple(show(example) for example in materials.trivial))]


def _ood(variant: Variant, _: Random, materials: Materials) -> list[Variant]:
    return [replace(variant, examples=tuple(show(example) for example in materials.ood))]


def _common(variant: Variant, _: Random, materials: Materials) -> list[Variant]:
    return [replace(variant, shown=variant.shown.with_symbols(materials.common))]


def _rare(variant: Variant, _: Random, materials: Materials) -> list[Variant]:
    return [replace(variant, shown=variant.shown.with_symbols(materials.rare))]


def _template(variant: Variant, _: Random, __: Materials, *, name: str) -> list[Variant]:
    return [replace(variant, template=name)]


def _scored(variant: Variant, _: Random, __: Materials, *, scoring: Scoring) -> list[Variant]:
    return [replace(variant, scoring=scoring)]


def _shuffled(variant: Variant, rng: Random) -> list[int]:
    return rng.sample(range(len(variant.shown.options)), len(variant.shown.options))


def _moved(variant: Variant, permutation: Sequence[int]) -> Variant:
    return replace(variant, shown=variant.shown.with_texts(permutation))


def _answer_at(shown: Shown, position: int) -> Shown | None:
    """The answer's text and the one at that position change places; None: no such position."""
    if position >= len(shown.options):
        return None
    permutation = list(range(len(shown.options)))
    permutation[position], permutation[shown.answer] = shown.answer, position
    return shown.with_texts(permutation)


def _prompt(summary: str, name: str) -> Perturbation:
    return Perturbation(summary, "symbol.0shot", partial(_template, name=name))


BASELINES: dict[str, Baseline] = {
    "symbol.0shot": Baseline("symbol scoring, no examples"),
    "symbol.fewshot": Baseline("symbol scoring, with examples", few_shot=True),
    "cloze.0shot": Baseline("cloze scoring, no examples", scoring="cloze"),
}

PERTURBATIONS: dict[str, Perturbation] = {
    "order.swap": Perturbation("the same new order for every question", "symbol.0shot", _swap),
    "order.derange": Perturbation("no option stays in its place", "symbol.0shot", _derange),
    "order.shuffle_both": Perturbation(
        "symbols and texts shuffled together", "symbol.0shot", _shuffle_both
    ),
    "order.cyclic": Perturbation("all rotations of the options", "symbol.0shot", _cyclic),
    **{
        f"order.fix_{letter}": Perturbation(
            f"the right answer always at {letter}", "symbol.0shot", partial(_fix, position=i)
        )
        for i, letter in enumerate(LETTERS)
    },
    **{
        f"fewshot.fix_{letter}": Perturbation(
            f"the examples' answers always at {letter}",
            "symbol.fewshot",
            partial(_fix_examples, position=i),
        )
        for i, letter in enumerate(LETTERS)
    },
    "symbols.common": Perturbation("$ & # @ instead of letters", "symbol.0shot", _common),
    "symbols.rare": Perturbation("rare symbols instead of letters", "symbol.0shot", _rare),
    "symbols.rare+shuffle_symbols": Perturbation(
        "rare symbols shuffled, texts in place", "symbols.rare", _shuffle_symbols
    ),
    "symbols.rare+shuffle_texts": Perturbation(
        "texts shuffled, rare symbols in place", "symbols.rare", _shuffle_texts
    ),
    "prompt.no_description": _prompt("no description at the head", "no_description"),
    "prompt.question": _prompt("“Question:” before the question", "question"),
    "prompt.choices": _prompt("“Choices:” before the options", "choices"),
    "prompt.options": _prompt("“Options:” before the options", "options"),
    "prompt.question_choices": _prompt("“Question:” and “Choices:”", "question_choices"),
    "prompt.question_options": _prompt("“Question:” and “Options:”", "question_options"),
    "prompt.parentheses": _prompt("(A) instead of A.", "parentheses"),
    "prompt.parenthesis": _prompt("A) instead of A.", "parenthesis"),
    "prompt.space": _prompt("one more space after each symbol", "space"),
    "prompt.newline": _prompt("one more line before “Answer:”", "newline"),
    "scoring.symbol": Perturbation(
        "scored by the symbol", HOME, partial(_scored, scoring="symbol")
    ),
    "scoring.hybrid": Perturbation(
        "scored by the option's text, options shown", HOME, partial(_scored, scoring="hybrid")
    ),
    "scoring.cloze": Perturbation(
        "scored by the option's text, options not shown", HOME, partial(_scored, scoring="cloze")
    ),
    "fewshot.correct": Perturbation(
        "the question and its answer among the examples",
        "symbol.fewshot",
        partial(_plant, right=True),
    ),
    "fewshot.incorrect": Perturbation(
        "the question and a wrong answer among the examples",
        "symbol.fewshot",
        partial(_plant, right=False),
    ),
    "fewshot.trivial": Perturbation("very easy examples", "symbol.fewshot", _trivial),
    "fewshot.ood": Perturbation("examples of another domain", "symbol.fewshot", _ood),
}


def perturb(variant: Variant, name: str, materials: Materials) -> tuple[Variant, ...]:
    """The baseline's Variant after that perturbation, seeded by (seed, question id).

    Raises:
        ValueError: no perturbation has that name.
    """
    if name not in PERTURBATIONS:
        known = ", ".join(PERTURBATIONS)
        raise ValueError(f"no perturbation is called {name!r}; there are {known}")
    rng = seeded(variant.seed, variant.question_id)
    changed = PERTURBATIONS[name].change(variant, rng, materials)
    return tuple(
        replace(form, perturbation=name, baseline=variant.perturbation) for form in changed
    )
