"""`llmroute battles`: sets made of answer keys and of a judge's grades."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from routing.judge import Progress
from tests.servers import ScriptedServer
from tests.tui.conftest import Run
from tui.judging import _Told

Serve = Callable[..., ScriptedServer]


def stats(run: Run) -> dict[str, dict[str, int]]:
    _, out, _ = run("battles", "stats", "--json")
    return {row["set"]: row for row in json.loads(out)}


def test_gold_makes_a_set_that_is_named_after_the_file(run: Run, tmp_path: Path):
    file = tmp_path / "exam.csv"
    file.write_text("prompt,demo/strong,demo/weak\np1,True,False\np2,True,True\np3,so-so,True\n")
    code, out, err = run(
        "battles", "gold", str(file), "--strong", "demo/strong", "--weak", "demo/weak"
    )
    assert code == 0
    assert "2 battles" in out
    assert "demo/strong is right alone in 1, demo/weak in 0, 1 tie" in out
    assert "line 4: demo/strong is neither true nor false" in err
    assert "(found 'so-so')" in err
    found = stats(run)["exam"]
    assert (found["battles"], found["won"], found["ties"]) == (2, {"demo/strong": 1}, 1)


def test_gold_refuses_a_set_that_is_there_and_a_file_of_other_models(run: Run, tmp_path: Path):
    file = tmp_path / "exam.csv"
    file.write_text("prompt,demo/strong,demo/weak\np1,True,False\n")
    pair = ["--strong", "demo/strong", "--weak", "demo/weak"]
    other = ["--strong", "a/b", "--weak", "c/d"]
    run("battles", "gold", str(file), *pair)
    code, _, err = run("battles", "gold", str(file), *pair)
    assert code != 0
    assert "already exists" in err
    code, _, err = run("battles", "gold", str(file), *other, "--name", "x")
    assert code != 0
    assert "expected a prompt (or question) with a/b and c/d" in err


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "mine.txt"
    file.write_text("six times seven?\n\nnine times nine?\nsix times seven?\n")
    return file


def judging(server: ScriptedServer, prompts: Path, *more: str) -> list[str]:
    models = ["--strong", "openai/big", "--weak", "openai/small", "--judge", "openai/judge"]
    return ["battles", "judge", "--prompts", str(prompts), *models, "--api-base", server.url, *more]


def test_judged_set_is_kept_with_its_grades(serve: Serve, run: Run, home: Path, prompts: Path):
    server = serve(replies={"judge": "Wrong. Rating: [[2]]"})
    code, out, err = run(*judging(server, prompts, "--yes"))
    assert code == 0
    assert "2 prompts: openai/big and openai/small answer, openai/judge judges." in err
    assert "6 calls" in err
    assert "$? (a price is unknown" in err
    assert "2 battles in the set mine-judged: 0 x 5, 0 x 4, 0 x 3, 2 x 2, 0 x 1." in out
    assert stats(run)["mine-judged"]["won"] == {"openai/big": 2}
    kept = (home / "router" / "battles" / "mine-judged.jsonl").read_text()
    assert json.loads(kept.splitlines()[0])["score"] == 2


def test_same_command_goes_on_and_asks_nothing_twice(serve: Serve, run: Run, prompts: Path):
    server = serve(replies={"judge": "[[5]]"}, by_model={"judge": ["ok", "401", "ok"]})
    code, _, err = run(*judging(server, prompts, "--yes", "--parallel", "1"))
    assert code == 3
    assert stats(run)["mine-judged"]["battles"] == 1
    asked = len(server.requests)
    code, out, err = run(*judging(server, prompts, "--yes"))
    assert code == 0
    assert "1 call," in err
    assert len(server.requests) == asked + 1
    assert "2 battles in the set mine-judged: 2 x 5" in out


def test_unreadable_verdicts_are_told(serve: Serve, run: Run, prompts: Path):
    server = serve(replies={"judge": "I cannot say."})
    code, out, err = run(*judging(server, prompts, "--yes"))
    assert (code, out) == (1, "")
    assert "No battle was made: 2 prompts have no grade that can be read" in err
    assert "--judge MODEL --name SET tries another judge." in err
    assert "mine-judged" not in stats(run)


def test_each_part_of_a_judging_is_told_once(serve: Serve, run: Run, prompts: Path):
    server = serve(replies={"judge": "[[3]]"})
    _, _, err = run(*judging(server, prompts, "--yes"))
    told = [line.partition(" judged")[0] for line in err.splitlines() if " judged  " in line]
    # Both may be judged before the first is told of.
    assert told in (["1 of 2", "2 of 2"], ["2 of 2"])


def test_nothing_is_asked_without_a_yes(
    serve: Serve, run: Run, prompts: Path, monkeypatch: pytest.MonkeyPatch
):
    server = serve()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, _, err = run(*judging(server, prompts))
    assert code == 2
    assert "--yes" in err
    code, _, err = run(*judging(server, prompts, "--yes", "--max-cost", "1"))
    assert code == 2
    assert "a price is unknown" in err
    assert server.requests == []


def test_answer_to_the_question_decides(
    serve: Serve, run: Run, prompts: Path, monkeypatch: pytest.MonkeyPatch
):
    server = serve(replies={"judge": "[[4]]"})
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    assert run(*judging(server, prompts))[0] == 2
    assert server.requests == []
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    assert run(*judging(server, prompts))[0] == 0


def test_judged_set_does_not_take_the_name_of_another(serve: Serve, run: Run, prompts: Path):
    table = prompts.with_name("exam.csv")
    table.write_text("prompt,demo/strong,demo/weak\np1,True,False\n")
    run("battles", "gold", str(table), "--strong", "demo/strong", "--weak", "demo/weak")
    code, _, err = run(*judging(serve(), prompts, "--yes", "--name", "exam"))
    assert code != 0
    assert "already exists" in err


def test_demo_pair_can_be_judged(run: Run, tmp_path: Path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "hello"}\n{"no": 1}\n')
    pair = ["--strong", "demo/strong", "--weak", "demo/weak"]
    code, _, err = run(
        "battles", "judge", "--prompts", str(file), *pair, "--yes", "--max-cost", "1"
    )
    assert code == 1
    assert "line 2: no prompt" in err
    assert "1 prompt has no grade" in err  # a stand-in grades nothing


@pytest.mark.parametrize(
    ("winner", "said"), [("model_a", "One-sided: big wins each of them."), ("tie", "all are ties")]
)
def test_one_sided_set_is_imported_with_a_word_about_it(
    run: Run, tmp_path: Path, winner: str, said: str
):
    rows = [
        {"prompt": f"p {at}", "model_a": "big", "model_b": "small", "winner": winner}
        for at in range(4)
    ]
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    code, _, err = run("battles", "import", str(path))
    assert code == 0
    assert said in err
    rows[0]["winner"] = "model_b"
    path.write_text("\n".join(map(json.dumps, rows)))
    told = run("battles", "import", str(path), "--name", "both")[2]
    assert told == (
        "3 of them are in votes too and count twice; llmroute battles rm both removes them.\n"
    )


def test_damaged_set_is_named_with_the_way_out(run: Run, tmp_path: Path, home: Path):
    file = tmp_path / "votes.csv"
    file.write_text("prompt,model_a,model_b,winner\nhello,a,b,tie\n")
    assert run("battles", "import", str(file))[0] == 0
    (home / "router" / "battles" / "votes.jsonl").write_text("xx")
    code, _, err = run("ask", "--demo", "--dry-run", "hello")
    assert code != 0
    assert "votes.jsonl, line 1: 'xx'" in err
    assert "llmroute battles rm votes" in err
    assert run("battles", "rm", "votes")[0] == 0
    assert run("ask", "--demo", "--dry-run", "hello")[0] == 0


def test_imported_set_is_removed(run: Run, tmp_path: Path):
    file = tmp_path / "own.jsonl"
    battle = {"prompt": "hello", "model_a": "big", "model_b": "small", "winner": "tie"}
    file.write_text(json.dumps(battle))
    assert run("battles", "import", str(file))[0] == 0
    assert run("battles", "rm", "own")[0] == 0
    assert "own" not in stats(run)
    assert run("battles", "rm", "own")[0] == 2


def test_name_that_no_set_can_have_is_refused_with_the_way_out(run: Run, tmp_path: Path):
    file = tmp_path / "mine.jsonl"
    file.write_text("{}")
    code, _, err = run("battles", "import", str(file))
    assert code == 2
    assert "--name" in err


@pytest.mark.parametrize(("total", "lines"), [(2, 2), (19, 10), (25, 10)])
def test_a_long_judging_is_told_in_ten_lines_with_the_last(
    capsys: pytest.CaptureFixture[str], total: int, lines: int
):
    follow = _Told()
    for done in range(total + 1):
        follow.tell(Progress(done, total, 0, 0, 0.0, None))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == lines
    assert told[-1].startswith(f"{total} of {total} judged")
