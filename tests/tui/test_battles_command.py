"""`llmroute battles`: sets made of answer keys."""

import json
from pathlib import Path

from tests.tui.conftest import Run


def stats(run: Run) -> dict[str, dict[str, int]]:
    _, out, _ = run("battles", "stats", "--json")
    return {row["set"]: row for row in json.loads(out)}


def test_gold_makes_a_set_that_is_named_after_the_file(run: Run, tmp_path: Path):
    file = tmp_path / "exam.csv"
    file.write_text("prompt,demo/strong,demo/weak\np1,True,False\np2,True,True\np3,,True\n")
    code, out, err = run(
        "battles", "gold", str(file), "--strong", "demo/strong", "--weak", "demo/weak"
    )
    assert code == 0
    assert "2 battles" in out
    assert "demo/strong is right alone in 1, demo/weak in 0, 1 ties" in out
    assert "line 4: demo/strong is neither true nor false" in err
    found = stats(run)["exam"]
    assert (found["battles"], found["a won"], found["ties"]) == (2, 1, 1)


def test_gold_refuses_a_set_that_is_there_and_a_file_of_other_models(run: Run, tmp_path: Path):
    file = tmp_path / "exam.csv"
    file.write_text("prompt,demo/strong,demo/weak\np1,True,False\n")
    pair = ["--strong", "demo/strong", "--weak", "demo/weak"]
    run("battles", "gold", str(file), *pair)
    code, _, err = run("battles", "gold", str(file), *pair)
    assert code != 0
    assert "there already" in err
    code, _, err = run(
        "battles", "gold", str(file), "--strong", "a/b", "--weak", "c/d", "--name", "x"
    )
    assert code != 0
    assert "expected a prompt (or question) with a/b and c/d" in err
