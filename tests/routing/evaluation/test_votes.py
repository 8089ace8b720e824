"""Votes as grades of a pair, or of the higher and the lower rated of each two models."""

import json
from pathlib import Path

import pytest

from routing.errors import DataError
from routing.evaluation.sets import read_set
from routing.evaluation.votes import HIGHER, LOWER, read_votes


def votes(path: Path, *rows: tuple[str, str, str, str]) -> Path:
    names = ("prompt", "model_a", "model_b", "winner")
    path.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows))
    return path


def test_each_prompt_counts_once_with_the_part_of_its_votes(tmp_path: Path):
    path = votes(
        tmp_path / "votes.jsonl",
        ("p", "x", "y", "model_a"),
        ("p", "y", "x", "model_a"),
        ("p", "y", "x", "tie"),
        ("q", "y", "x", "model_b"),
    )
    found = read_set(str(path))
    assert (found.models, found.prompts) == (("x", "y"), ("p", "q"))
    assert found.quality.tolist() == [[0.5, 0.5], [1, 0]]
    assert found.cost is None
    assert read_votes(path, ("y", "x")).quality.tolist() == [[0.5, 0.5], [0, 1]]


def test_of_many_models_the_higher_rated_of_each_two_is_strong(tmp_path: Path):
    path = votes(
        tmp_path / "votes.jsonl",
        ("p", "worst", "middling", "model_b"),
        ("q", "best", "middling", "model_a"),
        ("r", "middling", "best", "model_b"),
        ("s", "best", "worst", "tie"),
    )
    found = read_votes(path)
    assert found.models == (HIGHER, LOWER)
    assert found.quality.tolist() == [[1, 0], [1, 0], [1, 0], [0.5, 0.5]]
    assert "Votes between 3 models" in found.notes[0]
    assert read_votes(path, ("best", "worst")).prompts == ("s",)


def test_grades_that_speak_of_votes_are_grades(tmp_path: Path):
    path = tmp_path / "graded.jsonl"
    row = {"prompt": "What is model_a?", "quality": {"model_a": 1, "model_b": 0}}
    path.write_text(json.dumps(row))
    assert read_set(str(path)).models == ("model_a", "model_b")
    pairs = [{"prompt": "p", "model_a": "x", "model_b": "y", "winner": "tie"}]
    path.write_text(json.dumps(pairs))
    assert read_set(str(path)).models == ("x", "y")


def test_rows_that_are_left_out_are_counted(tmp_path: Path):
    good, bad = ("p", "x", "y", "model_a"), ("p", "x", "x", "model_a")
    (note,) = read_votes(votes(tmp_path / "one.jsonl", good, bad)).notes
    assert note == "1 row is left out of one.jsonl: line 2: a model against itself."
    (note,) = read_votes(votes(tmp_path / "five.jsonl", good, *[bad] * 5)).notes
    assert note.startswith("5 rows are left out")
    assert note.endswith("line 4: a model against itself; and 2 more.")


def test_votes_that_are_none_are_refused_with_what_was_expected(tmp_path: Path):
    path = votes(tmp_path / "votes.jsonl", ("p", "x", "y", "model_a"))
    with pytest.raises(DataError, match="no vote between x and z; the models voted on are x, y"):
        read_votes(path, ("x", "z"))
    votes(path, ("p", "x", "y", "both"))
    with pytest.raises(DataError, match=r"line 1: unknown winner.*found 'both'"):
        read_set(str(path))
    (tmp_path / "other.csv").write_text("prompt,grade\nhi,3\n")
    with pytest.raises(DataError, match="line 1: not JSON") as caught:
        read_set(str(tmp_path / "other.csv"))
    assert "or votes with prompt, model_a, model_b and winner" in caught.value.hint
