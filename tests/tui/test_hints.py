"""Hints for the first turns that a user ever has."""

from pathlib import Path

import pytest

from tests.tui.conftest import Chat, ready, say, wait_until
from tui.app import ChatApp
from tui.hints import HINTS, fitting, hint_after


@pytest.fixture(autouse=True)
def _hints(_no_hints: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.hints.HINTS", HINTS)


def told(app: ChatApp) -> str:
    """What stands over the draft."""
    return str(app.chat.composer.border_title)


def test_hints_that_have_no_room_are_left_out_from_the_right():
    assert fitting("one · two · three", 17) == "one · two · three"
    assert fitting("one · two · three", 16) == "one · two"
    assert fitting("one · two · three", 2) == "one"


async def test_first_turns_are_each_followed_by_a_hint_and_later_ones_by_none(chat: Chat):
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        for number, words in enumerate(("ctrl+w why", "f6 or f7", "alt+up", "enter send"), 1):
            await say(pilot, f"question {number}")
            await wait_until(pilot, lambda count=number: app.chat._turns_ever == count)
            await wait_until(pilot, lambda words=words: told(app).startswith(words))


async def test_hint_goes_with_the_next_message(chat: Chat):
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: told(app).startswith("ctrl+w why"))
        await pilot.press(*"more", "enter")
        await wait_until(pilot, lambda: not told(app).startswith("ctrl+w why"))


async def test_hint_names_a_moved_key(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[keys]\nwhy = "f9"\n')
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: told(app).startswith("f9 why"))


def test_nobody_is_told_anything_before_or_after():
    assert hint_after(0, {}) == hint_after(len(HINTS) + 1, {}) == ""
