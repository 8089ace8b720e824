"""An error and its hint in one line."""

import pytest

from tui.errors import in_line, sentence


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("It failed (500)", "It failed (500)."),
        ("no model named a/b", "no model named a/b."),
        ("It failed.", "It failed."),
        ("wait …", "wait …"),
        ("", ""),
    ],
)
def test_what_stands_alone_is_a_whole_sentence(said: str, told: str):
    assert sentence(said) == told


@pytest.mark.parametrize(
    ("said", "hint", "line"),
    [
        ("there is no a/b.json", "Train it.", "there is no a/b.json. Train it."),
        ("It failed.", "Try again.", "It failed. Try again."),
        ("is that right?", "Say so.", "is that right? Say so."),
        ("there is no 'nano'", "Name another.", "there is no 'nano'. Name another."),
        ("it failed", "", "it failed"),
    ],
)
def test_hint_follows_as_a_sentence(said: str, hint: str, line: str):
    assert in_line(said, hint) == line
