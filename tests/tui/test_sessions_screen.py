"""Conversations renamed, deleted and brought back; pins and instructions that belong to one."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.events import AppFocus
from textual.widgets import Input, OptionList

from routing.conversation import Usage
from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import NOON, FakeEngine, bill, decision, reply_events
from tui.app import ChatApp, farewell
from tui.budget import Month
from tui.hints import OLDER_TRASH
from tui.messages import Listed
from tui.program import Program
from tui.screens.title import TitleScreen
from tui.sessions import Sessions, to_json, to_markdown
from tui.widgets.find import Find
from tui.widgets.header import Header
from tui.widgets.history import WINDOW, History, Item
from tui.widgets.reply import Reply
from tui.widgets.welcome import Empty

SIZE = (110, 34)


def on_disk(app: ChatApp) -> Sessions:
    return Sessions(app.chat.program.paths.sessions)


def titles(app: ChatApp) -> list[str]:
    return [info.title for info in on_disk(app).list()]


async def test_one_message_or_a_whole_conversation_is_pinned(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("to weak")
        await pilot.press("alt+w")
        await wait_until(pilot, lambda: engine.requests and app.chat.talk.turns.last.done)
        await say(pilot, "/strong to strong")
        await say(pilot, "routed")
        await app.chat._command("/strong")
        await say(pilot, "pinned")
        app.chat.composer.insert("routed all the same")
        await pilot.press("alt+a")
        await wait_until(pilot, lambda: len(engine.requests) == 5)
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
        await say(pilot, "pinned again")
    pins = [request.pin for request in engine.requests]
    assert pins == ["weak", "strong", None, "strong", None, "strong"]
    assert [r.turns[-1].text for r in engine.requests][:2] == ["to weak", "to strong"]


async def test_pin_belongs_to_its_conversation_and_is_kept(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        first = app.chat.talk.turns.session
        await pilot.press("f3")
        await wait_until(pilot, lambda: first.conversation.pin == "weak")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.talk.turns.session is not first)
        await wait_until(pilot, lambda: "auto" in str(app.chat.query_one(Header).mode))
        app.chat.history.post_message(History.Opened(first.id))
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id == first.id)
        assert app.chat.talk.turns.routing.pin == "weak"
    assert on_disk(app).read(first.id).pin == "weak"


async def test_instructions_come_first_are_shown_and_kept(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "plain")
        await app.chat._command("/system be brief [/foo]")
        line = app.chat.query_one(".talk--instructions")
        await wait_until(pilot, lambda: line.display)
        assert "be brief [/foo]" in str(line.content)
        await say(pilot, "how?")
        await app.chat._command("/system")
        assert app.chat.composer.text == "/system be brief [/foo]"
        app.chat.composer.clear()
        [info] = on_disk(app).list()
        kept = on_disk(app).read(info.id)
        await app.chat._command("/system none")
        await wait_until(pilot, lambda: not line.display)
        await say(pilot, "and now?")
    roles = [request.turns[0].role for request in engine.requests]
    assert roles == ["user", "system", "user"]
    assert engine.requests[1].turns[0].text == "be brief [/foo]"
    assert "## System\n\nbe brief [/foo]" in to_markdown(kept)
    assert '"instructions": "be brief [/foo]"' in to_json(kept)


async def test_list_that_comes_late_does_not_take_the_newer_ones_place(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
):
    app = chat()
    late, ended = threading.Event(), threading.Event()

    def none_and_late() -> Listed:
        late.wait(60)
        ended.set()
        return Listed("", [], Month(), 0)

    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        with monkeypatch.context() as patched:
            patched.setattr(app.chat, "_listed", none_and_late)
            app.chat.list_sessions()
            await pilot.pause()
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.history.shown)
        late.set()
        await wait_until(pilot, ended.is_set)
        await pilot.pause()
        assert [item.title for item in app.chat.history.shown] == ["hi"]


async def test_what_another_window_said_is_listed_and_counted_when_one_comes_back(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.workers.wait_for_complete()
        elsewhere = Sessions(app.chat.program.paths.sessions, clock=lambda: NOON).create()
        elsewhere.add("user", "said elsewhere")
        reply = elsewhere.add("assistant", "x", decision=decision("weak"))
        elsewhere.update(replace(reply, usage=Usage(900, 300), bill=bill("weak")))
        assert not app.chat.history.shown
        app.post_message(AppFocus())
        await wait_until(pilot, lambda: [item.title for item in app.chat.history.shown])
        await wait_until(pilot, lambda: app.chat.month.spent_usd == bill("weak").cost_usd)


async def test_deleted_conversation_comes_back(chat: Chat):
    app = chat(FakeEngine(reply_events("about rust")))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "tell me of rust")
        first = app.chat.talk.turns.session.id
        await wait_until(pilot, lambda: titles(app) == ["tell me of rust"])
        await app.chat._command("/delete")
        await wait_until(pilot, lambda: app.chat.query(Empty))
        await wait_until(pilot, lambda: not app.chat.history.shown)
        assert titles(app) == []
        assert "/undo" in next(iter(app._notifications)).message
        await app.chat._command("/undo")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id == first)
        await wait_until(pilot, lambda: app.chat.query(Reply))
        assert app.chat.query_one(Reply).prose.source == "about rust"
        assert [toast.message for toast in app._notifications] == ["“tell me of rust” is back."]
        await say(pilot, "go on")
    assert len(on_disk(app).read(first).branch()) == 4


async def test_nothing_to_delete_and_nothing_to_bring_back_are_said(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        for command, said in (
            ("/delete", "There is nothing to delete yet."),
            ("/undo", f"Nothing was deleted since the chat was opened. {OLDER_TRASH}"),
        ):
            await app.chat._command(command)
            await wait_until(
                pilot, lambda said=said: [n.message for n in app._notifications] == [said]
            )


async def test_history_deletes_brings_back_and_renames_by_key(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        first = app.chat.talk.turns.session.id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != first)
        await say(pilot, "second")
        await wait_until(pilot, lambda: len(app.chat.history.shown) == 2)
        await pilot.press("ctrl+b", "ctrl+b")
        await wait_until(pilot, lambda: app.chat.history.list_has_focus)
        await wait_until(pilot, lambda: "d delete" in app.chat.composer.border_title)
        stays, goes = app.chat.history.shown
        await pilot.press("end", "d")
        await wait_until(pilot, lambda: len(app.chat.history.shown) == 1)
        assert titles(app) == [stays.title]
        await wait_until(pilot, lambda: app.chat.history.list_has_focus)
        await pilot.press("u")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id == goes.session_id)
        await wait_until(pilot, lambda: len(app.chat.history.shown) == 2)
        app.chat.history.focus_list()
        await pilot.press("home", "r")
        await wait_until(
            pilot, lambda: isinstance(app.screen, TitleScreen) and app.screen.query(Input)
        )
        assert app.screen.query_one(Input).value == app.chat.history.shown[0].title
        app.screen.query_one(Input).value = "a better title"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.history.shown[0].title == "a better title")
    assert "a better title" in titles(app)


@pytest.mark.parametrize(("typed", "title"), [("new name", "new name"), ("", "hello")])
async def test_this_conversation_is_renamed(chat: Chat, typed: str, title: str):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await app.chat._command("/rename something else")
        await wait_until(pilot, lambda: app.chat.query_one(Header).title == "something else")
        await app.chat._command("/rename")
        await wait_until(
            pilot, lambda: isinstance(app.screen, TitleScreen) and app.screen.query(Input)
        )
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.query_one(Header).title == title)


async def test_temporary_chat_says_so_and_leaves_nothing(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.chat._command("/temporary")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.temporary)
        await say(pilot, "a secret")
        await wait_until(pilot, lambda: "not kept" in app.chat.query_one(Header).title)
        await app.chat._command("/delete")
        await wait_until(pilot, lambda: not app.chat.talk.turns.session.temporary)
    assert titles(app) == []


async def test_long_history_makes_its_rows_as_one_goes_down(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        items = [Item(str(number), f"title {number}") for number in range(10_000)]
        app.chat.history.show(items, today=NOON.date())
        listed = app.chat.history.query_one(OptionList)
        assert listed.option_count == WINDOW
        app.chat.history.focus_list()
        await pilot.press("end")
        await wait_until(pilot, lambda: listed.option_count == 2 * WINDOW)
        app.chat.history.show(items[1:], today=NOON.date())
        assert listed.highlighted == WINDOW - 1
        assert listed.highlighted_option.id == str(WINDOW)
        assert listed.option_count == 2 * WINDOW


async def test_conversation_is_listed_as_soon_as_its_first_message_is_sent(chat: Chat):
    gate = asyncio.Event()
    app = chat(FakeEngine([gate, *reply_events("late")]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hello")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.history.shown)
        assert app.chat.talk.turns.live
        [row] = app.chat.history.shown
        assert (row.title, row.session_id) == ("hello", app.chat.history.current)
        assert app.chat.query_one(Header).title == "hello"
        gate.set()
        await wait_until(pilot, lambda: not app.chat.talk.turns.live)


async def test_history_stands_under_its_days(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        ago = [timedelta(days=n) for n in (0, 0, 1, 29, 400)]
        items = [Item(f"{n}", f"t{n}", "", (NOON - past).isoformat()) for n, past in enumerate(ago)]
        app.chat.history.show(items, today=NOON.date())
        listed = app.chat.history.query_one(OptionList)
        rows = [(str(option.prompt).strip(), option.disabled) for option in listed.options]
        days = ["today", "yesterday", "Jan 2", "Dec 27, 2024"]
        assert [row for row, is_day in rows if is_day] == days
        assert [row for row, is_day in rows if not is_day] == ["t0", "t1", "t2", "t3", "t4"]
        app.chat.history.focus_list()
        assert listed.highlighted_option.id == "0"
        await pilot.press("down", "down")
        assert listed.highlighted_option.id == "2"
        app.chat.history.show(items[:2] + items[3:], today=NOON.date())
        assert listed.highlighted_option.id == "3"


async def test_history_that_opened_for_a_search_closes_after_it(chat: Chat):
    app = chat()
    async with app.run_test(size=(60, 20)) as pilot:
        await ready(pilot)
        await say(pilot, "tell me of rust")
        first = app.chat.talk.turns.session.id
        await pilot.press("ctrl+s", *"rust")
        await wait_until(pilot, lambda: app.chat.history.shown and app.chat.history.shown[0].found)
        assert app.chat.history.display
        assert "any word of a conversation" in app.chat.composer.border_title
        await pilot.press("escape")
        await wait_until(pilot, lambda: not app.chat.history.display)
        assert app.chat.history.words == ""
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != first)
        await app.chat._command("/search rust")
        await wait_until(pilot, lambda: app.chat.history.shown and app.chat.history.shown[0].found)
        await pilot.press("enter", "enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id == first)
        await wait_until(pilot, lambda: not app.chat.history.display)


async def test_what_a_search_found_is_gone_to_even_in_another_branch(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        session = app.chat.sessions.create("Long")
        session.add("user", "first question")
        answer = session.add("assistant", "the answer is deadlock [/foo]", state="done")
        for number in range(30):
            session.add("user", f"question {number}")
            session.add("assistant", f"answer {number}", state="done")
        other = session.add("assistant", "another answer", state="done", beside=answer.id)
        session.close()
        assert other.id in {said.id for said in session.branch()}
        await pilot.press("ctrl+s", *"dead")
        await wait_until(pilot, lambda: app.chat.history.shown and app.chat.history.shown[0].hit)
        await pilot.press("enter", "enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id == session.id)
        finder = app.chat.query_one(Find)
        await wait_until(pilot, lambda: "1 of 1" in str(finder.query_one(".find--count").content))
        talk = app.chat.talk.transcript
        found = talk.block(answer.id)
        await wait_until(pilot, lambda: talk.region.overlaps(found.region))
        assert app.chat.focused is app.chat.composer.draft
        await pilot.press("escape")
        await wait_until(pilot, lambda: not finder.display)
        app.chat.search("question 7")
        await wait_until(pilot, lambda: "question 7" in app.chat.history.shown[0].hit.snippet)
        await pilot.press("enter", "enter")
        wanted = app.chat.history.shown[0].hit.message
        assert session.conversation.messages[wanted].text == "question 7"
        await wait_until(pilot, lambda: talk.block(wanted))
        await wait_until(pilot, lambda: talk.region.overlaps(talk.block(wanted).region))
        assert "esc closes" in str(finder.query_one(".find--count").content)


async def test_conversation_open_elsewhere_is_gone_on_with_in_a_copy(chat: Chat):
    elsewhere = Sessions(Program.open(demo=True).paths.sessions).create()
    elsewhere.add("user", "from before")
    elsewhere.add("assistant", "an answer", state="done")
    engine = FakeEngine()
    app = chat(engine)
    app.chat.first_session = elsewhere.id
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: "/fork" in app.chat.composer.border_title)
        app.chat.composer.insert("go on")
        await pilot.press("enter")
        told = "It is open in another window. /fork continues in a copy."
        await wait_until(pilot, lambda: told in [note.message for note in app._notifications])
        assert app.chat.composer.text == "go on"
        assert not engine.requests
        app.chat.carry_out("/fork")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != elsewhere.id)
        await wait_until(pilot, lambda: not app.chat.talk.is_reading)
        await pilot.press("enter")
        await wait_until(pilot, lambda: engine.requests)
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
    assert [turn.text for turn in engine.requests[0].turns] == ["from before", "an answer", "go on"]
    elsewhere.close()


async def test_found_words_are_in_sight_in_the_sidebar(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "prove that this scheduler cannot deadlock")
        await pilot.press("ctrl+s", *"lock")
        await wait_until(pilot, lambda: app.chat.history.shown and app.chat.history.shown[0].found)
        assert app.chat.history.shown[0].found == "…t deadlock"


async def test_chat_begins_with_the_session_that_was_asked_for(chat: Chat):
    kept = Sessions(Program.open(demo=True).paths.sessions).create("Named")
    kept.add("user", "from before")
    kept.close()
    app = chat()
    app.chat.first_session = kept.id
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert app.chat.talk.turns.session.id == kept.id
        assert app.chat.history.current == kept.id
        assert not app.query(Empty)


async def test_first_session_that_is_gone_is_told_and_a_new_one_begins(chat: Chat):
    app = chat()
    app.chat.first_session = "20260101T000000000000-00000000"
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: app._notifications)
        assert "00000000" in next(iter(app._notifications)).message
        await say(pilot, "hi")


async def test_leaving_the_history_ends_its_search(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in ("apples", "pears"):
            await say(pilot, text)
            await pilot.press("ctrl+n")
        await pilot.press("ctrl+s", *"apples")
        await wait_until(pilot, lambda: [i.title for i in app.chat.history.shown] == ["apples"])
        await pilot.press("escape")
        await wait_until(pilot, lambda: len(app.chat.history.shown) == 2)
        assert app.chat.composer.draft.has_focus


async def test_chat_that_is_left_while_it_opens_ends_in_order(chat: Chat):
    app = chat()
    begun, gate, opened = threading.Event(), threading.Event(), app.chat._open_sessions

    def slowly() -> Sessions:
        begun.set()
        gate.wait()
        return opened()

    app.chat._open_sessions = slowly
    async with app.run_test(size=SIZE) as pilot:
        await wait_until(pilot, begun.is_set)
        app.exit()
        gate.set()
    assert app.return_code == 0


async def test_whoever_leaves_is_told_how_to_come_back(chat: Chat):
    app = chat(FakeEngine(reply_events("ok")))
    assert farewell(app) == ""  # it never began
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert farewell(app) == ""
        await say(pilot, "why is the sky blue?")
        session = app.chat.talk.turns.session
    assert farewell(app) == (
        f"“why is the sky blue?” is kept: llmroute chat --session {session.id[-8:]}"
    )


async def test_of_a_temporary_chat_nothing_is_said_in_the_end(chat: Chat):
    app = chat(FakeEngine(reply_events("ok")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.chat._command("/temporary")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.temporary)
        await say(pilot, "why is the sky blue?")
    assert farewell(app) == ""
