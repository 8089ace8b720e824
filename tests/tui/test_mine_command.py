"""`llmroute battles mine`: shown, taken back, exported."""

import json
from pathlib import Path

import pytest

from routing.battles import Battle
from routing.own import OwnBattles
from tests.tui.conftest import Run
from tui.paths import paths

FIRST, SECOND = "20260131T110000000000-0000aaaa", "20260131T120000000000-0000bbbb"


@pytest.fixture
def own(home: Path) -> OwnBattles:
    own = OwnBattles(paths({"LLMROUTE_HOME": str(home)}).router)
    own.learn(Battle("is it\nprime?", "big", "small", "a", "mine", FIRST))
    own.learn(Battle("say hello", "big", "small", "b", "mine", SECOND))
    return own


def test_nothing_learnt_says_what_teaches(run: Run):
    code, out, _ = run("battles", "mine")
    assert code == 0
    assert "/good" in out


@pytest.mark.usefixtures("own")
def test_list_shows_an_id_the_prompt_on_one_line_and_who_won(run: Run):
    _, out, _ = run("battles", "mine")
    assert "0000aaaa" in out
    assert "is it prime?" in out
    assert "big beat small" in out
    assert "small beat big" in out


def test_list_parts_the_last_message_from_those_it_was_routed_with(run: Run, own: OwnBattles):
    text = "and in C?\n\nsort a list\n\nhello"
    own.learn(Battle(text, "big", "small", "a", "mine", SECOND, earlier=2))
    assert "and in C? (after: sort a list / hello)" in run("battles", "mine")[1]


@pytest.mark.usefixtures("own")
def test_json_holds_every_field(run: Run):
    rows = json.loads(run("battles", "mine", "--json")[1])
    assert [row["battle_id"] for row in rows] == [FIRST, SECOND]
    assert rows[0]["prompt"] == "is it\nprime?"


@pytest.mark.parametrize("battle_id", [FIRST, "0000aaaa"])
def test_forgotten_by_its_id_or_the_end_of_it(run: Run, own: OwnBattles, battle_id: str):
    code, out, _ = run("battles", "mine", "forget", battle_id)
    assert (code, [battle.battle_id for battle in own.read()]) == (0, [SECOND])
    assert "is it prime?" in out


@pytest.mark.parametrize(
    ("battle_id", "why"), [("nothing", "None of your battles"), ("", "2 of your battles")]
)
def test_id_that_names_no_single_battle_takes_nothing_back(
    run: Run, own: OwnBattles, battle_id: str, why: str
):
    code, _, err = run("battles", "mine", "forget", battle_id)
    assert code == 2
    assert why in err
    assert len(own.read()) == 2


@pytest.mark.usefixtures("own")
def test_export_can_be_imported_and_replaces_nothing_unasked(run: Run, tmp_path: Path):
    file = tmp_path / "mine.jsonl"
    assert run("battles", "mine", "export", str(file))[0] == 0
    assert len(file.read_text().splitlines()) == 2
    code, _, err = run("battles", "mine", "export", str(file))
    assert code == 2
    assert "--force" in err
    assert run("battles", "import", str(file), "--name", "copy")[0] == 0


def test_nothing_to_export_writes_nothing(run: Run, tmp_path: Path):
    code, _, err = run("battles", "mine", "export", str(tmp_path / "mine.jsonl"))
    assert code == 2
    assert "nothing to export" in err
    assert not list(tmp_path.iterdir())
