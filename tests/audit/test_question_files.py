"""Readers, and refusals with their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.errors import DataError
from audit.question_files import read, shipped
from audit.questions import Question


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_without_header_is_read_as_mmlu_writes_it(tmp_path: Path):
    path = written(tmp_path / "q.csv", '"Which, if any?",None,NA,"a, b","say ""c""",D\n')
    (only,) = read(path).test
    assert only.stem == "Which, if any?"
    assert only.options == ("None", "NA", "a, b", 'say "c"')
    assert only.answer == 3


def test_csv_with_header_finds_its_columns_in_any_order(tmp_path: Path):
    text = "answer,question,subject,A,B,C,id\nb,Which?,law,x,y,,first\n"
    (only,) = read(written(tmp_path / "q.csv", text)).test
    assert only == Question("first", "Which?", ("x", "y"), 1, "law", "q.csv:2")


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Which?", "options": ["x", "y"], "answer": 1},
        {"question": "Which?", "options": ["x", "y"], "answer": "B"},
        {"question": "Which?", "choices": ["x", "y"], "answer": "y"},
        {"question": "Which?", "choices": {"text": ["x", "y"], "label": ["1", "2"]},
         "answerKey": "2"},
        {"question": {"stem": "Which?", "choices": [{"text": "x", "label": "A"},
                                                    {"text": "y", "label": "B"}]},
         "answerKey": "B"},
    ],
)  # fmt: skip
def test_every_json_form_gives_the_same_question(tmp_path: Path, row: dict[str, object]):
    (only,) = read(written(tmp_path / "q.jsonl", json.dumps(row) + "\n")).test
    assert (only.stem, only.options, only.answer) == ("Which?", ("x", "y"), 1)


def test_a_folder_is_laid_out_as_mmlu(tmp_path: Path):
    written(tmp_path / "test" / "world_history_test.csv", "Which?,x,y,A\n")
    written(tmp_path / "dev" / "world_history_dev.csv", "Why?,x,y,B\n")
    questions = read(tmp_path)
    assert [q.subject for q in questions.test + questions.examples] == ["world_history"] * 2
    assert questions.examples[0].stem == "Why?"


def test_a_multi_line_cell_keeps_the_line_numbers_right(tmp_path: Path):
    path = written(tmp_path / "q.csv", '"one\ntwo",x,y,A\n"bad",x,y,Z\n')
    with pytest.raises(DataError, match=r"q\.csv:3: answer is 'Z'; expected one of A, B"):
        read(path)


GOOD = '{"question": "Which?", "options": ["x", "y"], "answer": 0}\n'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("q.csv", "Which?,x,y,A\nWhich?,x,A\n", r"q\.csv:2: has 3 columns; expected question"),
        ("q.csv", "Which?,x,,z,A\n", r":1: option B is ''; expected a text"),
        ("q.csv", "Which?,x,y,E\n", r":1: answer is 'E'"),
        ("q.csv", 'Which?,"x,y,A\n', r":1: unexpected end of data"),
        ("q.csv", "question,A,B\nWhich?,x,y\n", r":1: columns are question, a, b; expected"),
        ("q.csv", "question,A,B,answer\nWhich?,x\n", r":2: has 2 columns; expected 4"),
        ("q.csv", "question,A,B,answer\n,x,y,A\n", r":2: question is ''; expected a text"),
        ("q.csv", "question,A,B,answer\nWhich?,x,,A\n", r":2: has 1 option; expected 2 to 10"),
        ("q.csv", "", r"q\.csv: holds no question to ask"),
        ("q.jsonl", GOOD + '{"question": \n', r"q\.jsonl:2: .* expected a JSON object"),
        ("q.jsonl", '{"question": [1\n', r":1: Expecting ',' delimiter at column 16"),
        ("q.jsonl", "[1]\n", r":1: is \[1\]; expected a JSON object"),
        ("q.jsonl", '{"question": "W?", "options": "xy", "answer": 0}\n', r"options are 'xy'"),
        ("q.jsonl", '{"question": "W?", "options": ["x"], "answer": 0}\n', r"has 1 option;"),
        ("q.jsonl", '{"question": "W?", "options": ["x", null], "answer": 0}\n', r"option B is N"),
        ("q.jsonl", '{"question": "W?", "options": ["x", "y"], "answer": 2}\n', r"answer is 2"),
        ("q.jsonl", '{"question": "W?", "options": ["x", "y"], "answer": true}\n', r"is True"),
        ("q.jsonl", '{"question": "W?", "options": ["x", "x"], "answer": "x"}\n', r"is 'x'"),
        ("q.jsonl", '{"question": "W?", "options": ["x", "y"]}\n', r"answer is None"),
        ("q.jsonl", GOOD.replace("{", '{"kind": "x", '), r"kind is 'x'; expected one of test"),
        ("q.jsonl", GOOD.replace("{", '{"id": "1", ') * 2, r":2: id '1' is used twice"),
    ],
)
def test_a_bad_row_gives_file_line_value_and_what_was_expected(
    tmp_path: Path, name: str, text: str, message: str
):
    with pytest.raises(DataError, match=message):
        read(written(tmp_path / name, text))


def test_what_is_not_text_is_refused(tmp_path: Path):
    path = tmp_path / "q.csv"
    path.write_bytes(b"Which?,\xff,y,A\n")
    with pytest.raises(DataError, match=r"is not UTF-8: byte 0xff at offset 7"):
        read(path)


def test_what_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="is not there"):
        read(tmp_path / "none.csv")
    with pytest.raises(DataError, match="holds no questions"):
        read(tmp_path)


def test_the_shipped_set_can_run_every_battery():
    questions = shipped()
    assert len(questions.test) >= 300
    assert len({q.subject for q in questions.test}) >= 12
    assert min(len(questions.examples), len(questions.trivial), len(questions.ood)) >= 5
    assert not any("duplicate question" in q.flags for q in questions.test)
