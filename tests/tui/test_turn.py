"""A turn on the screen and on disk, from the message to the stored reply."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routing import errors
from routing.conversation import Delta, Thinking
from routing.events import Event, TurnRequest
from tests.tui.conftest import SIZE, Chat, ready, say, stored, streaming, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.errors import StoreError
from tui.screens.saying import FOLLOWS
from tui.widgets.card import Card
from tui.widgets.meter import Meter
from tui.widgets.reply import Reply
from tui.widgets.said import Said
from tui.widgets.welcome import Empty


async def test_a_turn_is_shown_and_stored(chat: Chat):
    app = chat(FakeEngine(reply_events("Hello **there**.")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        reply = app.chat.query_one(Reply)
        assert reply.prose.source == "Hello **there**."
        assert reply.badge.decision.model == "demo/weak"
        assert reply.badge.cost == "$0.0004"
        assert app.chat.query_one(Meter).spending.ledger.weak_turns == 1
    prompt, answer = stored(app)
    assert (prompt.text, prompt.state) == ("hi", "sent")
    assert (answer.text, answer.state) == ("Hello **there**.", "done")
    assert answer.bill.cost_usd == 0.0004


async def test_badge_stands_before_the_first_token(chat: Chat):
    gate = asyncio.Event()
    events = reply_events("later")
    thought = asyncio.Event()
    app = chat(FakeEngine([events[0], thought, Thinking(), gate, *events[1:]]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        await wait_until(
            pilot, lambda: app.chat.query(Reply) and app.chat.query_one(Reply).decision
        )
        assert app.chat.query_one(Reply).prose.source == ""
        said = "waiting for demo/weak · esc stops"
        await wait_until(pilot, lambda: app.chat.composer.border_title == said)
        thought.set()
        said = "demo/weak is thinking · esc stops"
        await wait_until(pilot, lambda: app.chat.composer.border_title == said)
        gate.set()
        await wait_until(pilot, lambda: app.chat.query_one(Reply).prose.source == "later")


async def test_message_is_on_disk_before_it_is_sent(chat: Chat):
    seen = []

    class Looking(FakeEngine):
        async def turn(self, request: TurnRequest) -> AsyncIterator[Event]:
            seen.extend(message.text for message in stored(app))
            async for event in super().turn(request):
                yield event

    app = chat(Looking())
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "keep this")
    assert seen == ["keep this"]


async def test_escape_stops_and_keeps_the_partial_reply(chat: Chat):
    gate = asyncio.Event()
    engine = FakeEngine([reply_events("x")[0], Delta("the first half"), gate])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        turns = await streaming(pilot, "hi")
        await pilot.press("escape")
        await wait_until(pilot, lambda: turns.live is None)
        assert app.chat.query_one(Reply).prose.source == "the first half"
        await wait_until(pilot, lambda: turns.last.reply and turns.last.reply.state == "stopped")
    assert engine.stopped == 1
    assert stored(app)[-1].text == "the first half"


@pytest.mark.parametrize("stopped", [False, True])
async def test_message_sent_while_a_reply_streams_follows_it(chat: Chat, stopped: bool):
    gate = asyncio.Event()
    decided, delta, *end = reply_events("first")
    engine = FakeEngine([decided, delta, gate, *end])
    app = chat(engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await streaming(pilot, "one")
        app.chat.composer.insert("two")
        await pilot.press("alt+s")
        await wait_until(pilot, lambda: app._notifications)
        assert [note.message for note in app._notifications] == [FOLLOWS]
        assert app.chat.composer.text == "two"
        if stopped:
            await pilot.press("escape")
        gate.set()
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert (engine.requests[1].turns[-1].text, engine.requests[1].pin) == ("two", "strong")
        assert app.chat.composer.text == ""
        await wait_until(pilot, lambda: not app.chat.talk.turns.live)


@pytest.mark.parametrize("end", ["it fails", "the draft changes"])
async def test_message_that_was_to_follow_stays_a_draft_where(chat: Chat, end: str):
    gate = asyncio.Event()
    events = reply_events("first")
    failing = [*events[:2], gate, errors.NetworkError("offline")]
    engine = FakeEngine(failing if end == "it fails" else [*events[:2], gate, *events[2:]])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        turns = await streaming(pilot, "one")
        app.chat.composer.insert("two")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.composer.text == "two")
        if end == "the draft changes":
            await pilot.press("s")
        gate.set()
        await wait_until(pilot, lambda: turns.last.done and turns.last.reply)
        await wait_until(pilot, lambda: app.chat._following is None)
        await pilot.pause()
        assert app.chat.composer.text.startswith("two")
    assert len(engine.requests) == 1


async def test_partial_reply_is_saved_while_it_streams(chat: Chat):
    gate = asyncio.Event()
    app = chat(FakeEngine([reply_events("x")[0], Delta("so far"), gate]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        turns = await streaming(pilot, "hi")
        app.chat.talk._save_partial()
        await wait_until(pilot, lambda: turns.live.reply and turns.live.reply.text == "so far")
        assert turns.live.reply.state == "streaming"


async def test_what_a_reply_costs_is_stored_with_its_first_words(chat: Chat):
    decided, metered = reply_events("x")[0], reply_events("x")[-2]
    app = chat(FakeEngine([decided, Delta("so far"), metered, asyncio.Event()]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.live and turns.live.reply and turns.live.reply.bill)
        answer = stored(app)[-1]
        assert (answer.text, answer.state) == ("so far", "streaming")
        assert answer.bill.cost_usd == 0.0004
        assert answer.usage.estimated


async def test_message_waits_for_the_router_to_warm_up(chat: Chat):
    engine = FakeEngine()
    engine.warm.clear()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.query(Reply))
        assert "warm up" in app.chat.query_one(Reply).badge.waiting
        engine.warm.set()
        await wait_until(pilot, lambda: app.chat.query_one(Reply).prose.source == "Played back.")


async def test_what_the_engine_does_is_said(chat: Chat):
    engine = FakeEngine()
    engine.warm.clear()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: engine.on_notice)
        engine.on_notice("The index is built anew.")
        await wait_until(pilot, lambda: "anew" in str(app.chat.query_one(Empty).content))
        assert any("anew" in toast.message for toast in app._notifications)
        engine.warm.set()
        await wait_until(pilot, lambda: "848 battles" in str(app.chat.query_one(Empty).content))


async def test_retry_answers_the_same_message(chat: Chat):
    engine = FakeEngine([errors.NetworkError("offline")], reply_events("back"))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("r")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "back")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
        assert len(app.chat.query(Said)) == len(app.chat.query(Reply)) == 1
        assert app.chat.composer.text == ""
    assert [said.text for said in stored(app)] == ["hi", "back"]
    assert [turn.text for turn in engine.requests[1].turns] == ["hi"]


async def test_message_that_the_disk_refused_can_be_sent_where_nothing_is_kept(chat: Chat):
    engine = FakeEngine(reply_events("back"))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.program.paths.sessions.write_text("a file where the folder should be")
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card) and app.chat.query_one(Card).has_focus)
        app.chat.query_one(Card).post_message(Card.Chosen("unkept"))
        await wait_until(pilot, lambda: not app.chat.query(Card))
        assert app.chat.composer.text == "hi"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "back")


async def test_message_that_the_disk_refused_is_stored_once(chat: Chat):
    engine = FakeEngine(reply_events("back"))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        in_the_way = app.chat.program.paths.sessions / f"{app.chat.talk.turns.session.id}.json"
        in_the_way.mkdir(parents=True)
        await say(pilot, "hi")
        assert isinstance(app.chat.query_one(Card).error, StoreError)
        assert not engine.requests
        in_the_way.rmdir()
        await pilot.press("r")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "back")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
    assert [said.text for said in stored(app)] == ["hi", "back"]
    assert [turn.text for turn in engine.requests[0].turns] == ["hi"]


async def test_other_model_answers_when_asked(chat: Chat):
    engine = FakeEngine([reply_events("x")[0], errors.RateLimitError("slow", retry_after=9.0)])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        card = app.chat.query_one(Card)
        assert card.seconds_left in {8, 9}
        await pilot.press("o")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert engine.requests[1].pin == "demo/strong"


@pytest.mark.parametrize(("fallback", "requests"), [(True, 2), (False, 1)])
async def test_rate_limit_falls_back_only_where_set(chat: Chat, fallback: bool, requests: int):
    engine = FakeEngine([reply_events("x")[0], errors.RateLimitError("slow")])
    app = chat(engine, fallback=fallback)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.talk.turns.live is None)
        assert len(engine.requests) == requests


async def test_reply_that_fell_back_stands_beside_the_one_that_failed(chat: Chat):
    engine = FakeEngine([reply_events("x")[0], errors.RateLimitError("slow")], reply_events("ok"))
    app = chat(engine, fallback=True)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "ok")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.done)
    assert [said.text for said in stored(app)] == ["hi", "ok"]


async def test_edited_message_takes_the_place_of_the_failed_one(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")], reply_events("ok")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first try")
        await say(pilot, "second try")
        assert len(app.chat.query(Said)) == 1
    assert [said.text for said in stored(app)] == ["second try", "ok"]


async def test_pins_and_auto(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await pilot.press("f4")
        await say(pilot, "two")
        for character in "/auto":
            await pilot.press("slash" if character == "/" else character)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.routing.pin is None)
        await say(pilot, "three")
    assert [request.pin for request in engine.requests] == [None, "strong", None]


async def test_share_is_changed_and_kept(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.chat._command("/threshold 50%")
        await wait_until(pilot, lambda: app.chat.talk.threshold == 0.5)
        settings = app.chat.program.paths.settings
        await wait_until(pilot, settings.exists)
        assert "share = 0.5" in settings.read_text()


async def test_spent_budget_leaves_the_weak_model(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[budget]\nmonthly_usd = 0.0001\npast = "weak"\n')
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await wait_until(pilot, lambda: app.chat.month.spent_usd)
        await say(pilot, "two")
    assert [request.pin for request in engine.requests] == [None, "weak"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/model strong gpt5000", "No known provider"),
        ("/model strong demo/weak", "different models"),
    ],
)
async def test_model_that_cannot_be_used_is_not_taken(chat: Chat, text: str, why: str):
    app = chat()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        app.chat.composer.insert(text)
        await pilot.press("enter")
        await wait_until(pilot, lambda: any(why in t.message for t in app._notifications))
        assert app.chat.composer.text == text
        assert app.chat.talk.turns.routing.pool.names == ("demo/strong", "demo/weak")
