"""One contract for all perturbations, then what each does exactly."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from audit.perturbations import BASELINES, PERTURBATIONS, RARE, Materials, perturb, unperturbed
from audit.prompts import TEMPLATES
from audit.variants import LETTERS, Variant
from tests.audit.worlds import question, world


def materials(options: int = 4) -> Materials:
    pool = world(1, options)
    return Materials(examples=pool.examples[:5], trivial=pool.trivial[:5], ood=pool.ood[:5])


def base_of(name: str, number: int = 7, options: int = 4, seed: int = 0) -> Variant:
    """The Variant that the perturbation starts from."""
    baseline = PERTURBATIONS[name].baseline
    if baseline in PERTURBATIONS:
        return perturb(base_of(baseline, number, options, seed), baseline, materials(options))[0]
    known = baseline if baseline in BASELINES else "symbol.0shot"
    return unperturbed(question(number, options), known, materials(options), seed)


def forms(name: str, number: int = 7, options: int = 4, seed: int = 0) -> tuple[Variant, ...]:
    return perturb(base_of(name, number, options, seed), name, materials(options))


@pytest.mark.parametrize("options", range(2, 11))
@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_perturbation_keeps_the_right_answer_right(name: str, options: int):
    for number in range(12):
        asked = question(number, options)
        for variant in forms(name, number, options):
            shown = variant.shown
            assert sorted(shown.order) == list(range(options))
            assert shown.options == tuple(asked.options[i] for i in shown.order)
            assert shown.order[shown.answer] == asked.answer
            assert len(shown.symbols) == len(set(shown.symbols)) == options
            assert variant.question_id == asked.id
            assert variant.perturbation == name
            assert variant.baseline == base_of(name, number, options).perturbation
            assert variant.template in TEMPLATES


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_perturbation_is_the_same_for_the_same_seed(name: str):
    assert forms(name, seed=5) == forms(name, seed=5)
    assert all(form.seed == 5 for form in forms(name, seed=5))


RANDOM = [
    "order.derange",
    "order.shuffle_both",
    "symbols.rare+shuffle_symbols",
    "symbols.rare+shuffle_texts",
    "fewshot.incorrect",
]


@pytest.mark.parametrize("name", RANDOM)
def test_random_perturbations_differ_between_seeds_and_questions(name: str):
    def drawn(number: int, seed: int) -> object:
        (form,) = forms(name, number, 8, seed)
        stated = [e.answer for e in form.examples]
        return (
            form.shown.order,
            [RARE.index(s) if s in RARE else s for s in form.shown.symbols],
            stated,
        )

    assert len({str(drawn(1, seed)) for seed in range(5)}) > 1
    assert len({str(drawn(number * 8, 0)) for number in range(5)}) > 1


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no perturbation is called 'order\.x'; there are order"):
        perturb(base_of("order.swap"), "order.x", materials())


def test_swap_turns_the_positions_around_unless_told_otherwise():
    assert forms("order.swap")[0].shown.order == (3, 2, 1, 0)
    assert forms("order.swap", options=5)[0].shown.order == (4, 3, 2, 1, 0)
    other = perturb(base_of("order.swap"), "order.swap", Materials(swap=(1, 0, 3, 2)))
    assert other[0].shown.order == (1, 0, 3, 2)


@pytest.mark.parametrize("options", range(2, 11))
def test_derange_leaves_no_option_in_its_place(options: int):
    for number in range(30):
        (form,) = forms("order.derange", number, options)
        assert all(i != original for i, original in enumerate(form.shown.order))


def test_shuffle_both_keeps_every_text_beside_its_symbol():
    (form,) = forms("order.shuffle_both")
    assert [LETTERS[i] for i in form.shown.order] == list(form.shown.symbols)


def test_shuffled_symbols_leave_the_texts_and_shuffled_texts_the_symbols():
    (symbols,) = forms("symbols.rare+shuffle_symbols", 3, 8)
    (texts,) = forms("symbols.rare+shuffle_texts", 3, 8)
    assert symbols.shown.order == tuple(range(8))
    assert symbols.shown.symbols != RARE[:8]
    assert sorted(symbols.shown.symbols) == sorted(RARE[:8])
    assert texts.shown.order != tuple(range(8))
    assert texts.shown.symbols == RARE[:8]


def test_cyclic_puts_every_option_at_every_position_once():
    turns = forms("order.cyclic", options=5)
    assert [form.part for form in turns] == [0, 1, 2, 3, 4]
    assert turns[0].shown.order == (0, 1, 2, 3, 4)
    for position in range(5):
        assert {form.shown.order[position] for form in turns} == {0, 1, 2, 3, 4}
    assert all((b.shown.order[0] - a.shown.order[0]) % 5 == 1 for a, b in pairwise(turns))


@pytest.mark.parametrize("options", range(2, 11))
def test_fix_swaps_the_answer_in_and_moves_nothing_else(options: int):
    for position, letter in enumerate(LETTERS):
        fixed = forms(f"order.fix_{letter}", 5, options)
        if position >= options:
            assert fixed == ()
            continue
        assert fixed[0].shown.answer == position
        moved = [i for i, original in enumerate(fixed[0].shown.order) if i != original]
        assert len(moved) in {0, 2}


def test_fewshot_fix_moves_the_examples_alone():
    base = base_of("fewshot.fix_B")
    (form,) = forms("fewshot.fix_B")
    assert form.shown == base.shown
    assert [example.answer for example in form.examples] == [1] * 5
    for before, after in zip(base.examples, form.examples, strict=True):
        assert after.options[1] == before.options[before.answer]


@pytest.mark.parametrize(
    ("name", "right"), [("fewshot.correct", True), ("fewshot.incorrect", False)]
)
def test_a_hint_takes_the_place_of_one_example(name: str, *, right: bool):
    base = base_of(name)
    (form,) = forms(name)
    planted = [e for e in form.examples if e.question_id == form.question_id]
    assert len(planted) == 1
    assert len(form.examples) == len(base.examples)
    assert (planted[0].answer == form.shown.answer) is right
    assert replace(planted[0], answer=form.shown.answer) == form.shown


def test_other_examples_take_the_place_of_all():
    for name, stem in (("fewshot.trivial", "200"), ("fewshot.ood", "300")):
        (form,) = forms(name)
        assert len(form.examples) == 5
        assert all(stem in example.stem for example in form.examples)
