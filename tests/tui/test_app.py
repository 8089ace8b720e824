"""The application: how it begins, is left and fails, and its keys."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from textual.app import ComposeResult

from routing.conversation import Delta
from tests.tui.conftest import SIZE, Chat, ready, say, stored, streaming, typed, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.screens.chat import ChatScreen
from tui.sessions import Message, Sessions
from tui.widgets.history import History
from tui.widgets.welcome import Welcome
from tui.widgets.why import Why


async def test_leaving_keeps_what_has_come(chat: Chat):
    gate = asyncio.Event()
    app = chat(FakeEngine([reply_events("x")[0], Delta("the first half"), gate]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await streaming(pilot, "hi")
    last = stored(app)[-1]
    assert (last.text, last.state) == ("the first half", "cut")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
async def test_closed_terminal_and_kill_leave_in_order(chat: Chat, number: signal.Signals):
    engine = FakeEngine([reply_events("x")[0], Delta("the first half"), asyncio.Event()])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert signal.getsignal(number) != signal.SIG_DFL  # else the tests would end
        await streaming(pilot, "hi")
        os.kill(os.getpid(), number)
        await wait_until(pilot, lambda: app.return_code == 0)
    assert engine.closed
    last = stored(app)[-1]
    assert (last.text, last.state) == ("the first half", "cut")
    assert not app.chat.program.paths.log.exists()


async def test_closed_terminal_that_says_continue_is_not_taken_again(chat: Chat):
    said = list[str]()
    former = [(number, signal.getsignal(number)) for number in (signal.SIGTSTP, signal.SIGCONT)]
    signal.signal(signal.SIGTSTP, lambda *_: said.append("suspend"))  # as Textual's driver does
    signal.signal(signal.SIGCONT, lambda *_: said.append("resume"))
    try:
        async with chat(FakeEngine()).run_test(size=SIZE) as pilot:
            await ready(pilot)
            for number in (signal.SIGCONT, signal.SIGTSTP, signal.SIGCONT, signal.SIGCONT):
                os.kill(os.getpid(), number)
                await pilot.pause()
    finally:
        for number, handler in former:
            signal.signal(number, handler)
    assert said == ["suspend", "resume"]


async def test_leaving_waits_for_a_slow_disk(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    app = chat(FakeEngine(reply_events("all of it")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        turns = app.chat.talk.turns
        update = turns.session.update

        def update_slowly(message: Message) -> Message:
            time.sleep(0.3)
            return update(message)

        monkeypatch.setattr(turns.session, "update", update_slowly)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        await wait_until(pilot, lambda: turns.last and turns.last.done)
    [_, reply] = stored(app)
    assert (reply.text, reply.state) == ("all of it", "done")


@pytest.mark.parametrize("demo", [True, False])
async def test_what_is_typed_before_the_first_paint_is_not_lost(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, demo: bool
):
    engine = FakeEngine()
    app = chat(engine, demo=demo)
    compose = app.chat.compose

    def compose_late() -> ComposeResult:
        for key in typed("hi madam\n"):
            app.post_message(key)
        yield from compose()

    monkeypatch.setattr(app.chat, "compose", compose_late)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        if demo:
            await wait_until(pilot, lambda: engine.requests)
        else:
            await wait_until(pilot, lambda: app.chat.query_one(Welcome).holds_message)
            assert app.chat.composer.text == "hi madam"
    assert [request.turns[-1].text for request in engine.requests] == ["hi madam"] * demo


async def test_what_was_thrown_away_was_spent_this_month(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        first = app.chat.talk.turns.session
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: first.read_only)  # closed: another one is open
        await wait_until(pilot, lambda: app.chat.month.spent_usd == pytest.approx(0.0004))
        app.chat.sessions.delete(first.id)
        app.chat.list_sessions()
        await wait_until(pilot, lambda: not app.chat.query_one(History).shown)
        assert app.chat.month.spent_usd == pytest.approx(0.0004)


async def test_old_trash_is_emptied_in_the_background(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tui.screens.sessions.PURGE_SECONDS", 0.01)
    app = chat()
    trash = app.chat.program.paths.sessions / "trash"
    trash.mkdir(parents=True)
    old = trash / "20250131T120000000000-00000000.json"
    old.touch()
    os.utime(old, (0, 0))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: not old.exists())


async def test_temporary_chat_keeps_nothing_whatever_is_begun(chat: Chat):
    app = chat()
    app.chat.temporary = True
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        first = app.chat.talk.turns.session.id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != first)
        await say(pilot, "two")
    assert not list(app.chat.program.paths.sessions.glob("*.json"))


async def test_panels_fold_on_a_narrow_screen(chat: Chat):
    for width, why, history in ((110, True, True), (95, False, True), (60, False, False)):
        app = chat()
        async with app.run_test(size=(width, 20)) as pilot:
            await ready(pilot)
            await say(pilot, "hi")
            assert app.chat.query_one(Why).display == why
            assert app.chat.query_one(History).display == history


async def test_keys_and_commands_before_the_conversations_are_loaded_do_no_harm(chat: Chat):
    app = chat()
    gate, open_sessions = threading.Event(), app.chat._open_sessions

    def open_later() -> Sessions:
        gate.wait(20)
        return open_sessions()

    app.chat._open_sessions = open_later
    async with app.run_test(size=SIZE) as pilot:
        for binding in ChatScreen.BINDINGS:
            if binding.id not in {"palette", "keys", "settings"}:
                await app.run_action(binding.action, app.chat)
        for name in ("new", "sessions", "rename x", "export md", "cost", "system x"):
            app.chat.carry_out(f"/{name}")
        gate.set()
        await ready(pilot)
        await say(pilot, "hi")
    [prompt, reply] = stored(app)
    assert (prompt.text, reply.state) == ("hi", "done")


async def test_keys_can_be_moved(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[keys]\nwhy = "f9"\n')
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f9")
        await wait_until(pilot, lambda: app.chat.query_one(Why).display)
        assert {binding.id: binding.key for binding in app.chat.key_list()}["why"] == "f9"


async def test_failure_of_the_chat_itself_shows_no_values(chat: Chat):
    app = chat()

    def fail() -> None:
        key = "sk-never-show-this"
        raise RuntimeError(f"a mistake of {len(key)} letters")

    shown = []
    app.panic = lambda *renderables: shown.extend(map(str, renderables))

    async def chat_and_fail() -> None:
        async with app.run_test(size=SIZE) as pilot:
            await ready(pilot)
            app.call_later(fail)
            await wait_until(pilot, lambda: shown)
            app.exit()

    with pytest.raises(RuntimeError):
        await chat_and_fail()
    log = app.chat.program.paths.log
    assert "a mistake of 18 letters" in log.read_text()
    assert "never-show" not in log.read_text() + "".join(shown)
    assert str(log) in shown[0]


async def test_engine_is_closed_with_the_chat(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
    assert engine.closed
