"""What is offered while the argument of a command is typed."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import SIZE, Chat, offered, ready, wait_until
from tests.tui.fakes import FakeEngine
from tui.screens.completion import MOST, complete

POOL = ("demo/strong", "demo/middle", "demo/weak")


async def begin(pilot: Pilot[None], text: str) -> None:
    """Type the text, and wait for what it offers."""
    pilot.app.chat.composer.clear()
    pilot.app.chat.composer.insert(text)
    await offered(pilot)


async def test_arguments_are_those_that_the_command_takes_now(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[models."openai/house"]\napi_base = "127.0.0.1:1"\n')
    app = chat(FakeEngine(), demo=False, pool=POOL)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)

        def lines(text: str) -> list[str]:
            return [line for line, _ in complete(app.chat, text)]

        assert lines("/model DEMO/") == [f"/model {name}" for name in POOL]
        assert lines("/model s") == ["/model strong "]
        assert lines("/model weak openai/h") == ["/model weak openai/house"]
        assert len(lines("/model strong openai/")) == MOST
        assert lines("/theme con") == ["/theme contrast"]
        assert lines("/router ri") == ["/router ridge"]
        assert lines("/router ridge") == lines("/rename x") == lines("/strong hi") == []
        assert lines("//model demo") == []


async def test_a_file_is_offered_in_a_message_after_a_command_too(chat: Chat, tmp_path: Path):
    (tmp_path / "notes.md").write_text("a note")
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await begin(pilot, "/weak sum up @no")
        await pilot.press("tab")
        await wait_until(pilot, lambda: app.chat.composer.text == "/weak sum up @notes.md ")
        await pilot.press("enter")
        await wait_until(pilot, lambda: engine.requests)
    assert engine.requests[0].pin == "weak"
    assert "a note" in engine.requests[0].turns[-1].text


@pytest.mark.parametrize("keys", [["tab"], ["down", "tab"]])
async def test_tab_writes_the_first_argument_or_the_one_that_was_gone_to(
    chat: Chat, keys: list[str]
):
    app = chat(FakeEngine(), demo=False, pool=POOL)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await begin(pilot, "/model demo/")
        await pilot.press(*keys)
        await wait_until(pilot, lambda: app.chat.composer.text == "/model demo/strong")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.routing.pin == "demo/strong")


async def test_enter_carries_out_what_was_typed_unless_another_was_gone_to(chat: Chat):
    app = chat(FakeEngine(), demo=False, pool=POOL)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await begin(pilot, "/model demo/")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app._notifications)
        assert "names several of the models" in next(iter(app._notifications)).message
        await begin(pilot, "/model demo/")
        await pilot.press("down", "down", "enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.routing.pin == "demo/middle")
        assert app.chat.composer.text == ""
