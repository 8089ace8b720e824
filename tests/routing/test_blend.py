"""What wins and ease say together, fitted to predictions of what was left out."""

import numpy as np
import pytest

from routing.blend import Blend


def seen(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of surplus and ease, and chances that are highest between easy and hopeless."""
    rng = np.random.default_rng(0)
    predicted = rng.normal(scale=(0.1, 0.3), size=(count, 2))
    return predicted, 0.2 - predicted[:, 1] ** 2 + rng.normal(scale=0.3, size=count)


def test_a_hump_is_found_that_the_wins_alone_do_not_show():
    predicted, surplus = seen()
    blend = Blend.of(predicted, surplus, np.ones(len(surplus)))
    hopeless, between, easy = blend(np.array([[0.0, -0.6], [0.0, 0.0], [0.0, 0.6]]))
    assert between - max(hopeless, easy) == pytest.approx(0.36, abs=0.05)


def test_wins_that_are_right_as_they_are_stay_so():
    predicted, _ = seen()
    blend = Blend.of(predicted, predicted[:, 0], np.ones(len(predicted)))
    assert blend(predicted) == pytest.approx(predicted[:, 0])


def test_where_nothing_is_near_nothing_is_added():
    predicted, surplus = seen()
    assert Blend.of(predicted, surplus, np.ones(len(surplus)))(np.zeros((1, 2))) == [0]


def test_few_battles_do_not_bend_it():
    predicted, surplus = seen(10)
    blend = Blend.of(predicted, surplus, np.ones(10))
    assert np.corrcoef(blend(predicted), predicted[:, 0])[0, 1] > 0.9


def test_weight_counts_as_so_many_battles():
    predicted, surplus = seen(50)
    heavy = Blend.of(predicted, surplus, np.full(50, 3.0))
    often = Blend.of(np.tile(predicted, (3, 1)), np.tile(surplus, 3), np.ones(150))
    assert heavy(predicted) == pytest.approx(often(predicted))


def test_without_a_tie_it_is_the_wins():
    predicted, surplus = seen(200)
    predicted[:, 1] = 0
    assert np.isfinite(Blend.of(predicted, surplus, np.ones(200))(predicted)).all()


def test_beyond_what_was_seen_it_moves_by_the_wins_alone():
    predicted, surplus = seen()
    surplus += 5 * predicted[:, 0] ** 2
    blend = Blend.of(predicted, surplus, np.ones(len(surplus)))
    edge, beyond = blend(np.array([[-0.4, 0.9], [-0.7, 1.4]]))
    assert beyond == pytest.approx(edge - 0.3)
