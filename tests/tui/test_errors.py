"""An error and its hint in one line."""

import pytest

from tui.errors import in_line


@pytest.mark.parametrize(
    ("said", "hint", "line"),
    [
        ("there is no a/b.json", "Train it.", "there is no a/b.json. Train it."),
        ("It failed.", "Try again.", "It failed. Try again."),
        ("is that right?", "Say so.", "is that right? Say so."),
        ("it failed", "", "it failed"),
    ],
)
def test_hint_follows_as_a_sentence(said: str, hint: str, line: str):
    assert in_line(said, hint) == line
