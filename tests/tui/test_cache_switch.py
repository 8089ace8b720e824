"""A switch that leaves a prompt cache, from what was stored to what is shown."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from routing.cache import KEPT_SECONDS, Held, Switch
from routing.conversation import Usage
from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, decision, reply_events
from tui.sessions import Message
from tui.sessions.held import held_of
from tui.widgets.badge import badge_line, badge_text
from tui.widgets.why import why_text

START = datetime.fromisoformat("2026-01-31T12:00:00.000000Z")
CACHED, WRITTEN, NEITHER = (
    Usage(1200, 300, cached_tokens=1000),
    Usage(1500, 20, written_tokens=1500),
    Usage(1200, 300),
)
SWITCH = Switch("demo/strong", "demo/weak", 12_400, 0.0310, 0.0062)


def reply(model: str, usage: Usage, seconds: float = 0.0) -> Message:
    created = (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return Message("1", None, "assistant", "It is.", created, "done", model, usage=usage)


def test_what_providers_reported_is_held_the_last_model_at_the_end():
    path = [reply("big", WRITTEN), reply("small", CACHED), reply("big", CACHED)]
    assert held_of(path, START) == (Held("small", 1200, 300), Held("big", 1200, 300))
    assert held_of(path[:1], START) == (Held("big", 1500, 20, writes=True),)


@pytest.mark.parametrize(
    "path",
    [[], [reply("big", CACHED), reply("small", NEITHER)], [reply("big", NEITHER)]],
    ids=["nothing said", "last model has no cache", "no cache at all"],
)
def test_nothing_is_held(path: list[Message]):
    assert held_of(path, START) == ()


def test_cache_is_gone_after_a_while():
    path = [reply("big", CACHED)]
    assert held_of(path, START + timedelta(seconds=KEPT_SECONDS))
    assert not held_of(path, START + timedelta(seconds=KEPT_SECONDS + 1))


async def test_engine_is_told_what_is_held(chat: Chat):
    events = reply_events("It is.")
    finished = events[-1]
    events[-1] = replace(finished, reply=replace(finished.reply, usage=CACHED))
    engine = FakeEngine(events)
    app = chat(engine, cache_aware=True)
    async with app.run_test(size=(110, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: len(engine.requests) == 3)
    first, second, again = engine.requests
    assert (first.held, first.cache_aware) == ((), True)
    assert second.held == (Held("demo/weak", 1200, 300),)
    assert again.held == ()  # the second reply reported no cache


def test_switch_is_priced_in_badge_and_panel():
    left = replace(decision("weak"), switch=SWITCH)
    assert "leaves a cache: ~$0.0248 more" in badge_text(left, "$0.0004", 90).plain
    assert "cache" not in badge_text(left, "$0.0004", 50).plain
    assert "leaves a cache" in badge_line(left)
    shown = why_text(left, None, 100).plain
    assert (
        "reads 12,400 tokens anew for ~$0.0310; demo/strong has them cached for ~$0.0062" in shown
    )


def test_cheap_switch_is_no_alarm_and_a_stay_is_named():
    cheap = replace(decision("weak"), switch=replace(SWITCH, anew_usd=0.001))
    assert "cache" not in badge_line(cheap)
    assert "anew for ~$0.0010" in why_text(cheap, None, 100).plain
    stayed = replace(decision("strong"), switch=replace(SWITCH, stayed=True))
    assert "stays with its cache" in badge_line(stayed)
    assert "would have read 12,400" in why_text(stayed, None, 100).plain
    unknown = replace(decision("weak"), switch=replace(SWITCH, anew_usd=None))
    assert "$? more" in badge_line(unknown)
