import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.events import Key, Paste
from textual.pilot import Pilot

from routing import errors
from routing.conversation import Delta
from routing.events import Event, TurnRequest
from tests.tui.conftest import Chat, offered, ready, say, wait_until
from tests.tui.fakes import NOON, FakeEngine, decision, reply_events
from tui.app import ChatApp
from tui.errors import StoreError
from tui.screens.chat import ChatScreen
from tui.screens.slash import COMMANDS
from tui.sessions import Message, Sessions
from tui.widgets.branch import View, read_branch
from tui.widgets.card import Card
from tui.widgets.find import Find
from tui.widgets.history import History
from tui.widgets.meter import Meter
from tui.widgets.reply import Reply
from tui.widgets.said import Said
from tui.widgets.welcome import Empty, Welcome
from tui.widgets.why import Why

SIZE = (110, 34)


def stored(app: ChatApp) -> list[Message]:
    """What another program would find on disk."""
    sessions = Sessions(app.chat.program.paths.sessions)
    [info] = sessions.list()
    return sessions.open(info.id).branch()


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
    app = chat(FakeEngine([events[0], gate, *events[1:]]))
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
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.live and turns.live.pieces)
        await pilot.press("escape")
        await wait_until(pilot, lambda: turns.live is None)
        assert app.chat.query_one(Reply).prose.source == "the first half"
        await wait_until(pilot, lambda: turns.last.reply and turns.last.reply.state == "stopped")
    assert engine.stopped == 1
    assert stored(app)[-1].text == "the first half"


async def test_partial_reply_is_saved_while_it_streams(chat: Chat):
    gate = asyncio.Event()
    app = chat(FakeEngine([reply_events("x")[0], Delta("so far"), gate]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.live and turns.live.pieces)
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


async def test_what_the_engine_does_is_said(chat: Chat):
    engine = FakeEngine()
    engine.warm.clear()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await wait_until(pilot, lambda: engine.on_notice)
        engine.on_notice("The index is built anew.")
        await wait_until(pilot, lambda: "anew" in app.chat.query_one(Empty).engine)
        assert any("anew" in toast.message for toast in app._notifications)
        engine.warm.set()
        await wait_until(pilot, lambda: "848 battles" in app.chat.query_one(Empty).engine)


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


async def test_leaving_keeps_what_has_come(chat: Chat):
    gate = asyncio.Event()
    app = chat(FakeEngine([reply_events("x")[0], Delta("the first half"), gate]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.live and turns.live.pieces)
    last = stored(app)[-1]
    assert (last.text, last.state) == ("the first half", "cut")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
async def test_closed_terminal_and_kill_leave_in_order(chat: Chat, number: signal.Signals):
    engine = FakeEngine([reply_events("x")[0], Delta("the first half"), asyncio.Event()])
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert signal.getsignal(number) != signal.SIG_DFL  # else the tests would end
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.live and turns.live.pieces)
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


async def test_edited_message_takes_the_place_of_the_failed_one(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")], reply_events("ok")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first try")
        await say(pilot, "second try")
        assert len(app.chat.query(Said)) == 1
    assert [said.text for said in stored(app)] == ["second try", "ok"]


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


def typed(text: str) -> list[Key]:
    """The keys of a text, Enter for the end of a line."""
    names = {" ": "space", "\n": "enter", ",": "comma"}
    return [Key(names.get(c, c), "\r" if c == "\n" else c) for c in text]


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


async def test_newline_comes_after_what_was_typed_before_it(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for key in [*typed("one"), Key("ctrl+j", "\n"), *typed("two")]:
            app.post_message(key)
        await wait_until(pilot, lambda: app.chat.composer.text == "one\ntwo")


async def test_enter_on_a_card_sends_the_message_that_came_back(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")], reply_events("back")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card) and app.chat.query_one(Card).has_focus)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "back")
        assert len(app.chat.query(Said)) == 1


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
    assert engine.requests[0].turns[0].text == "/weak is a word"


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
    monkeypatch.setattr("tui.screens.library.PURGE_SECONDS", 0.01)
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


async def test_share_is_changed_and_kept(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.chat._command("/threshold 50%")
        await wait_until(pilot, lambda: app.chat.talk.threshold == 0.5)
        settings = app.chat.program.paths.settings
        await wait_until(pilot, settings.exists)
        assert "share = 0.5" in settings.read_text()


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


async def test_keys_can_be_moved(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[keys]\nwhy = "f9"\n')
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f9")
        await wait_until(pilot, lambda: app.chat.query_one(Why).display)
        assert {binding.id: binding.key for binding in app.chat.key_list()}["why"] == "f9"


async def test_ctrl_c_clears_then_quits(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("a", "ctrl+c")
        assert app.chat.composer.text == ""
        await pilot.press("ctrl+c", "ctrl+c")
        await wait_until(pilot, lambda: app._exit)


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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/model strong gpt5000", "Nobody is known"),
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
