"""Bars of long work: drawn for whoever watches, and only so wide as the numbers leave room."""

import sys

import pytest

from tests.tui.conftest import Terminal
from tui.progress import bars, duration, follower


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3700, "1 h 02 min")]
)
def test_duration_is_as_fine_as_it_is_short(seconds: float, words: str):
    assert duration(seconds) == words


def test_nothing_is_drawn_where_nobody_watches(capfd: pytest.CaptureFixture[str]):
    with bars() as shown:
        follower(shown)("Embedding", 3)(2)
    assert capfd.readouterr() == ("", "")
    assert [(task.description, task.completed) for task in shown.tasks] == [("Embedding", 2)]


def test_bar_gives_way_to_the_numbers(monkeypatch: pytest.MonkeyPatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with bars() as shown:
        task = shown.add_task("Training: loss 0.6340, held out 0.6339 (best 0.6339)", total=20_000)
        shown.advance(task, 7_400)
    drawn = screen.getvalue()
    assert "7400/20000" in drawn
    assert "-:--:--" in drawn
