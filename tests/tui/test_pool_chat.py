"""The chat with more than two models."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from routing import errors
from routing.conversation import Delta, Reply, Usage
from routing.cost import Bill
from routing.decide import Candidate
from routing.events import Decided, Finished
from tests.tui.conftest import Chat, ready, say, settle, wait_until
from tests.tui.fakes import FakeEngine, decision, reply_events
from tui.screens.settings import SettingsScreen
from tui.widgets.header import Header
from tui.widgets.welcome import Empty

SIZE = (110, 34)


POOL = ("demo/strong", "demo/middle", "demo/weak")


CANDIDATES = (
    Candidate("demo/strong", "strong"),
    Candidate("demo/middle", "middle", 0.31, "between its neighbours"),
    Candidate("demo/weak", "weak", 0.64),
)
MIDDLE = replace(
    decision("weak"),
    model="demo/middle",
    tier="middle",
    win_probability=0.31,
    reason="win probability 0.3100 < threshold 0.4213.",
    candidates=CANDIDATES,
)


async def command(pilot: Pilot[None], text: str) -> None:
    pilot.app.chat.composer.insert(text)
    await pilot.press("enter")


async def test_any_model_of_a_pool_can_be_pinned_by_a_part_of_its_name(chat: Chat):
    engine = FakeEngine()
    app = chat(engine, demo=False, pool=POOL)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await command(pilot, "/model mid")
        header = app.chat.query_one(Header)
        await wait_until(pilot, lambda: str(header.mode) == "pinned to demo/middle")
        await say(pilot, "hi")
        await command(pilot, "/model demo")
        await wait_until(pilot, lambda: app._notifications)
        assert "names several of the models" in next(iter(app._notifications)).message
        assert app.chat.composer.text == "/model demo"
        app.chat.composer.clear()
        assert app.chat.talk.turns.routing.pin == "demo/middle"
        await command(pilot, "/auto")
        await wait_until(pilot, lambda: str(header.mode).startswith("auto"))
        await say(pilot, "and now?")
    assert [request.pin for request in engine.requests] == ["demo/middle", None]
    assert engine.requests[0].pool.names == POOL


async def test_settings_keep_a_pool_and_a_pin_of_a_model_that_left_is_dropped(chat: Chat):
    app = chat(demo=False, pool=POOL)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await command(pilot, "/model demo/middle")
        await wait_until(pilot, lambda: app.chat.talk.turns.routing.pin)
        await pilot.press("f5")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        between = app.screen.query_one("#between", Input)
        assert between.value == "demo/middle"
        between.value = ""
        between.focus()
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.talk.turns.routing.pool.names == ("demo/strong", "demo/weak")
        assert app.chat.talk.turns.routing.pin is None
        settings = app.chat.program.paths.settings
        await wait_until(pilot, settings.exists)
        assert "pool" not in settings.read_text()


async def test_rate_limit_of_a_middle_model_leads_to_the_next_stronger(chat: Chat):
    engine = FakeEngine([Decided(MIDDLE), errors.RateLimitError("slow")])
    app = chat(engine, demo=False, pool=POOL)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("o")
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert engine.requests[1].pin == "demo/strong"


async def test_judged_reply_of_a_middle_model_is_a_battle_with_the_strongest(chat: Chat):
    engine = FakeEngine([Decided(MIDDLE), *reply_events("So so.")[1:]])
    app = chat(engine, demo=False, pool=POOL)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await command(pilot, "/bad")
        await wait_until(pilot, lambda: engine.learnt)
    [battle] = engine.learnt
    assert (battle.model_a, battle.model_b, battle.winner) == ("demo/strong", "demo/middle", "a")


async def test_good_reply_of_the_strongest_beats_the_best_of_the_others(chat: Chat):
    strong = replace(decision("strong"), candidates=CANDIDATES)
    engine = FakeEngine([Decided(strong), *reply_events("Proof.", "strong")[1:]])
    app = chat(engine, demo=False, pool=POOL)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "prove it")
        await command(pilot, "/good")
        await wait_until(pilot, lambda: engine.learnt)
    [battle] = engine.learnt
    assert (battle.model_a, battle.model_b, battle.winner) == ("demo/strong", "demo/middle", "a")


OUTDONE = "demo/middle is outdone: demo/weak costs less and is no worse, so no turn goes to it."


async def test_models_not_worth_their_price_are_told_of_as_soon_as_they_are_chosen(chat: Chat):
    engine = FakeEngine()
    engine.outdone_by[POOL] = {"demo/middle": "demo/weak"}
    app = chat(engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        for _ in range(2):  # it is told once of the same models
            app.chat._use({"pool": POOL, "strong": None, "weak": None}, keep=False)
            await wait_until(pilot, lambda: app.chat.talk.remarks == [OUTDONE])
        app.chat._use({"pool": POOL[::2]}, keep=False)
        await wait_until(pilot, lambda: app.chat.talk.remarks == [])
        assert [toast.message for toast in app._notifications] == [OUTDONE]


async def test_unknown_price_is_told_of_when_a_model_is_chosen_and_not_at_every_start(
    chat: Chat, tmp_path: Path
):
    (tmp_path / "settings.toml").write_text('strong = "openai/gpt-4o"\nweak = "openai/odd"\n')
    app = chat(demo=False)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.talk.remarks)
        assert not app._notifications
        await command(pilot, "/model weak openai/gpt-4o-minni")
        await wait_until(pilot, lambda: app._notifications)
        [toast] = app._notifications
        assert "The price of openai/gpt-4o-minni is unknown. Did you mean" in toast.message
        assert "odd" not in toast.message


async def test_empty_conversation_shows_the_models_in_force_and_what_they_are_worth(chat: Chat):
    engine = FakeEngine()
    engine.outdone_by[POOL] = {"demo/middle": "demo/weak"}
    app = chat(engine, demo=False, pool=POOL)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        opening = app.chat.query_one(Empty)
        await wait_until(pilot, lambda: OUTDONE in str(opening.content))
        app.chat._use({"pool": POOL[::2]}, keep=False)
        await wait_until(pilot, lambda: "outdone" not in str(opening.content))
        assert "demo/middle" not in str(opening.content)


def test_pool_looks_so(chat: Chat, snap_compare: Callable[..., bool]):
    bill = Bill(0.0012, 0.0058, {"demo/strong": 0.0058, "demo/weak": 0.0003})
    events = [
        Decided(MIDDLE, 10_000),
        Delta("A middling answer."),
        Finished(Reply("A middling answer.", Usage(900, 300)), bill),
    ]

    async def answered(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await say(pilot, "how does a heat pump work?")
        await settle(pilot)

    app = chat(FakeEngine(events), demo=False, pool=POOL)
    assert snap_compare(app, terminal_size=SIZE, run_before=answered)
