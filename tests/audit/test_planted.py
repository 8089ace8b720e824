"""The shipped models are as biased as they are said to be."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from audit.battery import Plan, build
from audit.planted import PLANTED, planted_model, planted_questions
from audit.question_files import read
from audit.scorers import choose
from audit.scorers.local import load

Recalls = tuple[str, dict[str, list[bool]]]


@pytest.fixture(scope="module", params=PLANTED)
def recalls(request: pytest.FixtureRequest) -> Recalls:
    """The model's name, and for each perturbation whether each question was answered right."""
    right = defaultdict(list)
    variants = build(read(planted_questions()), Plan("position", max_samples=10**6)).variants
    scores = load(planted_model(request.param), device="cpu").score(variants)
    for variant, score in zip(variants, scores, strict=True):
        right[variant.perturbation].append(choose(variant, score).position == variant.shown.answer)
    return request.param, right


def test_two_thirds_are_known_and_the_rest_is_guessed(recalls: Recalls):
    _, right = recalls
    assert 100 * np.mean(right["symbol.0shot"]) == pytest.approx(75, abs=5)


def test_only_the_biased_model_picks_c_when_unsure(recalls: Recalls):
    name, right = recalls
    points = 100 * (np.mean(right["order.fix_C"]) - np.mean(right["symbol.0shot"]))
    if name == "demo/biased":
        assert points == pytest.approx(25.8, abs=4)
    else:
        assert abs(points) < 10


def test_both_take_about_a_megabyte():
    for name in PLANTED:
        size = sum(file.stat().st_size for file in planted_model(name).iterdir())
        assert size < 1.1e6


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="demo/biased, demo/balanced"):
        planted_model("demo/other")
