"""Hints for the first turns that a person ever has."""

from pathlib import Path

import pytest

from tests.tui.conftest import Chat, ready, say, wait_until
from tui.app import ChatApp
from tui.hints import HINTS, hint_after


@pytest.fixture(autouse=True)
def _hints(_no_hints: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.hints.HINTS", HINTS)


def told(app: ChatApp) -> list[str]:
    return [note.message for note in app._notifications]


async def test_first_turns_are_each_followed_by_a_hint_and_later_ones_by_none(chat: Chat):
    app = chat()
    async with app.run_test(notifications=True) as pilot:
        await ready(pilot)
        for number in range(len(HINTS)):
            await say(pilot, f"question {number}")
            await wait_until(pilot, lambda count=number + 1: app.chat._turns_ever == count)
        assert "ctrl+w says why" in told(app)[0]
        assert len(told(app)) == len(HINTS)
        await say(pilot, "one more")
        await wait_until(pilot, lambda: app.chat._turns_ever == len(HINTS) + 1)
        assert len(told(app)) == len(HINTS)


async def test_hint_names_a_moved_key(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[keys]\nwhy = "f9"\n')
    app = chat()
    async with app.run_test(notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: told(app))
        assert told(app)[0].startswith("f9 says why")


def test_nobody_is_told_anything_before_or_after():
    assert hint_after(0, {}) == hint_after(len(HINTS) + 1, {}) == ""
