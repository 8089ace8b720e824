"""Battles from an answer key, against cases worked by hand."""

from pathlib import Path

import pytest

from routing.errors import DataError
from routing.gold import gold_battles, is_right

BIG, SMALL = "big/model", "small"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answered.jsonl"


def winners(file: Path) -> list[str]:
    return [battle.winner for battle in gold_battles(file, BIG, SMALL).battles]


def test_right_beats_wrong_and_equals_tie(file: Path):
    file.write_text(
        '{"prompt": "p1", "answer": "B", "answers": {"big/model": "(b).", "small": "C"}}\n'
        '{"prompt": "p2", "answer": "B", "answers": {"big/model": "A", "small": "B"}}\n'
        '{"prompt": "p3", "answer": "B", "answers": {"big/model": "B", "small": "B"}}\n'
        '{"prompt": "p4", "answer": "B", "answers": {"big/model": null, "small": "D"}}\n'
    )
    report = gold_battles(file, BIG, SMALL)
    assert [battle.winner for battle in report.battles] == ["a", "b", "tie", "tie"]
    assert [battle.both_bad for battle in report.battles] == [False, False, False, True]
    assert {(battle.model_a, battle.model_b) for battle in report.battles} == {(BIG, SMALL)}


@pytest.mark.parametrize("key", ["correct", "quality"])
def test_correctness_and_grades_stand_for_answers(file: Path, key: str):
    values = [("true", "false"), ("false", "true"), ("true", "true")]
    if key == "quality":
        values = [("9.5", "7"), ("0.25", "0.5"), ("1", "1")]
    file.write_text(
        "".join(
            f'{{"question": "q", "{key}": {{"big/model": {one}, "small": {two}, "other": 1}}}}\n'
            for one, two in values
        )
    )
    assert winners(file) == ["a", "b", "tie"]


def test_table_has_one_column_a_model(tmp_path: Path):
    truths = tmp_path / "truths.csv"
    truths.write_text("prompt,small,big/model,notes\np1,False,True,x\np2,1,0,\np3,False,False,\n")
    assert winners(truths) == ["a", "b", "tie"]
    answers = tmp_path / "answers.csv"
    answers.write_text('question,answer,small,big/model\np1,"1,200",$1200,1200.0\np2,7,8,7\n')
    assert winners(answers) == ["tie", "a"]


@pytest.mark.parametrize(
    ("given", "key", "right"),
    [
        ("B", "b", True),
        (" (B). ", "B", True),
        ("**42**", "42", True),
        ("42.0", "42", True),
        ("$1,234", "1234", True),
        (".5", "0.5", True),
        ("5", "0.5", False),
        ("-3", "3", False),
        ("AB", "A", False),
        ("", "A", False),
        (None, "A", False),
    ],
)
def test_same_text_or_number_is_right(given: str | None, key: str, *, right: bool):
    assert is_right(given, key) == right


def test_bad_rows_are_left_out_with_line_and_reason(file: Path):
    file.write_text(
        '{"prompt": "p", "correct": {"big/model": true, "small": false}}\n'
        "not json\n"
        '{"prompt": "p", "correct": {"big/model": true}}\n'
        '{"prompt": "p", "correct": {"big/model": "yes", "small": true}}\n'
        '{"prompt": "p", "answer": "", "answers": {"big/model": "A", "small": "A"}}\n'
        '{"prompt": " ", "correct": {"big/model": true, "small": true}}\n'
        '{"prompt": "p", "answers": {"big/model": "A", "small": "B"}}\n'
        '{"prompt": "p", "quality": {"big/model": NaN, "small": 1}}\n'
    )
    report = gold_battles(file, BIG, SMALL)
    assert len(report.battles) == 1
    assert [(row.line, row.reason) for row in report.rejected] == [
        (2, "not JSON"),
        (3, "nothing of small"),
        (4, "the grade of big/model is no finite number"),
        (5, "the answer key is empty"),
        (6, "no prompt"),
        (7, "big/model is neither true nor false, and there is no answer key"),
        (8, "the grade of big/model is no finite number"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("prompt,other\np,True\n", "line 1: 'prompt, other'"),
        ("prompt,small,big/model\n", "no row below"),
        ('{"prompt": "p", "correct": {"other": true}}\n', "line 1: nothing of big/model"),
    ],
)
def test_file_without_a_good_row_is_an_error(file: Path, content: str, words: str):
    file.write_text(content)
    with pytest.raises(DataError, match=words):
        gold_battles(file, BIG, SMALL)


def test_model_against_itself_is_refused(file: Path):
    with pytest.raises(DataError, match="given for both"):
        gold_battles(file, BIG, BIG)
