"""The engine in this process."""

from pathlib import Path

import pytest

from routing.conversation import Turn
from routing.engine import Engine
from routing.errors import RouterError
from routing.events import Decided, EngineOptions, Finished, TurnRequest
from routing.models import DEMO_PAIR


async def test_router_is_tried_again_once_what_stood_in_its_way_is_gone(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path), router="chance"))
    mine = tmp_path / "mine.jsonl"
    mine.write_text("not a battle\n")
    assert "mine.jsonl" in (await engine.ready()).trouble
    mine.unlink()
    assert not (await engine.ready()).trouble


async def test_folder_that_cannot_be_used_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("in the place of a folder")
    readiness = await Engine(EngineOptions(str(tmp_path / "file"))).ready()
    assert f"{tmp_path}/file cannot be used" in readiness.trouble


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


async def test_pin_that_the_person_did_not_ask_for_gives_its_own_reason(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path), router="chance"))
    request = TurnRequest((Turn("user", "hello"),), DEMO_PAIR, pin="weak", because="It is late.")
    decided, *rest = [event async for event in engine.turn(request)]
    assert isinstance(decided, Decided)
    assert decided.decision.reason == "It is late."
    assert decided.decision.limited
    assert isinstance(rest[-1], Finished)
    assert "It is late." in rest[-1].reply.text  # the demo's model explains its route
    assert "You pinned" not in rest[-1].reply.text
