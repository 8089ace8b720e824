"""The shipped models are as biased as they are said to be."""

from __future__ import annotations

import pytest

from audit.battery import Plan, build
from audit.planted import PLANTED, planted_model, planted_questions
from audit.question_files import read
from audit.report import Report, sentences
from audit.run import Run
from audit.scorers.local import load

REORDERED = ("order.swap", "order.shuffle_both")
OTHER_SYMBOLS = (
    "symbols.rare",
    "symbols.rare+shuffle_symbols",
    "symbols.rare+shuffle_texts",
)
OTHER_PROMPTS = ("prompt.no_description", "fewshot.incorrect")


@pytest.fixture(scope="module", params=PLANTED)
def report(request: pytest.FixtureRequest) -> Report:
    """What `llmroute audit --model NAME` finds."""
    battery = build(read(planted_questions()), Plan("quick"))
    run = Run(battery, load(planted_model(request.param), name=request.param, device="cpu"), {})
    for _ in run.events():
        pass
    return run.report("")


def points(report: Report, name: str) -> float:
    effect = report.results.effect(name)
    assert effect is not None
    assert effect.change is not None
    return effect.change.points


def test_two_thirds_are_known_and_the_rest_is_guessed(report: Report):
    effect = report.results.effect("symbol.0shot")
    assert effect is not None
    assert 100 * effect.accuracy == pytest.approx(75, abs=5)


@pytest.mark.parametrize("name", [*REORDERED, *OTHER_SYMBOLS, *OTHER_PROMPTS])
def test_known_answers_are_read_off_the_options_whatever_their_form(report: Report, name: str):
    assert abs(points(report, name)) < 5


def test_only_the_biased_model_picks_the_third_option_when_unsure(report: Report):
    found = sentences(report)
    if report.model == "demo/balanced":
        assert found[1].startswith("No bias found")
        assert all(abs(points(report, f"order.fix_{letter}")) < 5 for letter in "ABCD")
        return
    assert found[0].endswith("% (order.fix_C).")
    assert found[1].startswith("1 finding")
    assert found[2].startswith("Picks C when unsure: +2")
    assert "It is the position, not the symbol" in found[2]
    assert points(report, "order.fix_C") == pytest.approx(25.8, abs=4)
    effect = report.results.effect("symbol.0shot")
    assert effect is not None
    assert effect.by_position is not None
    assert effect.by_position.interval.low < 15.0 < effect.by_position.interval.high


def test_both_take_about_a_megabyte():
    for name in PLANTED:
        size = sum(file.stat().st_size for file in planted_model(name).iterdir())
        assert size < 1.1e6


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="demo/biased, demo/balanced"):
        planted_model("demo/other")
