"""The line over the draft."""

from dataclasses import replace

import pytest

from tests.tui.fakes import decision
from tui.live_turn import LiveTurn
from tui.screens.chat_keys import first_key, keys_in_force
from tui.screens.standing import Standing, standing_text

WIDE, NARROW = 100, 60
USUAL = "enter send · ctrl+j newline · ctrl+w why · ctrl+b history · ctrl+k all actions"


def told(standing: Standing, columns: int = WIDE, **moved: str) -> str:
    keys = {binding.id: first_key(binding) for binding in keys_in_force(moved)}
    return standing_text(standing, keys, columns)


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        (Standing(), USUAL),
        (Standing(warm=False), f"warming up … · {USUAL}"),
        (Standing(unanswered=True), f"ctrl+r answers your last message · {USUAL[:52]}"),
        (Standing(hint="f6 teaches"), "f6 teaches"),
        (Standing(read_only=True), "read only · /fork continues in a copy"),
        (Standing(read_only=True, editing=True), "another version · enter sends it"),
        (Standing(editing=True, place="history"), "enter open · d delete"),
        (Standing(place="card"), "a key of the card does it"),
        (Standing(place="message"), "y copy · c code"),
    ],
)
def test_what_matters_most_is_said(standing: Standing, text: str):
    assert told(standing).startswith(text)


def test_what_the_turn_under_way_does_comes_before_all():
    turn = LiveTurn(session=None, text="hi")
    assert told(Standing(live=turn, place="history")) == "routing …"
    turn.decision = replace(decision("weak"), model="demo/\x1bweak")
    assert told(Standing(live=turn)) == "waiting for demo/␛weak · esc stops"
    turn.thinking = True
    assert told(Standing(live=turn)) == "demo/␛weak is thinking · esc stops"
    turn.pieces = ["Hel"]
    assert told(Standing(live=turn)) == "streaming · esc stops"


def test_moved_key_is_named_and_few_columns_name_what_finds_the_rest():
    assert "f9 why" in told(Standing(), why="f9")
    assert told(Standing(), NARROW) == "enter send · ctrl+k all actions"
