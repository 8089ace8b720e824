"""The engine in this process."""

from pathlib import Path

from routing.engine import Engine
from routing.events import EngineOptions


async def test_router_is_tried_again_once_what_stood_in_its_way_is_gone(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path), router="chance"))
    mine = tmp_path / "mine.jsonl"
    mine.write_text("not a battle\n")
    assert "mine.jsonl" in (await engine.ready()).trouble
    mine.unlink()
    assert not (await engine.ready()).trouble
