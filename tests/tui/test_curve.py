"""Quality and cost over the history: what was wished, what a threshold gives, the screen."""

from dataclasses import replace
from pathlib import Path

import pytest

from routing.battle_files import write_battles
from routing.battles import MINE, Battle
from routing.decide import Candidate
from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.app import ChatApp
from tui.screens.curve import CurveScreen, History, Point, chart, told, verdict
from tui.sessions import (
    Judged,
    Message,
    Outcome,
    Routed,
    answered_again,
    judged,
    outcome,
    separation,
    wishes_met,
)


def turn(prompt: str, chance: float, *, taken: str = "weak") -> Routed:
    candidates = (Candidate("big", "strong"), Candidate("weak", "weak", chance))
    return Routed(taken, candidates, (1.0, 0.1), prompt=prompt)


def battle(prompt: str, winner: str) -> Battle:
    return Battle("hi", "big", "weak", winner, MINE, prompt)  # type: ignore[arg-type]


def reply(parent: str, state: str = "done", **changes: str) -> Message:
    found = Message("1", parent, "assistant", "yes", "2026-01-31T12:00:00.000000Z", "done", "weak")
    return replace(found, state=state, **changes)  # type: ignore[arg-type]


def test_wishes_are_judgements_and_weak_replies_asked_for_again():
    turns = [turn("good", 0.2), turn("bad", 0.3), turn("again", 0.4), turn("silent", 0.5)]
    turns.append(turn("strong", 0.9, taken="big"))
    own = [battle("good", "b"), battle("bad", "a")]
    found = judged(turns, own, frozenset({"again", "good", "strong"}))
    wanted = {each.turn.prompt: each.wants_strong for each in found}
    assert wanted == {"good": False, "bad": True, "again": True}


def test_a_message_with_two_routed_replies_counts_once():
    assert len(judged([turn("p", 0.2), turn("p", 0.2)], [battle("p", "a")], frozenset())) == 1


def test_only_whole_replies_of_this_conversation_are_asked_for_again():
    messages = [
        *(reply("twice"), reply("twice", "stopped")),
        *(reply("mended", "failed"), reply("mended")),
        *(reply("forked"), reply("forked", origin="another session")),
        reply("once"),
    ]
    assert answered_again(messages) == {"twice"}


def test_thresholds_meet_wishes():
    wishes = [
        Judged(turn("a", 0.9), True),
        Judged(turn("b", 0.4), True),
        Judged(turn("c", 0.3), False),
    ]
    assert wishes_met(wishes, 0.0) == (2, 2, 1, 0)
    assert wishes_met(wishes, 0.35) == (2, 2, 1, 1)
    assert wishes_met(wishes, 0.5) == (2, 1, 1, 1)
    assert wishes_met(wishes, 1.1) == (2, 0, 1, 1)


def points() -> dict[float, Point]:
    turns = [turn("a", 0.9), turn("b", 0.4)]
    wishes = [Judged(turns[0], True)]
    return {
        share: Point(outcome(turns, threshold), wishes_met(wishes, threshold))
        for share, threshold in ((0.0, 1.1), (0.5, 0.5), (1.0, 0.0))
    }


def test_chart_moves_with_the_share():
    found = chart(points())
    lines = {line.label: list(line.y) for line in found.lines}
    assert lines == {
        "cost, % of all strong": pytest.approx([10, 55, 100]),
        "strong where you wanted it, %": [0, 100, 100],
        "strong at random, %": [0, 50, 100],
    }
    assert list(found.lines[0].x) == [0, 50, 100]


def test_chart_of_free_models_has_no_cost():
    free = Outcome({"weak": 1}, 0, 0.0, 0.0, 1)
    assert chart({0.0: Point(free, wishes_met([], 0.5))}).lines == []


def test_point_is_told_in_words():
    turns = [turn("a", 0.9), turn("b", 0.4)]
    history = History(turns, [Judged(turns[0], True)], left_out=2)
    said = told(points()[0.5], 0.5, history)
    assert said == [
        "50 % strong: 1W 1S, 1 would flip; ~$1.10 of $2.00 all strong (55 %)",
        "judged turns: strong in 1 of 1 where you wanted it: too few to go by",
        "left out, of other models or another router: 2",
    ]
    assert told(points()[0.5], 0.5, History())[0].startswith("No turn was routed yet")
    assert "No reply was judged yet" in told(points()[0.5], 0.5, History(turns))[1]


def wishes(strong: list[float], weak: list[float]) -> list[Judged]:
    return [
        *(Judged(turn(f"s {at}", chance), True) for at, chance in enumerate(strong)),
        *(Judged(turn(f"w {at}", chance), False) for at, chance in enumerate(weak)),
    ]


def test_pairs_in_the_right_order_are_counted():
    found = separation(wishes([0.9, 0.5], [0.5, 0.1, 0.7]))
    assert found == (pytest.approx((3 + 1.5) / 6), False)
    assert separation(wishes([0.9] * 12, [0.1] * 12)) == (1, True)
    assert separation(wishes([0.9], [])) is None


@pytest.mark.parametrize(
    ("strong", "weak", "said"),
    [
        ([0.9] * 10, [0.1] * 9, ""),
        ([0.9] * 10, [0.1] * 10, "The router separates the two: 100 % of pairs"),
        ([0.5] * 10, [0.5] * 10, "does not separate the two so far: 50 % of pairs"),
        ([0.1] * 10, [0.9] * 10, "does not separate the two so far: 0 % of pairs"),
        ([0.1] * 20, [], "On your data, always use big: you wanted it in all 20."),
        ([], [0.9] * 20, "On your data, always use weak: that was enough in all."),
    ],
)
def test_verdict_on_ones_own_history(strong: list[float], weak: list[float], said: str):
    found = verdict(wishes(strong, weak))
    assert said in found
    assert bool(said) == bool(found)


async def test_screen_shows_the_history_and_gives_a_share(chat: Chat, tmp_path: Path):
    app = chat(FakeEngine(reply_events("It is.", "weak"), reply_events("Proof.", "strong")))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await say(pilot, "is it?")
        await say(pilot, "prove it")
        last = app.chat.talk.turns.last
        assert last
        assert last.prompt
        (tmp_path / "router").mkdir(exist_ok=True)
        mine = Battle("prove it", "demo/strong", "demo/weak", "a", MINE, last.prompt.id)
        write_battles(tmp_path / "router" / "mine.jsonl", [mine])
        await say_command(pilot, app, "/curve")
        screen = app.screen
        assert isinstance(screen, CurveScreen)
        assert screen.history
        assert [each.wants_strong for each in screen.history.judged] == [True]
        while screen.share < 1.0:
            await pilot.press("right")
        said = str(screen.query_one("#told").content)
        assert "100 % strong: 0W 2S" in said
        assert "strong in 1 of 1" in said
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.talk.turns.routing.share == 1.0)


async def test_screen_without_a_history_says_so(chat: Chat):
    app = chat()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say_command(pilot, app, "/curve")
        assert "No turn was routed yet" in str(app.screen.query_one("#told").content)
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(app.screen, CurveScreen))


async def say_command(pilot, app: ChatApp, text: str) -> None:  # noqa: ANN001  # any pilot
    """Carry out a slash command that shows the curve, and wait for the history."""
    app.chat.carry_out(text)
    await wait_until(pilot, lambda: isinstance(app.screen, CurveScreen))
    await wait_until(pilot, lambda: app.screen.history is not None)
    await pilot.pause()
