"""A judged set: what is asked, what is made of it, and how a stopped run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from routing.conversation import Usage
from routing.errors import AuthError, DataError, JudgingStoppedError
from routing.judge import (
    QUESTION,
    Panel,
    Progress,
    Terms,
    battles_in,
    estimate,
    grade_in,
    judge,
)
from routing.models import Model
from routing.prices import Price
from routing.verdicts import Said, Verdicts
from tests.servers import PROMPT_TOKENS, ScriptedServer, usage_of

Serve = Callable[..., ScriptedServer]
SECRET = "sk-never-keep-this-77"
REPLIES = {"big": "Forty-two.", "small": "Perhaps 41?", "judge": "Off by one. Rating: [[2]]"}
PROMPTS = [f"what is {n} x 7?" for n in range(6)]


def panel_at(server: ScriptedServer, *, priced: bool = True) -> Panel:
    price = Price(1e-6, 2e-6) if priced else None
    strong, weak, referee = (
        Model(f"openai/{name}", api_base=server.url, price=price) for name in REPLIES
    )
    keys = {model.name: SECRET for model in (strong, weak, referee)}
    return Panel(strong, weak, referee, keys)


def open_verdicts(tmp_path: Path, panel: Panel) -> Verdicts:
    return Verdicts(tmp_path / "set.jsonl", panel.names, QUESTION)


async def run(
    verdicts: Verdicts, panel: Panel, prompts: Sequence[str] = PROMPTS, **terms: object
) -> list[Progress]:
    return [step async for step in judge(prompts, panel, verdicts, Terms(**terms))]


@pytest.mark.parametrize(
    ("verdict", "grade"),
    [
        ("It is fine. Rating: [[4]]", 4),
        ("[[ 5 ]]", 5),
        ("Rating: [[3]], so [[3]].", 3),
        ("Rating: [[2]] or [[3]]", None),
        ("Rating: 4", None),
        ("[[0]] [[6]] [[4.5]]", None),
        ("", None),
    ],
)
def test_one_grade_is_read_or_none(verdict: str, grade: int | None):
    assert grade_in(verdict) == grade


async def test_judge_sees_the_question_and_both_answers(serve: Serve, tmp_path: Path):
    server = serve(replies=REPLIES)
    panel = panel_at(server)
    with open_verdicts(tmp_path, panel) as verdicts:
        await run(verdicts, panel, ["six {times} seven?"])
        [battle] = battles_in(verdicts, ["six {times} seven?"], panel)
    asked = [request.body["messages"][0]["content"] for request in server.requests]
    assert asked[:2] == ["six {times} seven?"] * 2
    assert "[Question]\nsix {times} seven?" in asked[2]
    assert "[Reference answer]\nForty-two." in asked[2]
    assert "[The assistant's answer]\nPerhaps 41?" in asked[2]
    assert (battle.model_a, battle.model_b) == ("openai/big", "openai/small")
    assert (battle.winner, battle.score) == ("a", 2)


@pytest.mark.parametrize(("score", "winner"), [(1, "a"), (3, "a"), (4, "tie"), (5, "tie")])
def test_good_enough_is_a_tie(tmp_path: Path, score: int, winner: str):
    panel = Panel(Model("a"), Model("b"), Model("a"))
    with open_verdicts(tmp_path, panel) as verdicts:
        verdicts.keep("p", Said("judge", f"[[{score}]]", Usage(1, 1)))
        [battle] = battles_in(verdicts, ["p", "p", "never judged"], panel)
    assert (battle.winner, battle.score) == (winner, score)


async def test_progress_counts_and_bills_every_call(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES))
    with open_verdicts(tmp_path, panel) as verdicts:
        steps = await run(verdicts, panel, parallel=1)
    assert [step.done for step in steps] == [1, 2, 3, 4, 5, 6]
    tokens = sum(usage_of(text)["completion_tokens"] for text in REPLIES.values())
    assert steps[-1].cost_usd == pytest.approx(6 * (3 * PROMPT_TOKENS * 1e-6 + tokens * 2e-6))
    assert steps[-1].seconds_left == 0


async def test_unknown_price_is_never_zero(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES), priced=False)
    with open_verdicts(tmp_path, panel) as verdicts:
        assert estimate(verdicts, PROMPTS, panel).cost_usd is None
        assert (await run(verdicts, panel))[-1].cost_usd is None


async def test_unreadable_verdict_is_counted_and_not_guessed(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES | {"judge": "Quite good!"}))
    with open_verdicts(tmp_path, panel) as verdicts:
        steps = await run(verdicts, panel)
        assert (steps[-1].done, steps[-1].unreadable) == (6, 6)
        assert battles_in(verdicts, PROMPTS, panel) == []
        assert estimate(verdicts, PROMPTS, panel).calls == 0


async def test_second_run_asks_only_what_is_missing(serve: Serve, tmp_path: Path):
    first = serve(replies=REPLIES)
    panel = panel_at(first)
    with open_verdicts(tmp_path, panel) as verdicts:
        await run(verdicts, panel, PROMPTS[:4])
    second = serve(replies=REPLIES)
    panel = panel_at(second)
    with open_verdicts(tmp_path, panel) as verdicts:
        assert estimate(verdicts, PROMPTS, panel).calls == 6
        steps = await run(verdicts, panel)
        assert len(battles_in(verdicts, PROMPTS, panel)) == 6
    assert len(second.requests) == 6
    assert steps[-1].done == 6


async def test_limit_stops_before_it_is_passed_and_the_rest_follows(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES))
    with open_verdicts(tmp_path, panel) as verdicts:
        with pytest.raises(JudgingStoppedError, match=r"above \$0.003"):
            await run(verdicts, panel, max_cost=0.003, parallel=1)
        done = len(battles_in(verdicts, PROMPTS, panel))
        assert 0 < done < 6
        await run(verdicts, panel)
        assert len(battles_in(verdicts, PROMPTS, panel)) == 6


async def test_rate_limit_is_waited_for(serve: Serve, tmp_path: Path):
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    panel = panel_at(serve(replies=REPLIES, by_model={"small": ["429", "429", "ok"]}))
    with open_verdicts(tmp_path, panel) as verdicts:
        steps = await run(verdicts, panel, PROMPTS[:1], sleep=sleep)
    assert waits == [7.0, 7.0]
    assert (steps[-1].done, steps[-1].failed) == (1, 0)


async def test_failed_prompt_is_counted_and_asked_again_the_next_time(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES, by_model={"small": ["overflow", "ok"]}))
    with open_verdicts(tmp_path, panel) as verdicts:
        steps = await run(verdicts, panel, PROMPTS[:3], parallel=1)
        assert (steps[-1].done, steps[-1].failed) == (2, 1)
        assert (await run(verdicts, panel, PROMPTS[:3]))[-1].done == 3


async def test_empty_reply_is_a_failure(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES, by_model={"big": ["empty"]}))
    with open_verdicts(tmp_path, panel) as verdicts:
        assert (await run(verdicts, panel, PROMPTS[:1]))[-1].failed == 1


async def test_refused_key_ends_the_run_and_what_came_is_kept(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES, by_model={"judge": ["ok", "401"]}))
    with open_verdicts(tmp_path, panel) as verdicts:
        with pytest.raises(AuthError):
            await run(verdicts, panel, parallel=1)
        assert len(battles_in(verdicts, PROMPTS, panel)) == 1
        assert verdicts.get(PROMPTS[1], "strong") is not None


async def test_failures_in_a_row_end_the_run(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES, by_model={"small": ["overflow"]}))
    stopped = pytest.raises(JudgingStoppedError, match="5 prompts in a row")
    with open_verdicts(tmp_path, panel) as verdicts, stopped:
        await run(verdicts, panel, parallel=1)


async def test_cancelled_run_keeps_what_came(serve: Serve, tmp_path: Path):
    server = serve(replies=REPLIES, by_model={"judge": ["ok", "hang_mid"]})
    panel = panel_at(server)
    with open_verdicts(tmp_path, panel) as verdicts:
        task = asyncio.create_task(run(verdicts, panel, parallel=1))
        while len(server.requests) < 6 or not server.waiting.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with open_verdicts(tmp_path, panel) as verdicts:
        assert len(battles_in(verdicts, PROMPTS, panel)) == 1
        assert verdicts.get(PROMPTS[1], "weak") is not None


async def test_no_key_is_kept_or_shown(serve: Serve, tmp_path: Path):
    panel = panel_at(serve(replies=REPLIES))
    assert SECRET not in repr(panel)
    with open_verdicts(tmp_path, panel) as verdicts:
        await run(verdicts, panel, PROMPTS[:1])
    assert SECRET not in (tmp_path / "set.jsonl").read_text()


def test_cut_line_is_left_out_and_the_next_one_starts_afresh(tmp_path: Path):
    panel = Panel(Model("a"), Model("b"), Model("c"))
    with open_verdicts(tmp_path, panel) as verdicts:
        verdicts.keep("p", Said("strong", "one", Usage(1, 1)))
        verdicts.keep("p", Said("weak", "two", Usage(1, 1)))
    file = tmp_path / "set.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    with open_verdicts(tmp_path, panel) as verdicts:
        assert verdicts.get("p", "strong").text == "one"
        assert verdicts.get("p", "weak") is None
        verdicts.keep("p", Said("weak", "again", Usage(1, 1)))
    with open_verdicts(tmp_path, panel) as verdicts:
        assert verdicts.get("p", "weak").text == "again"


def test_file_of_other_models_or_another_program_is_refused(tmp_path: Path):
    panel, other = (Panel(Model("a"), Model("b"), Model(name)) for name in "cd")

    def refused(panel: Panel, why: str) -> None:
        with pytest.raises(DataError, match=why), open_verdicts(tmp_path, panel):
            pass

    with open_verdicts(tmp_path, panel) as verdicts:
        verdicts.keep("p", Said("strong", "one", Usage(1, 1)))
        refused(panel, "another program")
    refused(other, "judge c")
    (tmp_path / "set.jsonl").write_text("notes to self")
    refused(panel, "line 1: not the beginning")
