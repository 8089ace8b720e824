"""The engine's child process, the real one: pinned turns of the demo pair, and its death."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from routing.conversation import Delta, Turn
from routing.errors import EngineGoneError, NoKeyError, RouterError
from routing.events import Decided, EngineOptions, Finished, Notice, TurnRequest
from routing.models import Model, Pool
from routing.prices import Price
from routing.wire import NO_CALL, encode_answer
from tui.engine_client import EngineClient

DEMO = Pool((Model("demo/strong"), Model("demo/weak")))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineClient]:
    folder = tmp_path_factory.mktemp("engine")
    client = EngineClient(EngineOptions(str(folder / "router")), folder / "log" / "engine.log")
    yield client
    await client.close()


def asking(text: str, pool: Pool = DEMO) -> TurnRequest:
    return TurnRequest((Turn("user", text),), pool, pin="weak")


async def test_pinned_turn_needs_no_router(client: EngineClient):
    events = [event async for event in client.turn(asking("hello"))]
    assert isinstance(events[0], Decided)
    assert isinstance(events[-1], Finished)
    text = "".join(event.text for event in events if isinstance(event, Delta))
    assert text == events[-1].reply.text
    assert events[-1].bill.cost_usd > 0


async def test_turns_run_side_by_side_without_mixing(client: EngineClient):
    async def reply(text: str) -> str:
        return "".join([e.text async for e in client.turn(asking(text)) if isinstance(e, Delta)])

    first, second = await asyncio.gather(reply("about apples"), reply("about pears"))
    assert "apples" in first
    assert "pears" not in first
    assert "pears" in second


async def test_errors_cross_the_pipe_as_themselves(client: EngineClient):
    pool = Pool((Model("openai/gpt-4o"), Model("openai/gpt-4o-mini")))
    with pytest.raises(NoKeyError, match="OPENAI_API_KEY"):
        async for _ in client.turn(asking("hello", pool)):
            pass


async def test_closing_a_turn_leaves_the_engine_for_the_next(client: EngineClient):
    async with aclosing(client.turn(asking("hello"))) as events:
        async for event in events:
            if isinstance(event, Delta):
                break
    assert [e async for e in client.turn(asking("again")) if isinstance(e, Finished)]


async def test_killed_engine_is_told_and_started_again(client: EngineClient):
    gone = asyncio.Event()
    client.on_gone = gone.set

    async def until_killed() -> None:
        async with aclosing(client.turn(asking("hello"))) as events:
            async for event in events:
                if isinstance(event, Delta):
                    os.kill(client.pid, signal.SIGKILL)

    with pytest.raises(EngineGoneError):
        await until_killed()
    await asyncio.wait_for(gone.wait(), timeout=60)
    assert [e async for e in client.turn(asking("again")) if isinstance(e, Finished)]


async def test_another_router_decides_in_the_next_child_too(client: EngineClient):
    assert (await client.use("chance")).router == "chance"
    with pytest.raises(RouterError, match="the bert router is not trained"):
        await client.use("bert")
    await client.close()
    assert (await client.start()).router == "chance"


async def test_models_not_worth_their_price_are_known_over_the_pipe(client: EngineClient):
    dear = Model("openai/dear", price=Price(1.0, 1.0))
    pool = Pool((DEMO.strong, dear, DEMO.weak))
    assert await client.outdone(pool) == {"openai/dear": "demo/strong"}
    assert await client.outdone(DEMO) == {}


async def test_log_belongs_to_its_owner_alone(client: EngineClient):
    [event async for event in client.turn(asking("hello"))]
    assert client.log.stat().st_mode & 0o777 == 0o600
    assert client.log.parent.stat().st_mode & 0o777 == 0o700
    assert "hello" not in client.log.read_text()


async def test_notices_answer_no_call(tmp_path: Path):
    class Process:
        stdout = asyncio.StreamReader()

        async def wait(self) -> int:
            return 0

    told: list[str] = []
    client = EngineClient(EngineOptions(str(tmp_path)), tmp_path / "log")
    client.on_notice = told.append
    Process.stdout.feed_data(encode_answer(NO_CALL, Notice("built anew")))
    Process.stdout.feed_eof()
    await client._listen(Process())
    assert told == ["built anew"]
