"""The engine in this process."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routing.conversation import Turn
from routing.engine import Engine, Server
from routing.errors import RouterError
from routing.events import EngineOptions, Notice, TurnRequest
from routing.models import DEMO_PAIR
from routing.wire import NO_CALL, decode_answer


async def test_router_is_tried_again_once_what_stood_in_its_way_is_gone(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path), router="chance"))
    mine = tmp_path / "mine.jsonl"
    mine.write_text("not a battle\n")
    assert "mine.jsonl" in (await engine.ready()).trouble
    mine.unlink()
    assert not (await engine.ready()).trouble


async def test_another_router_decides_once_it_is_loaded_and_the_former_one_until_then(
    tmp_path: Path,
):
    engine = Engine(EngineOptions(str(tmp_path), router="chance"))
    request = TurnRequest((Turn("user", "hello"),), DEMO_PAIR)
    with pytest.raises(RouterError, match="the factorization router is not trained"):
        await engine.use("factorization")
    assert (await engine.decide(request)).router == "chance"
    readiness = await engine.use("similarity")
    assert (readiness.router, readiness.trouble) == ("similarity", "")
    assert (await engine.decide(request)).router == "similarity"


async def test_a_router_that_can_be_loaded_ends_the_trouble_with_another(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path), router="bert"))
    assert "not trained" in (await engine.ready()).trouble
    assert not (await engine.use("chance")).trouble


async def test_what_the_router_logs_is_told_over_the_pipe(tmp_path: Path):
    output = io.BytesIO()

    async def calls() -> AsyncIterator[bytes]:
        await asyncio.to_thread(logging.getLogger("routing.index").warning, "built %s", "anew")
        await asyncio.sleep(0)
        for line in ():
            yield line

    await Server(Engine(EngineOptions(str(tmp_path), router="chance")), output).serve(calls())
    assert decode_answer(output.getvalue()) == (NO_CALL, Notice("built anew"))
