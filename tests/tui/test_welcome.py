"""The first run, and a chat without models."""

import pytest

from routing import errors
from tests.tui.conftest import SIZE, Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine
from tui.widgets.card import Card
from tui.widgets.reply import Reply
from tui.widgets.welcome import Empty, Welcome


@pytest.mark.parametrize("demo", [True, False])
async def test_first_screen_is_shown_to_its_last_line(chat: Chat, demo: bool):
    app = chat(demo=demo)
    async with app.run_test(size=(60, 40)) as pilot:
        await ready(pilot)
        first = app.chat.query_one(Empty if demo else Welcome)
        for width in (60, 70, 79, 80, 81):
            await pilot.resize_terminal(width, 40)
            height = first.get_content_height(first.size, app.size, first.content_size.width)
            assert first.content_size.height == height, width


@pytest.mark.parametrize("keys", [["d", "enter"], ["shift+tab", "d"]])
async def test_first_run_starts_the_demo_with_one_letter(chat: Chat, keys: list[str]):
    app = chat(demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: app.chat.query_one(Welcome).servers is not None)
        await pilot.press(*keys)
        await wait_until(pilot, lambda: app.chat.query(Empty))
        await say(pilot, "hi")
        assert app.chat.query_one(Reply).prose.source == "Played back."


async def test_first_run_names_keys_and_shows_none(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    app = chat(demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("m", "enter")
        await wait_until(pilot, lambda: len(app.screen_stack) == 2)
        await wait_until(pilot, lambda: "OPENAI_API_KEY" in app.export_screenshot())
        picture = app.export_screenshot()
    assert "secret" not in picture


async def test_first_letters_are_the_message_s_whatever_the_card_offers(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tui.widgets.actions.TAKEN_SECONDS", 600)
    app = chat(FakeEngine([errors.NetworkError("offline")]), demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"dkm", "enter")
        await wait_until(pilot, lambda: app.chat.query_one(Welcome).has_focus)
        assert app.chat.composer.text == "dkm"
        await pilot.press("d")
        await wait_until(pilot, lambda: app.chat.composer.text == "dkmd")
        await app.chat.use_demo()
        await wait_until(pilot, lambda: not app.chat.query(Welcome))
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query_one(Card).has_focus)
        app.chat.composer.clear()
        await pilot.press("r")
        await wait_until(pilot, lambda: app.chat.composer.text == "r")


async def test_message_without_models_is_sent_once_there_are_some(chat: Chat):
    engine = FakeEngine()
    app = chat(engine, demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("not lost")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.query_one(Welcome).has_focus)
        assert app.chat.query_one("#waiting").display
        assert app.chat.composer.text == "not lost"
        await pilot.press("enter", "d")
        await wait_until(pilot, lambda: app.chat.talk.turns.last and app.chat.talk.turns.last.done)
        assert app.chat.composer.text == ""
    assert [request.turns[-1].text for request in engine.requests] == ["not lost"]


async def test_message_that_was_changed_while_it_waited_is_not_sent(chat: Chat):
    engine = FakeEngine()
    app = chat(engine, demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("half")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.query_one(Welcome).has_focus)
        await pilot.press("exclamation_mark")
        await app.chat.use_demo()
        await wait_until(pilot, lambda: not app.chat.query(Welcome))
        await pilot.pause()
        assert app.chat.composer.text == "half!"
    assert engine.requests == []


async def test_old_conversation_asks_for_models_too(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "before")
        app.chat.talk.turns.routing.pool = None
        app.chat.composer.insert("after")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.query(Welcome))
        await wait_until(pilot, lambda: app.chat.query_one(Welcome).has_focus)
        await pilot.press("d")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.text == "after")
        await wait_until(pilot, lambda: not app.chat.query(Welcome))
