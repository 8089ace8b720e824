"""What went wrong stands in its turn, with what can be done about it."""

import asyncio
from dataclasses import replace

import pytest
from textual.events import Paste

from routing import errors
from routing.events import Decided
from tests.tui.conftest import SIZE, Chat, ready, say, stored, typed, wait_until
from tests.tui.fakes import FakeEngine, decision, reply_events
from tui.sessions import Sessions
from tui.widgets.card import OTHER, Card
from tui.widgets.history import History
from tui.widgets.meter import Meter
from tui.widgets.reply import Reply
from tui.widgets.said import Said
from tui.widgets.welcome import Welcome


@pytest.mark.parametrize(
    "error",
    [
        errors.NoKeyError,
        errors.AuthError,
        errors.NoCreditError,
        errors.RateLimitError,
        errors.NetworkError,
        errors.ContextError,
        errors.NoModelError,
        errors.ServiceError,
        errors.EngineGoneError,
        errors.RouterError,
    ],
)
async def test_failed_turn_shows_a_card_and_gives_the_draft_back(
    chat: Chat, error: type[errors.RoutingError]
):
    app = chat(FakeEngine([error("It failed [/foo].", hint="Do this.", detail="[red]raw")]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "my words")
        card = app.chat.query_one(Card)
        assert card.error.hint == "Do this."
        assert app.chat.composer.text == "my words"
        assert card.has_focus
        await wait_until(pilot, lambda: app.chat.talk.turns.last.reply)
    assert stored(app)[-1].state == "failed"


@pytest.mark.parametrize(
    ("strong", "offered"), [("openai/big", False), ("groq/big", False), ("demo/strong", True)]
)
async def test_other_model_is_offered_unless_it_lacks_a_key(chat: Chat, strong: str, offered: bool):
    decided = Decided(replace(decision("weak"), model="openai/small"), 10_000)
    engine = FakeEngine([decided, errors.NoKeyError("no key")])
    app = chat(engine, demo=False, strong=strong, weak="openai/small")
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card))
        assert (OTHER in app.chat.query_one(Card).actions) == offered


@pytest.mark.parametrize(("reads", "offered"), [(1000, False), (2000, True), (None, True)])
async def test_other_model_is_offered_where_it_may_read_more(
    chat: Chat, reads: int | None, offered: bool
):
    engine = FakeEngine([Decided(decision("weak"), 1000), errors.ContextError("too long")])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.talk.turns.contexts = {"demo/weak": 1000, "demo/strong": reads}
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card))
        assert (OTHER in app.chat.query_one(Card).actions) == offered


async def test_of_a_pool_the_nearest_model_that_has_its_key_is_offered_by_name(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-1")
    decided = Decided(replace(decision("weak"), model="openai/small"), 10_000)
    engine = FakeEngine([decided, errors.NoKeyError("no key")], reply_events("from afar"))
    pool = ("groq/big", "openai/middle", "openai/small")
    app = chat(engine, demo=False, pool=pool)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card))
        labels = {action.name: action.label for action in app.chat.query_one(Card).actions}
        assert labels["other"] == "answer with groq/big"
        await wait_until(pilot, lambda: app.chat.query_one(Card).has_focus)
        await pilot.press("o")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert engine.requests[1].pin == "groq/big"


@pytest.mark.parametrize(("key", "left"), [("backspace", "my word"), ("ctrl+u", "")])
async def test_keys_that_edit_go_to_the_draft_that_was_given_back(chat: Chat, key: str, left: str):
    app = chat(FakeEngine([errors.ServiceError("It failed.")]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "my words")
        await wait_until(pilot, lambda: app.chat.query_one(Card).has_focus)
        await pilot.press(key)
        await wait_until(pilot, lambda: app.chat.composer.text == left)
        assert app.chat.composer.draft.has_focus


async def test_cut_reply_can_be_continued(chat: Chat):
    engine = FakeEngine([*reply_events("half of it")[:2], errors.CutError("cut")])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        assert app.chat.query_one(Reply).prose.source == "half of it"
        assert app.chat.composer.text == ""
        await pilot.press("c")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert [turn.role for turn in engine.requests[1].turns] == ["user", "assistant", "user"]


@pytest.mark.parametrize(("reason", "why"), [("length", "tokens"), ("content_filter", "filter")])
async def test_reply_that_ended_early_is_marked_and_can_be_continued(
    chat: Chat, reason: str, why: str
):
    events = reply_events("half of it")
    early = replace(events[-1], reply=replace(events[-1].reply, finish_reason=reason))
    engine = FakeEngine([*events[:-1], early])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        assert why in str(app.chat.query_one(Card).error)
        assert app.chat.query_one(Reply).badge.cost == "$0.0004"
        assert app.chat.query_one(Meter).spending.ledger.weak_turns == 1
        last = app.chat.talk.turns.last
        await wait_until(pilot, lambda: last.reply and last.reply.state == "cut")
        await pilot.press("c")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert engine.requests[1].turns[-2].text == "half of it"


async def test_cut_reply_of_an_opened_conversation_can_be_continued(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    session = Sessions(app.chat.program.paths.sessions).create()
    session.add("user", "tell me everything")
    session.add("assistant", "half of it", state="streaming", decision=decision("strong"))
    session.close()  # as after a crash: the reply never ended
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.query_one(History).post_message(History.Opened(session.id))
        await wait_until(pilot, lambda: app.chat.query(Card))
        assert "program ended" in str(app.chat.query_one(Card).error)
        assert not app.chat.query(".reply--note")
        await wait_until(pilot, lambda: app.chat.query_one(Card).has_focus)
        await pilot.press("c")
        await wait_until(pilot, lambda: engine.requests)
        assert engine.requests[0].pin == "demo/strong"
        assert [turn.role for turn in engine.requests[0].turns] == ["user", "assistant", "user"]


async def test_unanswered_message_of_an_opened_conversation_can_be_answered(chat: Chat):
    engine = FakeEngine(reply_events("at last"))
    app = chat(engine)
    session = Sessions(app.chat.program.paths.sessions).create()
    session.add("user", "hello?")
    reply = session.add("assistant", "", state="failed")
    session.update(replace(reply, error="The network was down."))
    session.close()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.query_one(History).post_message(History.Opened(session.id))
        await wait_until(pilot, lambda: app.chat.query(Card))
        assert str(app.chat.query_one(Card).error) == "The network was down."
        await wait_until(pilot, lambda: app.chat.query_one(Card).has_focus)
        await pilot.press("r")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "at last")


async def test_reply_that_an_engine_left_half_can_be_continued(chat: Chat):
    engine = FakeEngine([*reply_events("half of it")[:2], errors.EngineGoneError("It ended.")])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("c")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert [turn.text for turn in engine.requests[1].turns][1] == "half of it"


async def test_typing_on_a_card_goes_to_the_composer(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("z")
        await wait_until(pilot, lambda: app.chat.composer.text == "hiz")


async def test_card_in_focus_says_that_its_keys_act(chat: Chat):
    app = chat(FakeEngine([errors.ServiceError("failed")]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card) and app.chat.query_one(Card).has_focus)
        await wait_until(pilot, lambda: "key of the card" in app.chat.composer.border_title)
        await pilot.press("escape")
        await wait_until(pilot, lambda: "enter send" in app.chat.composer.border_title)


async def test_card_does_not_take_the_keys_of_who_types(chat: Chat):
    gate = asyncio.Event()
    engine = FakeEngine([gate, errors.NetworkError("offline")])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        await wait_until(pilot, lambda: engine.requests)
        await pilot.press("n")
        gate.set()
        await wait_until(pilot, lambda: app.chat.query(Card))
        await pilot.press("o")
        assert app.chat.composer.text == "no"
    assert len(engine.requests) == 1


async def test_gone_engine_lets_a_turn_go_pinned_without_a_router(chat: Chat):
    engine = FakeEngine([errors.EngineGoneError("gone")], reply_events("still here", pinned=True))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("w")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "still here")
        assert engine.requests[1].pin == "weak"
        reply = app.chat.query_one(Reply)
        assert not reply.decision.pinned
        assert "[?]" in reply.badge.render().plain


async def test_dead_engine_is_started_again(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: app.chat.talk.warm)
        engine.warm.clear()
        engine.on_gone()
        await wait_until(pilot, lambda: not app.chat.talk.warm)
        engine.warm.set()
        await wait_until(pilot, lambda: app.chat.talk.warm)


async def test_words_typed_faster_than_the_focus_moves_choose_no_action(chat: Chat):
    app = chat(demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for key in typed("hi kid, do more\n"):
            app.post_message(key)
        await wait_until(pilot, lambda: app.chat.query_one(Welcome).holds_message)
        assert app.chat.composer.text == "hi kid, do more"
        assert app.chat.talk.turns.routing.pool is None
        app.chat.query_one(Welcome).post_message(Paste(" and a paste"))
        await wait_until(pilot, lambda: app.chat.composer.text.endswith("a paste"))


async def test_enter_on_a_card_sends_the_message_that_came_back(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")], reply_events("back")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card) and app.chat.query_one(Card).has_focus)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "back")
        assert len(app.chat.query(Said)) == 1
