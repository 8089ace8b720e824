"""One picture of each screen. After a change that is meant: pytest --snapshot-update."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from routing import errors
from routing.battle_files import write_battles
from routing.battles import MINE, Battle
from routing.cache import Switch
from routing.conversation import Reply, Usage
from routing.cost import Bill, Ledger
from routing.events import Finished, Metered
from tests.tui.conftest import Chat, offered, ready, say, settle, wait_until
from tests.tui.fakes import FakeEngine, decision, reply_events
from tui.budget import Month
from tui.errors import StoreError
from tui.screens.curve import CurveScreen
from tui.screens.threshold import ThresholdScreen
from tui.settings import Budget
from tui.widgets.card import Card
from tui.widgets.composer import Composer
from tui.widgets.history import History
from tui.widgets.talk import Talk
from tui.widgets.welcome import Welcome

SIZE = (110, 34)

REPLY = """Both are **event loops**, but tokio is for `Rust`, see [its site](https://tokio.rs).

- tokio is *multi-threaded*
- asyncio is not [/foo] \x1b[31mred\x1b[0m

```python
async def main() -> None:
    await asyncio.sleep(1)  # yields
```

| what | tokio | asyncio |
|---|:-:|--:|
| threads | many | 1 |

> A quote.
"""
PROMPT = "what's the difference between tokio and asyncio? [/foo]"
PROOF = "prove that this scheduler cannot deadlock"

ERRORS = {
    "no_key": errors.NoKeyError("OPENAI_API_KEY is not set.", hint="Add it, or use the demo pair."),
    "bad_key": errors.AuthError("OpenAI refused the key.", hint="Replace it."),
    "rate_limit": errors.RateLimitError(
        "Too many requests for big.", detail="429 [/foo]", retry_after=30
    ),
    "no_credit": errors.NoCreditError("OpenAI says that the quota is used up."),
    "network": errors.NetworkError("api.example cannot be reached.", hint="Are you online?"),
    "context": errors.ContextError("The conversation has 40,123 tokens; small reads 32,000."),
    "no_model": errors.NoModelError("gpt-9 is not known.", hint="Did you mean gpt-5?"),
    "service": errors.ServiceError("The provider failed (500).", hint="Try again in a moment."),
    "engine_gone": errors.EngineGoneError("The engine's process ended (code -9)."),
    "no_router": errors.RouterError("The battles are of another embedder."),
}

Snap = Callable[..., bool]
Before = Callable[[Pilot[None]], Awaitable[None]]


def both(pilot_says: str = PROMPT) -> Before:
    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await say(pilot, pilot_says)
        await say(pilot, PROOF)
        await settle(pilot)

    return run


def one(*keys: str) -> Before:
    async def run(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await say(pilot, PROOF)
        await pilot.press(*keys)
        await settle(pilot)

    return run


def two_replies() -> FakeEngine:
    proof = "Suppose two tasks wait for each other.\n\n1. First …\n2. Then …"
    return FakeEngine(reply_events(REPLY), reply_events(proof, "strong"))


async def untouched(pilot: Pilot[None]) -> None:
    await ready(pilot)
    await settle(pilot)


def test_empty(chat: Chat, snap_compare: Snap):
    assert snap_compare(chat(), terminal_size=SIZE, run_before=untouched)


def test_first_run(chat: Chat, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tui.local_servers.find_servers", no_servers)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    async def found(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await wait_until(pilot, lambda: pilot.app.query_one(Welcome).servers is not None)

    assert snap_compare(chat(demo=False), terminal_size=SIZE, run_before=found)


def test_first_run_on_a_small_screen(
    chat: Chat, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tui.local_servers.find_servers", no_servers)

    async def found(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await wait_until(pilot, lambda: pilot.app.query_one(Welcome).servers is not None)
        await wait_until(pilot, lambda: pilot.app.chat.talk.transcript.max_scroll_y == 0)

    assert snap_compare(chat(demo=False), terminal_size=(60, 20), run_before=found)


def test_message_that_waits_for_models(
    chat: Chat, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tui.local_servers.find_servers", no_servers)

    async def sent(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await wait_until(pilot, lambda: pilot.app.query_one(Welcome).servers is not None)
        pilot.app.query_one(Composer).insert("explain monads")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.query_one(Welcome).has_focus)
        await settle(pilot)

    assert snap_compare(chat(demo=False), terminal_size=SIZE, run_before=sent)


async def no_servers() -> list[object]:
    return []


def test_weak_and_strong_turn_with_reasons(chat: Chat, snap_compare: Snap):
    assert snap_compare(chat(two_replies()), terminal_size=SIZE, run_before=both())


def test_streaming(chat: Chat, snap_compare: Snap):
    engine = FakeEngine([*reply_events("Suppose two tasks", "strong")[:-1], asyncio.Event()])

    async def begun(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await wait_until(pilot, lambda: pilot.app.chat.talk.warm)
        pilot.app.chat.composer.insert(PROOF)
        await pilot.press("enter")
        live = pilot.app.chat.talk.turns
        await wait_until(pilot, lambda: live.live and live.live.bill)
        await wait_until(pilot, lambda: pilot.app.chat.history.shown)
        pilot.app.chat.talk.transcript.last_reply.paint()
        await pilot.pause()

    assert snap_compare(chat(engine), terminal_size=SIZE, run_before=begun)


def test_warming_up(chat: Chat, snap_compare: Snap):
    engine = FakeEngine()
    engine.warm.clear()

    async def waiting(pilot: Pilot[None]) -> None:
        await ready(pilot)
        pilot.app.chat.composer.insert(PROOF)
        await pilot.press("enter")
        await wait_until(pilot, lambda: engine.requests)
        pilot.app.chat.list_sessions()
        await wait_until(pilot, lambda: pilot.app.chat.history.shown)
        pilot.app.chat.talk.post_message(Talk.Changed())
        await pilot.pause()

    assert snap_compare(chat(engine), terminal_size=SIZE, run_before=waiting)


@pytest.mark.parametrize("name", ERRORS)
def test_card(chat: Chat, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(Card, "tick", lambda _: None)
    app = chat(FakeEngine([ERRORS[name]]))
    unfold = ["x"] if ERRORS[name].detail else []
    assert snap_compare(app, terminal_size=(90, 20), run_before=one(*unfold))


def test_cut_reply(chat: Chat, snap_compare: Snap):
    engine = FakeEngine([*reply_events("The first part")[:-2], errors.CutError("It was cut.")])
    assert snap_compare(chat(engine), terminal_size=(90, 20), run_before=one())


def test_unsaved_message(chat: Chat, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise StoreError("The disk is full: nothing can be written to sessions/s.json.")

    monkeypatch.setattr("tui.sessions.session.Session.add", refuse)

    async def refused(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await say(pilot, PROOF)
        await wait_until(pilot, lambda: pilot.app.query(Card))
        await pilot.pause()

    assert snap_compare(chat(), terminal_size=(90, 20), run_before=refused)


def test_cut_reply_that_is_opened_again(chat: Chat, snap_compare: Snap):
    async def opened(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        app = pilot.app
        session = app.chat.sessions.create()
        session.add("user", PROOF)
        session.add("assistant", "Suppose two", state="cut", decision=decision("strong"))
        session.close()
        app.chat.history.post_message(History.Opened(session.id))
        await wait_until(pilot, lambda: app.query(Card))
        await settle(pilot)

    assert snap_compare(chat(), terminal_size=(90, 20), run_before=opened)


def test_unknown_price(chat: Chat, snap_compare: Snap):
    unknown = Bill(cost_usd=None, all_strong_usd=None, others_usd={})
    decided, *rest, _ = reply_events("It is.")
    finished = Finished(Reply("It is.", Usage(900, 300)), unknown)
    app = chat(FakeEngine([decided, *rest, Metered(Usage(900, 250), unknown), finished]))
    assert snap_compare(app, terminal_size=(90, 20), run_before=one())


def test_palette(chat: Chat, snap_compare: Snap):
    async def opened(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await pilot.press("ctrl+k")
        await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        listed = pilot.app.screen.query("CommandList")
        await wait_until(pilot, lambda: listed and listed.first().option_count > 10)
        pilot.app.screen.query_one("CommandInput").cursor_blink = False
        await pilot.pause()

    assert snap_compare(chat(), terminal_size=SIZE, run_before=opened)


def screen_after(*keys: str) -> Before:
    async def opened(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await pilot.press(*keys)
        await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        for box in pilot.app.screen.query("Input"):
            box.cursor_blink = False
        await pilot.pause()

    return opened


@pytest.mark.parametrize(("name", "key"), [("settings", "f5"), ("keys", "f1")])
def test_dialogue(chat: Chat, snap_compare: Snap, name: str, key: str):
    assert snap_compare(chat(), terminal_size=SIZE, run_before=screen_after(key))


@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=["80x24", "60x20"])
def test_keys_on_a_small_screen(chat: Chat, snap_compare: Snap, size: tuple[int, int]):
    assert snap_compare(chat(), terminal_size=size, run_before=screen_after("f1"))


def test_settings_on_a_small_screen(chat: Chat, snap_compare: Snap):
    assert snap_compare(chat(), terminal_size=(60, 20), run_before=screen_after("f5"))


def test_budget_on_pace_and_context_nearly_full(chat: Chat, snap_compare: Snap):
    async def full(pilot: Pilot[None]) -> None:
        await both()(pilot)
        turns = pilot.app.chat.talk.turns
        await wait_until(pilot, lambda: turns.contexts)
        turns.contexts = {"demo/weak": 1400}
        turns.ledger = Ledger()
        pilot.app.chat.month = Month(4.1, 12.3)
        pilot.app.chat.talk.post_message(Talk.Changed())
        await pilot.pause()

    app = chat(two_replies(), budget=Budget(20.0))
    assert snap_compare(app, terminal_size=SIZE, run_before=full)


def test_turn_that_leaves_a_prompt_cache(chat: Chat, snap_compare: Snap):
    decided, *rest = reply_events("Suppose two tasks wait for each other.", "strong")
    switch = Switch("demo/weak", "demo/strong", 12_400, 0.062, 0.0003)
    decided = replace(decided, decision=replace(decided.decision, switch=switch))
    engine = FakeEngine(reply_events("It is."), [decided, *rest])
    assert snap_compare(chat(engine), terminal_size=SIZE, run_before=both())


def test_slider(chat: Chat, snap_compare: Snap):
    async def previewed(pilot: Pilot[None]) -> None:
        await both()(pilot)
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, ThresholdScreen))
        await wait_until(pilot, lambda: pilot.app.screen.history)
        await pilot.press("left", "left")
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=SIZE, run_before=previewed)


def test_curve(chat: Chat, snap_compare: Snap, tmp_path: Path):
    async def drawn(pilot: Pilot[None]) -> None:
        await both()(pilot)
        last = pilot.app.chat.talk.turns.last
        mine = Battle(PROOF, "demo/strong", "demo/weak", "a", MINE, last.prompt.id)
        (tmp_path / "router").mkdir(exist_ok=True)
        write_battles(tmp_path / "router" / "mine.jsonl", [mine])
        pilot.app.chat.carry_out("/curve")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, CurveScreen))
        await wait_until(pilot, lambda: pilot.app.screen.history)
        await pilot.press("right", "right")
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=SIZE, run_before=drawn)


def test_search_of_all_conversations(chat: Chat, snap_compare: Snap):
    async def searched(pilot: Pilot[None]) -> None:
        await both()(pilot)
        await pilot.press("ctrl+s", *"lock")
        history = pilot.app.chat.history
        history.query_one("#search").cursor_blink = False
        await wait_until(pilot, lambda: history.shown and history.shown[0].found)
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=SIZE, run_before=searched)


def test_completions(chat: Chat, snap_compare: Snap):
    async def typed(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        await pilot.press("slash", "s")
        await offered(pilot)
        await pilot.pause()

    assert snap_compare(chat(), terminal_size=(90, 20), run_before=typed)


def test_small_screen(chat: Chat, snap_compare: Snap):
    assert snap_compare(chat(two_replies()), terminal_size=(60, 20), run_before=both())


@pytest.mark.parametrize("theme", ["llmroute-light", "llmroute-contrast"])
def test_theme(chat: Chat, snap_compare: Snap, theme: str):
    app = chat(two_replies(), theme=theme)
    assert snap_compare(app, terminal_size=SIZE, run_before=both())


def test_without_colour(chat: Chat, snap_compare: Snap, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(chat(two_replies()), terminal_size=SIZE, run_before=both())


def test_walking(chat: Chat, snap_compare: Snap):
    async def walked(pilot: Pilot[None]) -> None:
        await both()(pilot)
        await pilot.press("ctrl+r")
        blocks = pilot.app.chat.talk.transcript
        await wait_until(pilot, lambda: str(blocks.blocks[-1].place) == "<2/2>")
        await settle(pilot)
        await pilot.press("alt+up")
        await wait_until(pilot, lambda: blocks.blocks[-1].has_focus)
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=SIZE, run_before=walked)


def test_instructed_temporary_chat(chat: Chat, snap_compare: Snap):
    async def begun(pilot: Pilot[None]) -> None:
        await untouched(pilot)
        chat = pilot.app.chat
        await chat._command("/temporary")
        await wait_until(pilot, lambda: chat.talk.turns.session.temporary)
        await chat._command("/system Answer in one line, [/foo] and never joke.")
        await wait_until(pilot, lambda: chat.query_one(".talk--instructions").display)
        await say(pilot, PROMPT)
        await pilot.pause()

    assert snap_compare(chat(), terminal_size=(90, 20), run_before=begun)


def test_title(chat: Chat, snap_compare: Snap):
    async def asked(pilot: Pilot[None]) -> None:
        await both()(pilot)
        await pilot.app.chat._command("/rename")
        await wait_until(pilot, lambda: pilot.app.screen.query("Input"))
        pilot.app.screen.query_one("Input").cursor_blink = False
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=(90, 20), run_before=asked)


def test_finding(chat: Chat, snap_compare: Snap):
    async def found(pilot: Pilot[None]) -> None:
        await both()(pilot)
        await pilot.press("ctrl+f", *"tokio")
        finder = pilot.app.chat.query_one("Find")
        finder.query_one("Input").cursor_blink = False
        await wait_until(pilot, lambda: "of" in str(finder.query_one(".find--count").content))
        await pilot.press("enter")
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=(90, 24), run_before=found)


def test_small_screen_walked_and_searched(chat: Chat, snap_compare: Snap):
    async def found(pilot: Pilot[None]) -> None:
        await both()(pilot)
        await pilot.press("ctrl+f", *"first")
        finder = pilot.app.chat.query_one("Find")
        finder.query_one("Input").cursor_blink = False
        await wait_until(pilot, lambda: "of" in str(finder.query_one(".find--count").content))
        await pilot.press("alt+up")
        await wait_until(pilot, lambda: pilot.app.chat.block)
        await pilot.pause()

    assert snap_compare(chat(two_replies()), terminal_size=(60, 20), run_before=found)
