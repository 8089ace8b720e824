"""The routed turns of the past, and what another threshold had made of them."""

from dataclasses import replace

from routing.cost import Bill
from routing.decide import Candidate
from routing.models import Model, Pool
from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, decision, reply_events
from tests.tui.test_sessions import STRONG, TOKENS, WEAK
from tui.screens.threshold import ThresholdScreen
from tui.sessions import Message, Sessions, of_pool, outcome, routed

PAIR = Pool((Model("big"), Model("weak")))
REPLY = Message(
    "1", None, "assistant", "It is.", "2026-01-31T12:00:00.000000Z", "done", "weak", WEAK
)
BILL = Bill(cost_usd=0.5, all_strong_usd=2.0, others_usd={"big": 2.0})
THREE = (
    Candidate("big", "strong"),
    Candidate("middling", "middle", 0.3),
    Candidate("weak", "weak", 0.6),
)


def test_only_what_a_router_decided_and_this_session_paid_counts():
    prompt = Message("0", None, "user", "is it?", REPLY.created)
    pinned = replace(WEAK, win_probability=None, pinned=True, candidates=())
    turns = routed(
        [
            prompt,
            replace(REPLY, bill=BILL, usage=TOKENS),
            replace(REPLY, bill=BILL, decision=pinned),
            replace(REPLY, bill=BILL, origin="the session it was forked from"),
            replace(REPLY, bill=None),
        ]
    )
    assert [(t.models, t.costs_usd) for t in turns] == [(("big", "weak"), (2.0, 0.5))]


def test_each_turn_is_priced_by_its_own_usage():
    strong = replace(REPLY, model="big", decision=STRONG, bill=Bill(3.0, 3.0, {"weak": 1.0}))
    turns = routed([replace(REPLY, bill=BILL), strong])
    as_it_was, all_weak = outcome(turns, 0.5), outcome(turns, 0.95)
    assert (as_it_was.flipped, as_it_was.cost_usd, as_it_was.saved_usd) == (0, 3.5, 1.5)
    assert (all_weak.flipped, all_weak.cost_usd, all_weak.saved_usd) == (1, 1.5, 3.5)
    assert outcome(turns, 0.18).turns == {"strong": 2}  # equal goes to the strong model


def test_unknown_prices_are_counted_not_summed():
    turns = routed([replace(REPLY, bill=Bill(0.5, None, {"big": None})), replace(REPLY, bill=BILL)])
    assert outcome(turns, 0.5)[1:] == (0, 0.5, 2.0, 1)


def test_other_models_and_routers_do_not_compare():
    turns = routed(
        [
            replace(REPLY, bill=BILL),
            replace(REPLY, bill=BILL, decision=replace(WEAK, candidates=THREE)),
            replace(REPLY, bill=BILL, decision=replace(WEAK, router="chance")),
            replace(REPLY, bill=BILL, decision=replace(WEAK, router="similarity")),
        ]
    )
    assert [t.router for t in of_pool(turns, PAIR, "similarity")] == ["", "similarity"]


def test_turns_of_a_pool_go_to_the_cheapest_that_is_good_enough():
    decision = replace(WEAK, model="middling", tier="middle", candidates=THREE)
    bill = Bill(0.5, 2.0, {"big": 2.0, "weak": 0.1})
    turns = routed([replace(REPLY, bill=bill, model="middling", decision=decision)])
    found = [outcome(turns, threshold) for threshold in (0.3, 0.5, 0.7)]
    assert [then.turns for then in found] == [{"strong": 1}, {"middle": 1}, {"weak": 1}]
    assert [then.flipped for then in found] == [1, 0, 1]
    assert [then.cost_usd for then in found] == [2.0, 0.5, 0.1]


async def test_slider_previews_the_session_and_the_whole_history(chat: Chat):
    engine = FakeEngine(reply_events("It is.", "weak"), reply_events("Proof.", "strong"))
    app = chat(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await say(pilot, "is it?")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: not app.chat.talk.turns.session.branch())
        await say(pilot, "prove it")
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: isinstance(app.screen, ThresholdScreen))
        await wait_until(pilot, lambda: app.screen.history)
        shown = str(app.screen.query_one("#preview").content)
        assert app.screen.session == routed(app.chat.talk.turns.session.branch())
        assert [t.place_at(0.5) for t in app.screen.history.known] == [0, 1]
        while app.screen.share < 1.0:
            await pilot.press("right")
        shown = str(app.screen.query_one("#preview").content)
        assert "all history   0W 2S, 1 would flip" in shown


async def test_slider_leaves_out_what_other_models_answered(chat: Chat):
    app = chat()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        other = Sessions(app.chat.sessions.folder).create()
        other.add("user", "hello")
        reply = other.add("assistant", "hi", decision=replace(decision("weak"), candidates=THREE))
        other.update(replace(reply, bill=BILL))
        other.close()
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: isinstance(app.screen, ThresholdScreen))
        await wait_until(pilot, lambda: app.screen.history)
        assert app.screen.history.left_out == 1
        assert "other models or another router: 1" in str(app.screen.query_one("#preview").content)
