"""Of a long conversation its end is on the screen, and the rest when one looks for it."""

import threading
from collections.abc import Sequence

import pytest
from textual.pilot import Pilot

from routing import errors
from tests.tui.conftest import SIZE, Chat, ready, say, wait_until
from tests.tui.fakes import NOON, FakeEngine, reply_events
from tui.app import ChatApp
from tui.sessions import Message
from tui.widgets.branch import View, read_branch
from tui.widgets.find import Find
from tui.widgets.history import History
from tui.widgets.meter import Meter
from tui.widgets.reply import Reply
from tui.widgets.said import Said
from tui.widgets.welcome import Empty


async def test_short_conversation_stays_at_the_top_when_there_are_fewer_reasons(chat: Chat):
    pinned = reply_events("ok", "strong", pinned=True)
    app = chat(FakeEngine([reply_events("x")[0], errors.RateLimitError("slow")], pinned))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        before = app.chat.talk.transcript.size.height
        await pilot.press("o")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
        await wait_until(pilot, lambda: app.chat.talk.transcript.size.height > before)
        await pilot.pause()
        assert app.chat.query_one(Said).region.y == app.chat.talk.transcript.region.y
        assert app.chat.talk.transcript.scroll_y == 0


async def test_end_stays_in_sight_when_the_reasons_take_its_place(chat: Chat):
    app = chat(FakeEngine(reply_events("a line\n\n" * 12)))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        transcript, reply = app.chat.talk.transcript, app.chat.query_one(Reply)
        little = transcript.size.height
        await pilot.press("ctrl+w")
        await wait_until(pilot, lambda: transcript.size.height > little)
        await pilot.pause()
        assert transcript.max_scroll_y == 0  # it fits without the reasons
        await pilot.press("ctrl+w")
        await wait_until(pilot, lambda: transcript.size.height == little)
        await pilot.pause()
        assert transcript.max_scroll_y > 0
        assert reply.region.bottom <= transcript.region.bottom


async def test_history_opens_an_earlier_conversation(chat: Chat):
    engine = FakeEngine(reply_events("about rust"), reply_events("about cheese"))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "tell me of rust")
        first = app.chat.talk.turns.session.id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != first)
        await wait_until(pilot, lambda: app.chat.query(Empty))
        await say(pilot, "tell me of cheese")
        await pilot.press("ctrl+s", *"rust")
        listed = app.chat.query_one(History)
        await wait_until(pilot, lambda: [bool(item.found) for item in listed.shown] == [True])
        await pilot.press("enter", "enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id == first)
        await wait_until(
            pilot, lambda: [r.prose.source for r in app.chat.query(Reply)] == ["about rust"]
        )
        assert app.chat.query_one(Meter).spending.ledger.weak_turns == 1
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: len(engine.requests) == 3)
        assert engine.requests[2].turns[-1].text == "tell me of rust"


async def test_long_conversation_is_shown_from_its_end_and_the_rest_on_scrolling_up(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await open_long(app, pilot)
        shown = [said.text for said in app.chat.query(Said)]
        assert shown[-1] == "question 39"
        assert len(shown) < 30
        talk = app.chat.talk.transcript
        assert talk.scroll_y == talk.max_scroll_y
        await pilot.press(*["pageup"] * 3)
        await wait_until(pilot, lambda: len(app.chat.query(Said)) > len(shown))
        while len(app.chat.query(Said)) < 40:
            await pilot.press("pageup")
        assert [said.text for said in app.chat.query(Said)] == [f"question {n}" for n in range(40)]


async def test_what_is_in_sight_stays_when_earlier_messages_come(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await open_long(app, pilot)
        talk = app.chat.talk.transcript
        talk.scroll_to(y=talk.size.height + 1, animate=False)
        await wait_until(pilot, lambda: talk.scroll_y == talk.size.height + 1)
        first, shown = talk.blocks[0], len(talk.blocks)
        before = first.region.y
        height = talk.virtual_size.height
        talk.last_reply.add("\n\nmore of the reply" * 9)  # it streams meanwhile
        talk.last_reply.paint()
        await talk.add_before([Said("one more\n" * 30, NOON)])
        await wait_until(pilot, lambda: talk.virtual_size.height > height + 30)
        assert len(talk.blocks) == shown + 1
        await wait_until(pilot, lambda: first.region.y == before)


async def test_what_was_said_long_ago_leaves_the_screen_and_comes_back(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tui.widgets.shown.MOST_SHOWN", 16)
    monkeypatch.setattr("tui.widgets.shown.STILL_SHOWN", 14)
    text = "a reply of\n\nsome paragraphs"
    app = chat(FakeEngine(*[reply_events(text) for _ in range(12)]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for number in range(12):
            await say(pilot, f"question {number}")
        talk = app.chat.talk.transcript
        await wait_until(pilot, lambda: len(talk.blocks) <= 16)
        shown = [said.text for said in app.chat.query(Said)]
        assert shown == [f"question {n}" for n in range(12 - len(shown), 12)]
        assert talk.follows_end
        assert app.chat.query(Reply).last().region.bottom <= talk.region.bottom
        while len(talk.blocks) < 24:
            await pilot.press("pageup")
        assert [said.text for said in app.chat.query(Said)] == [f"question {n}" for n in range(12)]
        first = talk.blocks[0]
        await say(pilot, "one more")
        assert talk.blocks[0] is first or talk.follows_end


async def test_message_waits_for_the_conversation_that_is_being_opened(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
):
    let_go = threading.Event()

    def slow(messages: Sequence[Message], width: int) -> list[View]:
        let_go.wait(60)
        return read_branch(messages, width)

    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        session = app.chat.sessions.create()
        session.add("user", "first question")
        session.add("assistant", "first answer", state="done")
        session.close()
        monkeypatch.setattr("tui.widgets.branch.read_branch", slow)
        app.chat.history.post_message(History.Opened(session.id))
        await wait_until(pilot, lambda: app.chat.talk.is_reading)
        await pilot.press(*"second", "enter")
        await pilot.pause()
        let_go.set()
        await wait_until(pilot, lambda: len(app.chat.query(Said)) == 2)
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
        assert [said.text for said in app.chat.query(Said)] == ["first question", "second"]


async def test_find_looks_through_what_is_not_shown_yet(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await open_long(app, pilot)
        await pilot.press("ctrl+f", *"question", "space", *"3")
        find = app.chat.query_one(Find)
        await wait_until(pilot, lambda: "of 11 " in str(find.query_one(".find--count").content))


async def open_long(app: ChatApp, pilot: Pilot[None]) -> None:
    """Open a conversation of 80 messages."""
    await ready(pilot)
    session = app.chat.sessions.create()
    for number in range(40):
        session.add("user", f"question {number}")
        session.add("assistant", f"answer {number}\n\nand more of it", state="done")
    session.close()
    app.chat.history.post_message(History.Opened(session.id))
    await wait_until(pilot, lambda: app.chat.query(Reply))
    await wait_until(pilot, lambda: app.chat.talk.transcript.max_scroll_y > SIZE[1])
    await pilot.pause()
