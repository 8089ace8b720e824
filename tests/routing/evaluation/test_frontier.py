"""Pools: what mixing blindly reaches, what routing adds, and the verdict."""

import numpy as np
import pytest

from routing.evaluation.curves import Grades, curve
from routing.evaluation.frontier import Outcomes, blind_mix, oracle_mix, routed, verdict


def outcomes(quality: list[list[float]], prices: list[float]) -> Outcomes:
    grades = np.array(quality, dtype=np.float64)
    return Outcomes(grades, np.tile(np.array(prices, dtype=np.float64), (len(grades), 1)))


def complementary(size: int = 400) -> Outcomes:
    """Each of two models of one price can answer half of the prompts, and never the other half."""
    first = np.arange(size) % 2 == 0
    return outcomes(np.stack([first, ~first], axis=1).astype(float).tolist(), [1, 2])


def test_blind_mix_is_the_upper_hull_from_the_cheapest_to_the_best():
    mix = blind_mix(outcomes([[0.2, 0.3, 0.8, 0.7]], [1, 2, 3, 4]))
    assert mix.cost.tolist() == [1, 3]  # the second lies under the hull, the fourth is worse
    assert mix.quality.tolist() == [0.2, 0.8]
    assert mix.at(np.array([0.5, 2, 9])) == pytest.approx([0.2, 0.5, 0.8])


def test_blind_mix_keeps_a_model_above_the_line():
    mix = blind_mix(outcomes([[0.2, 0.6, 0.8]], [1, 2, 3]))
    assert mix.cost.tolist() == [1, 2, 3]


def test_of_two_models_of_one_price_the_better_counts():
    mix = blind_mix(outcomes([[0.2, 0.6]], [1, 1]))
    assert (mix.cost.tolist(), mix.quality.tolist()) == ([1], [0.6])


def test_oracle_pays_only_where_a_dearer_model_is_better():
    found = oracle_mix(outcomes([[0, 1, 1], [1, 1, 1], [0, 0, 1], [0, 0, 0]], [1, 2, 8]))
    assert found.cost.tolist() == [1, 1.25, 3]  # nothing; the first to the second model; the third
    assert found.quality.tolist() == [0.25, 0.5, 0.75]


def test_no_routing_beats_the_oracle():
    rng = np.random.default_rng(4)
    table = Outcomes(rng.random((300, 3)), rng.random((300, 3)) * np.array([9, 3, 1]))
    best = oracle_mix(table)
    for _ in range(30):
        found = routed(table, rng.integers(3, size=(4, 300)))
        assert (found.quality <= best.at(found.cost) + 1e-9).all()
    assert best.quality[-1] == pytest.approx(table.quality.max(axis=1).mean())


def test_routed_points_are_means_of_what_was_picked():
    found = routed(outcomes([[0, 1], [1, 1]], [1, 5]), np.array([[1, 1], [0, 0], [1, 0]]))
    assert found.cost == pytest.approx([1, 3, 5])
    assert found.quality == pytest.approx([0.5, 1, 1])


def test_perfect_routing_pays():
    table = complementary()
    right = table.quality.argmax(axis=1)
    all_first, all_second = np.zeros_like(right), np.ones_like(right)
    found = verdict(table, np.stack([all_first, right, all_second]), 200)
    assert found.pays
    assert found.gain == pytest.approx(0.25)  # a triangle from .5 up to 1 and down again
    assert "Routing pays" in found.words(["a", "b"])


def test_blind_routing_does_not_pay_and_says_whom_to_use():
    rng = np.random.default_rng(0)
    quality = np.stack([rng.random(500) < 0.5, rng.random(500) < 0.9], axis=1)
    table = outcomes(quality.astype(float).tolist(), [1, 10])
    shares = np.linspace(0, 1, 11)[:, None]
    found = verdict(table, (rng.random(500) < shares).astype(int), 300)
    assert not found.pays
    assert found.best == 1
    assert "always use big" in found.words(["small", "big"])


def test_of_two_models_alike_the_cheaper_is_the_best():
    table = outcomes([[1, 1], [0, 0]], [5, 2])
    assert verdict(table, np.array([[0, 0], [1, 1]]), 50).best == 1


def test_gain_of_a_pair_is_its_area_above_chance():
    rng = np.random.default_rng(1)
    grades = Grades.of(rng.random(100) + 0.3, rng.random(100))
    chances = rng.random(100)
    ranks = np.argsort(np.argsort(-chances))
    picks = np.stack([ranks < calls for calls in range(0, 101, 10)]).astype(int)
    table = outcomes(np.stack([grades.weak, grades.strong], axis=1).tolist(), [0, 1])
    gain = verdict(table, picks, 10).gain
    assert gain == pytest.approx((curve(chances, grades).apgr - 0.5) * grades.gap)


def test_unit_of_cost_does_not_matter():
    table = complementary()
    dear = Outcomes(table.quality, table.cost * 1000 + 7)
    picks = np.random.default_rng(3).integers(2, size=(5, 400))
    assert verdict(table, picks, 50).gain == pytest.approx(verdict(dear, picks, 50).gain)


def test_a_routing_that_never_changes_is_compared_at_its_cost():
    found = verdict(complementary(), complementary().quality.argmax(axis=1)[None], 50)
    assert found.gain == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("quality", "cost"),
    [([[1.0]], [[1.0]]), ([[1.0, 2.0]], [[1.0]]), ([[1.0, np.nan]], [[1.0, 1.0]])],
)
def test_tables_that_are_none_are_refused(quality: list[list[float]], cost: list[list[float]]):
    with pytest.raises(ValueError, match=r"finite|shape"):
        Outcomes(np.array(quality), np.array(cost))
