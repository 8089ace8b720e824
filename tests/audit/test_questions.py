"""Flags, floors and the sample."""

from __future__ import annotations

import pytest

from audit.questions import Question, checked, floors, sample
from tests.audit.worlds import question, world


def flags_of(*options: str) -> frozenset[str]:
    (only,) = checked([Question("1", "Which?", options, 0)])
    return only.flags


@pytest.mark.parametrize(
    "option", ["All of the above", "none of these.", "None", "all the above", "any of them"]
)
def test_options_about_all_options_are_flagged(option: str):
    assert flags_of("x", option) == {"all of the above"}


@pytest.mark.parametrize("option", ["Both A and C", "(A), (B), and (C)", "A or B only", "A and D"])
def test_options_that_name_letters_are_flagged(option: str):
    assert flags_of("x", option) == {"names letters"}


@pytest.mark.parametrize(
    "option", ["P(A and B) = 1", "Vitamins A and D", "A", "plan B", "all cats"]
)
def test_options_with_letters_of_their_own_are_not_flagged(option: str):
    assert flags_of("x", option) == set()


def test_duplicates_are_flagged_once():
    assert flags_of("x", "x ") == {"duplicate options"}
    twice = checked([question(1), question(1)])
    assert [set(q.flags) for q in twice] == [set(), {"duplicate question"}]


def test_floors_count_positions_and_the_longest_option():
    questions = [question(i, answer=answer) for i, answer in enumerate((3, 3, 0, 1))]
    assert floors(questions) == {
        "always A": 0.25, "always B": 0.25, "always C": 0.0, "always D": 0.5,
        "longest option": 0.5,
    }  # fmt: skip


def test_a_sample_keeps_the_subjects_shares_and_the_order():
    questions = [question(i, subject="big" if i % 4 else "small") for i in range(100)]
    taken = sample(questions, 20, seed=3)
    assert len(taken) == 20
    assert sum(q.subject == "small" for q in taken) == 5
    assert list(taken) == [q for q in questions if q in taken]
    assert taken != sample(questions, 20, seed=4)
    assert taken == sample(questions, 20, seed=3)
    assert taken != tuple(questions[:20])


def test_a_larger_sample_than_there_is_takes_all():
    assert sample(world(10).test, 11, seed=0) == world(10).test
