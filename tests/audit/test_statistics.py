"""Numbers against hand-worked cases, closed forms and independent simulations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from audit.statistics import (
    Draws,
    batch_calibrated,
    cyclic_average,
    cyclic_spread,
    flip_rate,
    holm,
    kendall,
    kendall_interval,
    mcnemar,
    paired_interval,
    pride,
    pride_prior,
    probabilities,
    ranks,
    recalls,
    rstd,
    shares,
    spread,
    wilson,
)


def draws(count: int = 4000, seed: int = 0) -> Draws:
    return Draws(np.random.default_rng(seed), count)


def test_wilson_by_hand():
    # 8 of 10, z = 1.96: centre (0.8 + 0.19208) / 1.38416, half width 0.2267
    low, high = wilson(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 20).low == 0
    assert wilson(0, 0) == (0, 1)


def test_mcnemar_counts_the_changes_alone():
    before = np.array([True] * 5 + [False] * 1 + [True] * 50)
    after = np.array([False] * 5 + [True] * 1 + [True] * 50)
    assert mcnemar(before, after) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar(before, before) == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_recall_shares_and_flips_by_hand():
    gold = np.array([0, 0, 1, 3])
    correct = np.array([True, False, True, False])
    assert recalls(gold, correct, 4)[[0, 1, 3]].tolist() == [0.5, 1, 0]
    assert np.isnan(recalls(gold, correct, 4)[2])
    assert shares(np.array([2, 2, 0, -1]), 4).tolist() == pytest.approx([1 / 3, 0, 2 / 3, 0])
    assert flip_rate(np.array([0, 1, 2, 3]), np.array([0, 1, 3, 2])) == 0.5


def test_rstd_of_one_answer_for_all_is_43_points():
    gold = np.arange(400) % 4
    assert rstd(gold, gold == 2) == pytest.approx(100 * np.sqrt(3) / 4)
    known = np.arange(400) < 100
    share = np.mean(known)
    assert rstd(gold, (gold == 2) | known) == pytest.approx(100 * np.sqrt(3) / 4 * (1 - share))


def test_rstd_is_undefined_where_the_answer_stands_still():
    assert rstd(np.full(9, 2), np.ones(9, dtype=bool)) is None
    assert spread(np.full(9, 2), np.ones(9, dtype=bool), np.full(9, 4), draws()) is None


def test_a_position_with_hardly_a_question_is_left_out():
    gold = np.array([0, 1] * 100 + [4])
    correct = np.array([True, True] * 100 + [False])
    assert rstd(gold, correct) == 0


@pytest.mark.parametrize(
    ("n", "mean", "high"), [(300, 4.4, 7.7), (1000, 2.4, 4.3), (14042, 0.65, 1.15)]
)
def test_the_band_of_an_unbiased_model(n: int, mean: float, high: float):
    gold = np.arange(n) % 4
    correct = np.random.default_rng(1).permutation(n) < 0.62 * n
    band = spread(gold, correct, np.full(n, 4), draws())
    assert band is not None
    assert (band.band_mean, band.band_high) == pytest.approx((mean, high), rel=0.04)


def test_the_p_of_rstd_is_uniform_for_an_unbiased_model():
    rng = np.random.default_rng(5)
    options = np.repeat([2, 4, 5], 60)
    p = []
    for _ in range(400):
        gold = rng.integers(0, options)
        # Fewer options are easier: without strata this would look like a bias.
        correct = rng.random(180) < np.repeat([0.9, 0.5, 0.2], 60)
        found = spread(gold, correct, options, Draws(rng, 500))
        assert found is not None
        p.append(found.p)
    for level in (0.05, 0.2, 0.5):
        sd = np.sqrt(level * (1 - level) / 400)
        assert abs(np.mean(np.array(p) <= level) - level) < 4 * sd


def test_a_bias_is_beyond_its_band():
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 4, 500)
    correct = rng.random(500) < np.where(gold == 1, 0.8, 0.5)
    found = spread(gold, correct, np.full(500, 4), draws())
    assert found is not None
    assert found.rstd > found.band_high
    assert found.p < 0.001
    low, high = found.interval
    assert low < 100 * np.std([0.5, 0.8, 0.5, 0.5]) < high


def test_the_cyclic_band_permutes_rotations_within_a_question():
    rng = np.random.default_rng(3)
    # Half are always right: only the others can differ between rotations.
    unbiased = np.concatenate([np.ones((200, 4), dtype=bool), rng.random((200, 4)) < 0.5])
    found = cyclic_spread([unbiased], draws())
    assert found is not None
    assert 0.001 < found.p < 1
    permuted = [np.std(rng.permuted(unbiased, axis=1).mean(axis=0)) * 100 for _ in range(2000)]
    assert found.band_mean == pytest.approx(np.mean(permuted), rel=0.05)
    assert found.band_high == pytest.approx(np.quantile(permuted, 0.95), rel=0.05)
    biased = unbiased.copy()
    biased[200:, 2] = True
    found = cyclic_spread([biased, unbiased[:, :3]], draws())
    assert found is not None
    assert found.p < 0.001


def test_the_paired_interval_is_that_of_the_mean_of_independent_clusters():
    rng = np.random.default_rng(4)
    differences = rng.normal(3, 10, 2000)
    low, high = paired_interval(differences, np.arange(2000), draws())
    half = 1.96 * 10 / np.sqrt(2000)
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert (high + low) / 2 == pytest.approx(differences.mean(), abs=0.1 * half)


def test_questions_that_move_together_widen_the_interval():
    clusters = np.repeat(np.arange(40), 25)
    differences = np.random.default_rng(5).normal(size=40)[clusters]
    together = paired_interval(differences, clusters, draws())
    alone = paired_interval(differences, np.arange(1000), draws())
    assert together.high - together.low > 4 * (alone.high - alone.low)
    few = paired_interval(differences, clusters % 2, draws())
    assert few.high - few.low == pytest.approx(alone.high - alone.low, rel=0.1)


def prior_world(bias: list[float], questions: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """What the options are worth, and the log-likelihoods of all rotations under that prior."""
    worth = np.random.default_rng(6).normal(size=(questions, len(bias)))
    turned = np.stack([np.roll(worth, -turn, axis=1) for turn in range(len(bias))], axis=1)
    return worth, turned + np.log(bias)


def test_pride_takes_a_prior_out_exactly():
    bias = [0.1, 0.2, 0.6, 0.1]
    worth, turned = prior_world(bias)
    prior = pride_prior(turned)
    assert prior == pytest.approx(bias)
    assert (pride(turned[:, 0], prior).argmax(axis=1) == worth.argmax(axis=1)).all()


def test_batch_calibration_takes_a_prior_out_roughly():
    worth, turned = prior_world([0.05, 0.05, 0.85, 0.05])
    raw = (turned[:, 0].argmax(axis=1) == worth.argmax(axis=1)).mean()
    calibrated = (batch_calibrated(turned[:, 0]).argmax(axis=1) == worth.argmax(axis=1)).mean()
    assert calibrated > raw + 0.25


def test_the_cyclic_average_is_free_of_position():
    worth, turned = prior_world([0.1, 0.2, 0.6, 0.1])
    averaged = cyclic_average(turned)
    assert averaged.sum(axis=1) == pytest.approx(np.ones(len(worth)))
    assert (averaged.argmax(axis=1) == worth.argmax(axis=1)).mean() > 0.97
    even = prior_world([0.25] * 4)[1]
    assert cyclic_average(even) == pytest.approx(probabilities(even[:, 0]))


TABLE = """
    54.47 52.31 56.53 56.30 50.19
    61.12 62.53 64.44 58.59 63.13
    59.56 52.19 60.98 63.84 60.43
    53.48 49.77 54.67 49.99 57.74
    41.81 66.36 30.40 36.28 23.37
    46.37 30.84 69.41 50.05 28.23
    52.08 35.82 57.24 68.65 44.08
    53.12 36.73 56.72 71.81 42.63
    73.38 66.16 75.22 78.07 73.88
    65.44 56.47 67.38 69.92 66.47
    61.11 41.78 62.24 75.07 57.71
"""  # 11 models: as they are, then with the answer always at A, B, C, D


def test_the_published_accuracies_give_the_four_published_taus():
    base, *fixed = np.array([line.split() for line in TABLE.split("\n")[1:-1]], dtype=float).T
    found = [kendall(base.tolist(), column.tolist()) for column in fixed]
    assert [k.tau for k in found] == pytest.approx([0.455, 0.527, 0.527, 0.855], abs=5e-4)
    assert [k.p for k in found[:3]] == pytest.approx([0.060, 0.026, 0.026], abs=5e-4)
    assert found[3].p < 0.001


def tau_b(a: list[float], b: list[float]) -> float:
    """Tau-b by counting pairs."""
    pairs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j]))
             for i, j in product(range(len(a)), repeat=2) if i < j]  # fmt: skip
    agreed = sum(x * y for x, y in pairs)
    return float(agreed / np.sqrt(sum(x * x for x, _ in pairs) * sum(y * y for _, y in pairs)))


def test_tau_with_ties_counts_pairs():
    a, b = [1, 2, 2, 4, 5, 5], [2, 1, 3, 3, 6, 5]
    assert kendall(a, b).tau == pytest.approx(tau_b(a, b))


def test_the_interval_of_tau_is_narrow_where_models_are_far_apart():
    rng = np.random.default_rng(7)
    skill = np.linspace(0.2, 0.9, 6)[:, None]
    apart = rng.random((6, 2000)) < skill
    low, high = kendall_interval(apart * 1.0, apart * 1.0, np.arange(2000), draws(200))
    assert (low, high) == pytest.approx((1, 1))
    close = (rng.random((2, 6, 2000)) < 0.5) * 1.0
    low, high = kendall_interval(close[0], close[1], np.arange(2000) % 30, draws(200))
    assert high - low > 0.4


def test_equal_accuracies_share_the_better_rank():
    assert ranks([0.5, 0.9, 0.5, 0.1]).tolist() == [2, 1, 2, 4]


def test_the_interval_of_tau_counts_ties_as_tau_does():
    before, after = [0.1, 0.2, 0.2, 0.4, 0.5, 0.5], [0.2, 0.1, 0.3, 0.3, 0.6, 0.5]
    tables = [np.tile(np.array(column)[:, None], 8) for column in (before, after)]
    low, high = kendall_interval(tables[0], tables[1], np.arange(8), draws(50))
    assert (low, high) == pytest.approx((kendall(before, after).tau,) * 2)
