"""Shares of strong calls and their thresholds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.calibrate import Calibration
from routing.errors import DataError

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=50)


def test_a_third_of_three_prompts_is_the_best_one():
    calibration = Calibration.from_probabilities([0.2, 0.9, 0.5])
    threshold = calibration.threshold(1 / 3)
    assert 0.5 < threshold <= 0.9
    assert calibration.share(threshold) == pytest.approx(1 / 3)


def test_margin_is_that_of_a_share_of_a_sample():
    hundred = Calibration.from_probabilities(np.linspace(0, 1, 100))
    assert hundred.margin(0.5) == pytest.approx(0.098)
    assert hundred.margin(0.1) < hundred.margin(0.5)
    assert hundred.margin(0) == hundred.margin(1) == 0


def test_shares_of_distinct_probabilities_are_met_exactly():
    calibration = Calibration.from_probabilities(np.random.default_rng(0).random(1000))
    for strong in range(1001):
        threshold = calibration.threshold(strong / 1000)
        assert calibration.share(threshold) == pytest.approx(strong / 1000)


def test_threshold_is_the_quantile_within_one_prompt():
    probabilities = np.sort(np.random.default_rng(1).random(500))
    calibration = Calibration.from_probabilities(probabilities)
    for share in (0.05, 0.3, 0.5, 0.77):
        place = np.searchsorted(probabilities, np.quantile(probabilities, 1 - share))
        assert probabilities[place - 2] < calibration.threshold(share) <= probabilities[place + 1]


def test_share_zero_sends_nothing_and_share_one_everything():
    calibration = Calibration.from_probabilities([0.4, 0.6])
    assert calibration.threshold(0) > 1
    assert calibration.threshold(1) == 0


def test_ties_at_the_boundary_stay_weak():
    calibration = Calibration.from_probabilities([0.1, 0.5, 0.5, 0.5])
    assert calibration.share(calibration.threshold(0.5)) == 0
    assert calibration.share(calibration.threshold(0.75)) == 0.75


@given(PROBABILITIES, st.floats(0, 1))
def test_never_more_than_the_share_goes_to_the_strong_model(sample: list[float], share: float):
    calibration = Calibration.from_probabilities(sample)
    assert calibration.share(calibration.threshold(share)) <= share + 1e-9


@given(PROBABILITIES)
def test_prompt_goes_strong_from_its_own_share_on(sample: list[float]):
    calibration = Calibration.from_probabilities(sample)
    for probability in sample:
        assert calibration.threshold(calibration.share(probability)) <= probability


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_share_outside_zero_to_one_is_refused(share: float):
    with pytest.raises(ValueError, match="a share lies in"):
        Calibration.from_probabilities([0.5]).threshold(share)


@pytest.mark.parametrize("sample", [[], [1.5], [-0.1], [float("nan")]])
def test_sample_must_hold_probabilities(sample: list[float]):
    with pytest.raises(ValueError, match="win probabilit"):
        Calibration.from_probabilities(sample)


def test_saved_calibration_comes_back_to_the_last_bit(tmp_path: Path):
    calibration = Calibration.from_probabilities(np.random.default_rng(2).random(100))
    path = tmp_path / "calibration.json"
    calibration.save(path)
    assert np.array_equal(Calibration.load(path).probabilities, calibration.probabilities)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"win_probabilities": [2]}', b"\xff\xfe"])
def test_unreadable_calibration_names_its_file(tmp_path: Path, content: bytes):
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"calibration\.json: no calibration"):
        Calibration.load(path)


def test_missing_calibration_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="no calibration"):
        Calibration.load(tmp_path / "none.json")
