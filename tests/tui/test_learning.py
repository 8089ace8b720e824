"""What the router learns from the user, and how that is taken back."""

import asyncio

import pytest

from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.widgets.why import FORGETTING, YOURS, Why

SIZE = (110, 34)
PROOF = "Prove that there are infinitely many primes congruent to 3 mod 4, in detail."


async def test_judgements_are_learnt_and_can_be_taken_back(chat: Chat):
    engine = FakeEngine(reply_events("x", "strong"))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await app.chat._command("/bad")
        await wait_until(pilot, lambda: engine.learnt)
        await app.chat._command("/forget 1")
        await wait_until(pilot, lambda: engine.forgotten)
    [battle] = engine.learnt
    assert (battle.winner, battle.source, battle.model_b) == ("b", "mine", "demo/weak")
    assert engine.forgotten == ["b-1"]


async def test_wanting_the_strong_reply_is_learnt_and_can_be_taken_back(chat: Chat):
    engine = FakeEngine(reply_events("weak words"), reply_events("strong words", "strong"))
    app = chat(engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        prompt = app.chat.talk.turns.last.prompt.id
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "strong words")
        await wait_until(pilot, lambda: app._notifications)
        assert "/forget" in next(iter(app._notifications)).message
        await pilot.press("ctrl+g")  # the strong reply once more says nothing
        await wait_until(pilot, lambda: app.chat.talk.turns.last.answer == "Played back.")
        [battle] = engine.learnt
        assert (battle.prompt, battle.winner, battle.battle_id) == ("hi", "a", prompt)
        await app.chat._command("/forget")
        await wait_until(pilot, lambda: engine.forgotten)
        assert engine.forgotten == [prompt]
        await app.chat._command("/forget")
        await pilot.pause()
    assert engine.forgotten == [prompt]


@pytest.mark.parametrize("why", ["off", "temporary", "stopped"])
async def test_nothing_is_learnt_unasked(chat: Chat, why: str):
    events = reply_events("weak words")
    engine = FakeEngine([*events[:2], asyncio.Event()] if why == "stopped" else events)
    app = chat(engine, learn=why != "off")
    app.chat.temporary = why == "temporary"
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("hi")
        await pilot.press("enter")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.last and turns.last.pieces)
        if why == "stopped":
            await pilot.press("escape")
        await wait_until(pilot, lambda: turns.last.done)
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: len(engine.requests) == 2 and turns.last.done)
    assert engine.learnt == []


async def test_follow_up_is_learnt_as_it_was_routed(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, PROOF)
        await say(pilot, "now for 1 mod 4")
        await pilot.press("f6")
        await wait_until(pilot, lambda: engine.learnt)
    [battle] = engine.learnt
    assert (battle.prompt, battle.earlier) == (f"now for 1 mod 4\n\n{PROOF}", 1)
    assert battle.winner == "b"


async def test_keys_judge_the_last_reply_and_take_it_back(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f8")  # nothing yet
        await say(pilot, "hi")
        await pilot.press("f6")
        await wait_until(pilot, lambda: len(engine.learnt) == 1)
        await pilot.press("f7")
        await wait_until(pilot, lambda: len(engine.learnt) == 2)
        await pilot.press("f8")
        await wait_until(pilot, lambda: engine.forgotten)
    good, bad = engine.learnt
    assert (good.winner, bad.winner, good.battle_id) == ("b", "a", bad.battle_id)
    assert engine.forgotten == [bad.battle_id]


@pytest.mark.parametrize(("key", "winner"), [("plus", "b"), ("minus", "a")])
async def test_any_message_can_be_judged_where_one_walks(chat: Chat, key: str, winner: str):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        blocks = app.chat.talk.transcript.blocks
        await wait_until(pilot, lambda: all(block.message_id for block in blocks))
        await pilot.press("alt+up", "alt+up", "alt+up", key)
        await wait_until(pilot, lambda: engine.learnt)
    [battle] = engine.learnt
    assert (battle.prompt, battle.winner) == ("one", winner)


@pytest.mark.parametrize("tier", ["weak", "strong"])
async def test_editing_what_the_weak_model_answered_is_learnt(chat: Chat, tier: str):
    engine = FakeEngine(reply_events("not what I meant", tier))
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.last.reply and turns.last.reply.state == "done")
        prompt = turns.last.prompt.id
        await app.chat._command("/edit")
        await pilot.press("!", "enter")
        await wait_until(pilot, lambda: turns.last.text == "hi!" and turns.last.done)
    learnt = [(battle.prompt, battle.winner, battle.battle_id) for battle in engine.learnt]
    assert learnt == ([("hi", "a", prompt)] if tier == "weak" else [])


async def test_edit_teaches_nothing_where_learning_is_off(chat: Chat):
    engine = FakeEngine()
    app = chat(engine, learn=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.last.reply and turns.last.reply.state == "done")
        await app.chat._command("/edit")
        await pilot.press("!", "enter")
        await wait_until(pilot, lambda: turns.last.text == "hi!" and turns.last.done)
        await pilot.press("f6")
        await pilot.pause()
    assert engine.learnt == []


async def test_number_takes_a_battle_of_the_why_panel_back(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        why = app.chat.query_one(Why)
        await pilot.click(Why)
        assert not why.has_focus  # a click must not arm the numbers
        assert why.border_title == f"WHY (ctrl+w){YOURS}"
        app.chat.composer.draft.focus()
        await pilot.press("shift+tab")
        await wait_until(pilot, lambda: why.border_title == FORGETTING)
        await pilot.press("2", "1")  # only one of the three is the user's
        await wait_until(pilot, lambda: engine.forgotten)
        await wait_until(pilot, lambda: "yours" not in str(why.render()))
        await pilot.press("x")
        await wait_until(pilot, lambda: app.chat.composer.draft.has_focus)
        assert app.chat.composer.text == "x"
        await pilot.press("1")
    assert engine.forgotten == ["b-1"]
