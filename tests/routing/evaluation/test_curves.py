"""Curves, areas and thresholds of quality, worked by hand and by their properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.evaluation.curves import (
    Curve,
    Grades,
    Interval,
    best_cosines,
    bootstrap,
    chance,
    curve,
    oracle,
    saving,
)

# Ten prompts: the strong model wins the first five, the rest are alike; a share of .1 is a prompt.
HALF = Grades.of([1] * 10, [0] * 5 + [1] * 5)
FALLING = np.linspace(1, 0, 10)


def some_grades(size: int = 200, seed: int = 0) -> Grades:
    rng = np.random.default_rng(seed)
    return Grades.of(rng.random(size) < 0.8, rng.random(size) < 0.6)


def test_curve_of_the_perfect_order_is_that_of_hand():
    found = curve(FALLING, HALF)
    assert found.shares == pytest.approx(np.arange(11) / 10)
    assert found.quality == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1, 1, 1])
    assert found.recovered == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1, 1])
    assert found.apgr == pytest.approx(0.75)
    assert found.cpt(0.5) == pytest.approx(0.25)
    assert found.cpt(0.8) == pytest.approx(0.4)


def test_curve_of_the_worst_order_is_that_of_hand():
    found = curve(1 - FALLING, HALF)
    assert found.apgr == pytest.approx(0.25)
    assert found.cpt(0.5) == pytest.approx(0.75)


def test_threshold_counts_from_the_first_share_that_gets_there():
    grades = Grades.of([1, 0, 1, 1, 1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1, 1, 1, 1, 1])
    found = curve(FALLING, grades)  # wins the whole gap at .1, loses it at .2, wins it again
    assert found.recovered[:4] == pytest.approx([0, 1, 0, 1])
    assert found.cpt(0.5) == pytest.approx(0.05)
    assert found.cpt(1) == pytest.approx(0.1)


def test_thresholds_at_either_end():
    found = curve(FALLING, HALF)
    assert found.cpt(0) == 0
    assert found.cpt(1) == pytest.approx(0.5)
    assert math.isnan(found.cpt(1.01))


def test_a_curve_is_even_where_prompts_are_not_a_multiple_of_ten():
    found = curve(np.linspace(1, 0, 72), some_grades(72))
    assert len(found.shares) == 11
    assert np.abs(found.shares - np.arange(11) / 10).max() < 0.5 / 72
    assert found.quality[0] == pytest.approx(found.weak)
    assert found.quality[-1] == pytest.approx(found.strong)


def test_oracle_takes_what_it_wins_and_leaves_what_it_would_lose():
    found = oracle(Grades.of([1, 1, 1, 0], [0, 0, 1, 1]))
    assert found.quality == pytest.approx([0.5, 0.75, 1, 1, 1])
    assert found.recovered[-1] == pytest.approx(2)
    assert found.cpt(0.5) == 0.25
    assert found.cpt(0.6) == 0.25  # a call is taken whole


def test_nothing_beats_the_oracle():
    grades = some_grades()
    best = oracle(grades)
    rng = np.random.default_rng(1)
    for _ in range(50):
        found = curve(rng.random(len(grades)), grades)
        assert (found.quality <= np.interp(found.shares, best.shares, best.quality) + 1e-12).all()
        assert found.apgr <= best.apgr


def test_no_gap_is_no_number():
    for grades in (Grades.of([1, 0], [1, 0]), Grades.of([0, 0], [1, 0])):
        found = curve(np.array([0.2, 0.4]), grades)
        assert math.isnan(found.apgr)
        assert math.isnan(found.cpt(0.5))
        assert math.isnan(oracle(grades).apgr)
        assert math.isnan(chance(grades, 10).z(0.7))


def test_tied_prompts_are_split_by_the_seed():
    grades = some_grades(1000)
    same = np.full(1000, 0.5)
    areas = [curve(same, grades, seed).apgr for seed in range(200)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)
    assert np.std(areas) > 0.005
    assert curve(same, grades, 3).apgr == curve(same, grades, 3).apgr


def test_ties_do_not_disturb_the_order_of_the_others():
    found = curve(np.array([0.9] * 5 + [0.1] * 5), HALF, seed=7)
    assert found.quality[5] == 1


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 7, 10, 11, 95]))
@settings(max_examples=60, deadline=None)
def test_only_the_order_of_win_probabilities_counts(seed: int, size: int):
    rng = np.random.default_rng(seed)
    grades = Grades.of(rng.random(size), rng.random(size))
    chances = rng.random(size)
    squeezed = 0.3 + chances**3 / 10
    assert curve(chances, grades).quality == pytest.approx(curve(squeezed, grades).quality)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 50), st.floats(-20, 20))
@settings(max_examples=60, deadline=None)
def test_unit_of_the_grades_does_not_matter(seed: int, factor: float, shift: float):
    rng = np.random.default_rng(seed)
    grades = Grades.of(rng.random(40) + 0.5, rng.random(40))
    other = Grades(grades.strong * factor + shift, grades.weak * factor + shift)
    chances = rng.random(40)
    assert curve(chances, other).apgr == pytest.approx(curve(chances, grades).apgr)
    assert curve(chances, other).cpt(0.5) == pytest.approx(curve(chances, grades).cpt(0.5))


def test_random_routing_wins_half_the_gap_back():
    random = chance(some_grades(400))
    assert random.apgr.mean() == pytest.approx(0.5, abs=0.005)
    assert random.cpt50.mean() == pytest.approx(0.5, abs=0.02)
    assert random.cpt80.mean() == pytest.approx(0.8, abs=0.02)
    assert 0.5 in Interval.of(random.apgr)
    assert random.z(random.apgr.mean() + 3 * random.deviation) == pytest.approx(3)


def test_chance_spreads_less_over_more_prompts():
    few, many = (chance(some_grades(size), 500).deviation for size in (100, 1600))
    assert few / many == pytest.approx(4, rel=0.35)


def test_bootstrap_covers_the_truth():
    """In 19 of 20 sets the interval holds the area that a very large set would give."""
    rng = np.random.default_rng(0)

    def drawn(size: int) -> tuple[np.ndarray, Grades]:
        hard = rng.random(size)
        return hard, Grades.of(rng.random(size) < 0.9, rng.random(size) < 0.9 - 0.6 * hard)

    truth = curve(*drawn(200_000)).apgr
    hits = 0
    for _ in range(60):
        chances, grades = drawn(300)
        hits += truth in Interval.of(bootstrap([chances], grades, 200).apgr[0])
    assert 50 <= hits <= 60


def test_bootstrap_is_paired():
    grades = some_grades(300)
    chances = np.random.default_rng(2).random(300)
    one, other = bootstrap([chances, chances / 2], grades, 100).apgr
    assert one == pytest.approx(other)
    better, worse = bootstrap([grades.strong - grades.weak, 1 - chances], grades, 100).apgr
    assert Interval.of(better - worse).low > 0


def test_interval_is_undefined_where_the_gap_often_vanishes():
    grades = Grades.of([1, 0, 0, 0], [0, 0, 0, 0])  # drawn anew, the one win is often left out
    found = Interval.of(bootstrap([np.linspace(0, 1, 4)], grades, 200).apgr[0])
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_saving_counts_strong_calls_and_dollars():
    found = saving(router=0.2, random=0.5, strong_cost=10, weak_cost=1)
    assert found.calls == pytest.approx(2.5)
    assert found.price == pytest.approx((5 + 0.5) / (2 + 0.8))
    assert math.isnan(saving(0.2, 0.5).price)
    assert math.isnan(saving(0.0, 0.5).calls)


@pytest.mark.parametrize(
    ("random", "router", "ratio"),
    [
        (49.03, 13.40, 3.66),
        (78.08, 31.31, 2.49),
        (50.07, 35.40, 1.41),
        (79.93, 70.31, 1.14),
        (50.00, 33.64, 1.49),
        (80.08, 63.26, 1.27),
    ],
)
def test_the_papers_savings_follow_from_its_tables(random: float, router: float, ratio: float):
    assert round(saving(router, random).calls, 2) == ratio


def test_best_cosines_over_more_than_one_block():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert best_cosines(rows[:50], rows) == pytest.approx(np.ones(50), abs=1e-6)
    assert best_cosines(rows[:50], rows[2000:]) == pytest.approx(
        (rows[:50] @ rows[2000:].T).max(axis=1)
    )
    assert (best_cosines(rows[:5], rows[:0]) == -1).all()


@pytest.mark.parametrize(
    ("strong", "weak", "said"),
    [
        ([1, 2], [1], "one shape"),
        ([], [], "n > 0"),
        ([1, math.nan], [1, 1], "NaN"),
        ([1, 1], [1, math.inf], "NaN"),
    ],
)
def test_grades_that_are_none_are_refused(strong: list[float], weak: list[float], said: str):
    with pytest.raises(ValueError, match=said):
        Grades.of(strong, weak)


def test_win_probabilities_that_are_none_are_refused():
    with pytest.raises(ValueError, match="9 win probabilities for 10"):
        curve(FALLING[:9], HALF)
    for bad in (math.nan, 1.5, -0.1):
        with pytest.raises(ValueError, match="lie in"):
            curve(np.array([*FALLING[:9], bad]), HALF)


def test_a_curve_of_one_prompt():
    found = curve(np.array([0.3]), Grades.of([1], [0]))
    assert isinstance(found, Curve)
    assert found.recovered[[0, -1]].tolist() == [0, 1]
