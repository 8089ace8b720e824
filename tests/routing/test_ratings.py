"""Bradley-Terry strengths and tiers, against closed forms, scikit-learn and brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from routing.ratings import bradley_terry, find_gauge, lead, tiers, win_probability, wins_matrix


def random_wins(players: int, seed: int = 0) -> np.ndarray:
    wins = np.random.default_rng(seed).gamma(1.0, size=(players, players))
    np.fill_diagonal(wins, 0)
    return wins


def test_two_models_stand_apart_by_the_log_odds():
    strengths = bradley_terry(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert strengths[0] - strengths[1] == pytest.approx(np.log(3), abs=1e-9)
    assert win_probability(strengths[0] - strengths[1]) == pytest.approx(0.75)


def test_tie_is_half_a_win_for_each():
    a, b = np.array([0, 0]), np.array([1, 1])
    assert wins_matrix(np.array([1.0, 0.5]), a, b, 2).tolist() == [[0, 1.5], [0.5, 0]]


def test_strengths_equal_those_of_a_logistic_regression():
    wins = random_wins(6)
    rows, outcomes, weights = [], [], []
    for t in range(6):
        for u in range(6):
            if t != u:
                row = np.zeros(6)
                row[t], row[u] = 1, -1
                rows += [row, -row]
                outcomes += [1, 0]
                weights += [wins[t, u]] * 2
    model = LogisticRegression(fit_intercept=False, C=np.inf, tol=1e-14, max_iter=10000)
    model.fit(np.array(rows), outcomes, sample_weight=weights)
    mine = bradley_terry(wins)
    expected = model.coef_[0]
    assert mine - mine[0] == pytest.approx(expected - expected[0], abs=1e-5)


@settings(max_examples=50)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_expected_wins_equal_actual_wins_at_the_optimum(players: int, seed: int):
    wins = random_wins(players, seed)
    strengths = bradley_terry(wins)
    chance = win_probability(strengths[:, None] - strengths[None, :])
    expected = ((wins + wins.T) * chance).sum(axis=1)
    assert expected == pytest.approx(wins.sum(axis=1), abs=1e-10 * wins.sum())


def test_lead_of_two_models_has_the_error_of_a_share():
    found = lead(np.array([[0.0, 30.0], [10.0, 0.0]]), 0, 1)
    assert found.nats == pytest.approx(np.log(3))
    assert found.deviation == pytest.approx(1 / np.sqrt(40 * 0.75 * 0.25))


def test_lead_through_a_third_model_adds_the_variances():
    wins = np.array([[0.0, 30, 0], [10, 0, 20], [0, 20, 0]])
    parts = [lead(wins, 0, 1), lead(wins, 1, 2)]
    found = lead(wins, 0, 2)
    assert found.nats == pytest.approx(sum(part.nats for part in parts))
    assert found.deviation**2 == pytest.approx(sum(part.deviation**2 for part in parts))


def test_lead_of_models_that_never_met_is_unknown():
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[2, 3] = 5
    assert lead(wins, 0, 2) == (0.0, np.inf)


def test_batch_equals_one_by_one():
    batch = np.stack([random_wins(5, seed) for seed in range(4)])
    alone = np.stack([bradley_terry(wins) for wins in batch])
    assert bradley_terry(batch) == pytest.approx(alone, abs=1e-10)


def test_start_changes_nothing():
    wins = random_wins(5)
    assert bradley_terry(wins, start=np.array([3.0, -2, 0, 1, 5])) == pytest.approx(
        bradley_terry(wins), abs=1e-10
    )


def test_models_that_never_met_line_up_at_the_top():
    wins = np.zeros((5, 5))
    wins[0, 1], wins[1, 0] = 3, 1
    wins[2, 3], wins[3, 2] = 1, 9
    assert find_gauge(wins).component.tolist() == [0, 0, 1, 1, 2]
    strengths = bradley_terry(wins)
    assert strengths == pytest.approx([0, -np.log(3), -np.log(9), 0, 0], abs=1e-8)


def test_model_that_never_lost_stays_finite():
    wins = np.array([[0.0, 8.0], [0.0, 0.0]])
    strengths = bradley_terry(wins)
    assert np.isfinite(strengths).all()
    assert strengths[0] - strengths[1] > 20


def test_no_battles_at_all_rate_everyone_alike():
    assert bradley_terry(np.zeros((3, 3))).tolist() == [0, 0, 0]


@settings(max_examples=60)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=8), st.integers(1, 5))
def test_tiers_have_the_least_sum_of_variances(ratings: list[int], count: int):
    ordered = np.sort(np.array(ratings, dtype=float))[::-1]
    found = tiers(ordered, count)
    groups = found.max() + 1
    assert groups <= count
    least = min(
        sum(np.var(part) for part in np.split(ordered, cuts))
        for cuts in combinations(range(1, len(ordered)), min(count, len(ordered)) - 1)
    )
    cost = sum(np.var(ordered[found == tier]) for tier in range(groups))
    assert cost <= least + 1e-9


def test_tiers_follow_the_ratings_not_the_order_given():
    assert tiers(np.array([0.1, 5.0, 0.0, 4.9]), 2).tolist() == [1, 0, 1, 0]


def test_more_tiers_than_models_gives_each_its_own():
    assert tiers(np.array([3.0, 1.0, 2.0]), 10).tolist() == [0, 2, 1]


def test_no_tiers_are_refused():
    with pytest.raises(ValueError, match="count must be at least 1, not 0"):
        tiers(np.array([1.0]), 0)
