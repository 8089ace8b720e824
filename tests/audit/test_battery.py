"""Which Variants a plan makes, in which order, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from audit.battery import BATTERIES, Plan, build
from audit.perturbations import BASELINES, PERTURBATIONS
from audit.questions import QuestionSet, checked
from tests.audit.worlds import question, world


@pytest.mark.parametrize("battery", BATTERIES)
def test_the_same_plan_gives_the_same_variants(battery: str):
    plan = Plan(battery, seed=2, max_samples=20)
    assert build(world(), plan) == build(world(), plan)
    assert build(world(), plan).left_out == {}


@pytest.mark.parametrize("battery", BATTERIES)
def test_every_variant_comes_once_and_after_its_baseline(battery: str):
    seen: set[tuple[str, str, int]] = set()
    for variant in build(world(30), Plan(battery)).variants:
        key = (variant.question_id, variant.perturbation, variant.part)
        assert key not in seen
        assert not variant.baseline or (variant.question_id, variant.baseline, 0) in seen
        seen.add(key)


def test_paper_holds_every_perturbation_that_the_options_allow():
    names = {variant.perturbation for variant in build(world(30), Plan("paper")).variants}
    beyond = {f"{kind}.fix_{letter}" for kind in ("order", "fewshot") for letter in "EFGHIJ"}
    assert names - set(BASELINES) == set(PERTURBATIONS) - beyond - {"scoring.symbol"}


def test_ten_options_are_perturbed_at_every_position():
    names = {v.perturbation for v in build(world(12, options=10), Plan("paper")).variants}
    assert "order.fix_J" in names
    assert "fewshot.fix_J" in names


def test_questions_stand_by_subject_and_their_variants_together():
    variants = build(world(60), Plan("position")).variants
    subjects = [variant.shown.subject for variant in variants]
    assert subjects == sorted(subjects)
    ids = [variant.question_id for variant in variants]
    changes = sum(a != b for a, b in pairwise(ids))
    assert changes == 59


def test_quick_takes_a_sample_and_the_others_all():
    assert len(build(world(400), Plan("quick")).questions) == 300
    assert len(build(world(400), Plan("scoring")).questions) == 400
    assert len(build(world(400), Plan("scoring", max_samples=7)).questions) == 7


def test_examples_are_of_the_subject_first_and_never_the_question():
    questions = world(12)
    asked_too = replace(questions, examples=(questions.test[0], *questions.examples))
    for variant in build(asked_too, Plan("fewshot", shots=5)).variants:
        if variant.perturbation == "symbol.fewshot":
            assert len(variant.examples) == 5
            assert {e.subject for e in variant.examples} == {variant.shown.subject}
            assert variant.shown.stem not in {e.stem for e in variant.examples}


def test_what_a_set_cannot_have_is_left_out_with_the_reason():
    bare = QuestionSet("bare", test=world(9).test)
    left_out = build(bare, Plan("fewshot")).left_out
    assert left_out["fewshot.correct"] == "0 examples of 5"
    assert build(bare, Plan("fewshot")).variants == ()
    few = Plan("symbols", rare=("œ", "§"))
    assert build(bare, few).left_out["symbols.rare"] == "2 symbols of 4"


def test_duplicate_options_are_not_scored_by_their_text():
    same = replace(question(1), options=("x", "x", "y", "z"))
    questions = QuestionSet("two", test=checked([question(0), same]))
    ids = {
        name: {v.question_id for v in build(questions, Plan("scoring")).variants
               if v.scoring == name}
        for name in ("symbol", "hybrid", "cloze")
    }  # fmt: skip
    assert ids == {"symbol": {"q0", "q1"}, "hybrid": {"q0"}, "cloze": {"q0"}}


def test_a_cloze_set_compares_scorings_with_cloze():
    variants = build(world(4), Plan("scoring", home="cloze")).variants
    baselines = {v.perturbation: v.baseline for v in variants}
    assert baselines == {
        "cloze.0shot": "",
        "scoring.symbol": "cloze.0shot",
        "scoring.hybrid": "cloze.0shot",
    }


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan("fast"), "no battery is called 'fast'; there are quick, paper"),
        (Plan(swap=(0, 0, 1, 2)), "no permutation"),
        (Plan(shots=0), "shots is 0"),
        (Plan(rare=("a", "a", "b", "c")), "each may stand only once"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: Plan, message: str):
    with pytest.raises(ValueError, match=message):
        build(world(4), plan)
