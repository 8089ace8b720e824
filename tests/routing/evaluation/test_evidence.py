"""What graded prompts can tell: too few, one-sided, alike, and how many it takes."""

from collections.abc import Sequence

import numpy as np
import pytest

from routing.evaluation.curves import Grades, chance, curve
from routing.evaluation.evidence import Evidence, pair_evidence, pool_evidence

PAIR = ("big", "small")


def told(strong: Sequence[float], weak: Sequence[float], *, distinct: int = 0) -> Evidence:
    grades = Grades.of(strong, weak)
    names = [f"prompt {at % (distinct or len(grades))}" for at in range(len(grades))]
    return pair_evidence(names, PAIR, grades, chance(grades, 400))


def test_two_prompts_are_too_few_however_they_fall():
    for weak in ([1, 0], [1, 1], [0, 0]):
        found = told([1, 1], weak)
        assert not found.is_enough
        assert "Too few to tell: 2 different prompts, expected 30" in found.remarks[0]


def test_repeats_do_not_make_enough():
    found = told([1] * 90, [0, 1, 1] * 30, distinct=3)
    assert not found.is_enough
    assert "Of these 90 prompts 3 are different" in found.remarks[1]


@pytest.mark.parametrize(
    ("strong", "weak", "said"),
    [
        ([1.0] * 40, [1.0] * 40, "equally well"),
        ([1.0] * 40, [0.0] * 40, "by the same on each"),
        ([0, 1] * 20, [1, 1] * 20, "big is not better than small"),
    ],
)
def test_where_there_is_nothing_to_route_enough_is_known(
    strong: list[float], weak: list[float], said: str
):
    found = told(strong, weak)
    assert found.is_enough
    assert said in found.doubt
    assert found.needed == 0


def test_models_that_are_not_told_apart_give_no_number_to_rely_on():
    rng = np.random.default_rng(0)
    strong, weak = rng.random(100), rng.random(100)
    found = told(strong + weak.mean() - strong.mean() + 0.001, weak)
    assert not found.is_enough
    assert "may be no difference" in found.doubt
    assert found.remarks == [found.doubt]


def test_as_many_prompts_as_are_needed_tell_a_useful_router_four_times_of_five():
    rng = np.random.default_rng(1)

    def drawn(size: int) -> tuple[np.ndarray, Grades]:
        """A router whose APGR is about .6 where the models differ on a third of the prompts."""
        gains = rng.random(size) < 1 / 3
        return np.clip(rng.normal(0.4 + 0.07 * gains, 0.12), 0, 1), Grades.of(gains, np.zeros(size))

    assert curve(*drawn(200_000)).apgr == pytest.approx(0.6, abs=0.01)
    _, grades = drawn(100)
    names = [str(at) for at in range(100)]
    size = pair_evidence(names, PAIR, grades, chance(grades, 400)).needed
    assert 100 < size < 400
    shown = 0
    for _ in range(60):
        chances, grades = drawn(size)
        shown += chance(grades, 100).z(curve(chances, grades).apgr) > 1.96
    assert 39 <= shown <= 57


def test_more_prompts_tell_more():
    rng = np.random.default_rng(2)
    few, many = (told(rng.random(size) < 0.9, rng.random(size) < 0.5) for size in (60, 2000))
    assert few.told_from > many.told_from > 0.5
    assert few.needed == pytest.approx(many.needed, rel=0.4)
    assert "to tell one of 0.6 it takes about" in few.remarks[-1]
    assert many.remarks == []


def test_pools_need_prompts_and_models_that_differ():
    names = [str(at) for at in range(40)]
    assert not pool_evidence(names[:5], np.eye(5)).is_enough
    alike = pool_evidence(names, np.ones((40, 3)))
    assert alike.is_enough
    assert "nothing to route" in alike.doubt
    assert pool_evidence(names, np.random.default_rng(0).random((40, 3))).remarks == []
