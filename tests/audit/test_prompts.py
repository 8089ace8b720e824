"""The text to the letter: lm-eval's stock tasks, and what each template changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.perturbations import Materials, unperturbed
from audit.prompts import TEMPLATES, message, render
from audit.questions import Question
from audit.variants import Variant, show

TARGET = Question("1", " Which {one}? ", ("x", "why", "z"), 1, "world_history")
EXAMPLE = Question("2", "Which other?", ("p", "q", "r"), 2, "world_history")


def variant(baseline: str = "symbol.0shot") -> Variant:
    return unperturbed(TARGET, baseline, Materials(examples=(EXAMPLE,)), 0)


HEAD = "The following are multiple choice questions (with answers) about world history.\n\n"


def test_symbol_scoring_asks_as_lm_evals_mmlu():
    prompt = render(variant("symbol.fewshot"))
    assert prompt.context == (
        HEAD + "Which other?\nA. p\nB. q\nC. r\nAnswer: C\n\n"
        "Which {one}?\nA. x\nB. why\nC. z\nAnswer:"
    )
    assert prompt.continuations == (" A", " B", " C")
    assert prompt.bare == ""


def test_hybrid_scoring_asks_the_same_and_answers_with_texts():
    prompt = render(replace(variant("symbol.fewshot"), scoring="hybrid"))
    assert "Answer: r\n\nWhich {one}?\nA. x" in prompt.context
    assert prompt.continuations == (" x", " why", " z")


def test_cloze_scoring_asks_as_lm_evals_arc_without_options():
    prompt = render(replace(variant("symbol.fewshot"), scoring="cloze"))
    assert prompt.context == (
        "Question: Which other?\nAnswer: r\n\nQuestion:  Which {one}? \nAnswer:"
    )
    assert prompt.continuations == (" x", " why", " z")
    assert prompt.bare == "Answer:"


def test_a_set_without_subjects_has_a_plain_description():
    plain = replace(variant(), shown=show(replace(TARGET, subject="")))
    assert render(plain).context.startswith(
        "The following are multiple choice questions (with answers).\n\nWhich"
    )


def test_every_template_is_a_text_of_its_own_that_ends_before_the_answer():
    texts = {name: render(replace(variant(), template=name)) for name in TEMPLATES}
    assert len({prompt.context for prompt in texts.values()}) == len(TEMPLATES)
    for prompt in texts.values():
        assert prompt.context.endswith("Answer:")
        assert prompt.context == prompt.context.rstrip()
        assert prompt.continuations == (" A", " B", " C")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no_description", "Which {one}?\nA. x\n"),
        ("question_choices", HEAD + "Question: Which {one}?\nChoices:\nA. x\n"),
        ("options", HEAD + "Which {one}?\nOptions:\nA. x\n"),
        ("parentheses", HEAD + "Which {one}?\n(A) x\n(B) why\n"),
        ("parenthesis", HEAD + "Which {one}?\nA) x\n"),
        ("space", HEAD + "Which {one}?\nA.  x\n"),
    ],
)
def test_a_template_changes_what_its_name_says(template: str, text: str):
    assert render(replace(variant(), template=template)).context.startswith(text)


def test_white_space_before_the_answer_moves_to_the_continuation(monkeypatch: pytest.MonkeyPatch):
    trailing = replace(TEMPLATES["mmlu"], answer="Answer: \n")
    monkeypatch.setitem(TEMPLATES, "mmlu", trailing)
    prompt = render(variant())
    assert prompt.context.endswith("Answer:")
    assert prompt.continuations[0] == " \n A"


def test_a_chat_model_is_told_which_symbols_there_are():
    assert message(variant()).endswith("Answer:\n\nReply with one symbol only: A, B or C.")
