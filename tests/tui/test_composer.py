"""Typing, recalling, completing, pasting."""

import pytest
from textual.events import Key, Paste

from routing import errors
from tests.tui.conftest import SIZE, Chat, offered, ready, say, typed, wait_until
from tests.tui.fakes import FakeEngine
from tui.screens.slash import COMMANDS
from tui.widgets.card import Card


async def test_newline_comes_after_what_was_typed_before_it(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for key in [*typed("one"), Key("ctrl+j", "\n"), *typed("two")]:
            app.post_message(key)
        await wait_until(pilot, lambda: app.chat.composer.text == "one\ntwo")


async def test_unknown_command_names_the_nearest_and_is_not_sent(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        app.chat.composer.insert("/wek")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app._notifications)
        [note] = app._notifications
        assert "/weak" in note.message
        assert app.chat.composer.text == "/wek"
    assert not engine.requests


async def test_double_slash_sends_a_slash(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "//weak is a word")
        await app.chat._command("/edit")
        assert app.chat.composer.text == "//weak is a word"
        await say(pilot, app.chat.composer.text)
    assert [request.turns[0].text for request in engine.requests] == ["/weak is a word"] * 2


async def test_completion_is_taken_with_tab(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("slash", "s", "e")
        await offered(pilot)
        await pilot.press("down", "tab")
        await wait_until(pilot, lambda: app.chat.composer.text == "/search ")


async def test_every_command_can_be_gone_to_from_a_slash(chat: Chat):
    app = chat()
    async with app.run_test(size=(60, 20)) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        await offered(pilot)
        await pilot.press("up", "tab")  # the last one
        await wait_until(pilot, lambda: app.chat.composer.text == f"/{list(COMMANDS)[-1]}")


async def test_up_recalls_and_down_comes_back(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await say(pilot, "second")
        app.chat.composer.insert("draft")
        await pilot.press("up", "up")
        await wait_until(pilot, lambda: app.chat.composer.text == "first")
        await pilot.press("down", "down")
        await wait_until(pilot, lambda: app.chat.composer.text == "draft")


async def test_newline_key_does_not_send(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("a", "ctrl+j", "b")
        assert app.chat.composer.text == "a\nb"
    assert not engine.requests


async def test_a_megabyte_is_pasted_aside_and_sent_whole(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    pasted = "line [/foo]\n" * 90_000
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.draft.post_message(Paste(pasted))
        await wait_until(pilot, lambda: app.chat.composer.draft.text)
        assert len(app.chat.composer.draft.text) < 60
        await pilot.press("enter")
        await wait_until(pilot, lambda: engine.requests and app.chat.talk.turns.last.done)
        await pilot.press("up", "enter")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
    assert [request.turns[-1].text for request in engine.requests] == [pasted, pasted]


async def test_a_megabyte_that_failed_comes_back_aside(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")]))
    pasted = "line [/foo]\n" * 90_000
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.draft.post_message(Paste(pasted))
        await wait_until(pilot, lambda: app.chat.composer.draft.text)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.query(Card))
        await wait_until(pilot, lambda: app.chat.composer.text == pasted)
        assert len(app.chat.composer.draft.text) < 60


async def test_ctrl_c_clears_then_quits(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("a", "ctrl+c")
        assert app.chat.composer.text == ""
        await pilot.press("ctrl+c")
        await say(pilot, "hi")
        await pilot.press("ctrl+c")  # the first again: something was done between
        await pilot.pause()
        assert not app._exit
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: app._exit)


async def test_second_ctrl_c_quits_for_a_while_only(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tui.screens.chat.LEAVING_SECONDS", -1)
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+c", "ctrl+c")
        await pilot.pause()
        assert not app._exit


async def test_cost_tells_the_conversation_s_and_the_month_s(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.month.spent_usd)
        await app.chat._command("/cost")
        await wait_until(pilot, lambda: app._notifications)
        [note] = app._notifications
        assert note.message.startswith("Spent $0.0004 for 900 tokens in and 300 out;")
        assert note.message.endswith("This month, all conversations: $0.0004.")
