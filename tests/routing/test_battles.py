"""Readers of battle files: every format, and every way in which a file can be wrong."""

import csv
import gzip
import io
import json
import random
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.battle_files import read_battles, read_prompts, starter_battles, write_battles
from routing.battles import Battle
from routing.errors import DataError

ARENA = (
    "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
    '1,gpt,llama,"[""first turn"", ""second""]","[""x""]","[""y""]",1,0,0\n'
    '2,gpt,llama,"[""a\\nb""]",x,y,0,1,0\n'
    '3,llama,gpt,"[""c""]",x,y,0,0,1\n'
    '4,llama,gpt,"[""d""]",x,y,0,0,0\n'
    '5,llama,gpt,"[null]",x,y,1,0,0\n'
)
ELOBENCH = (
    "question,model_a,model_b,winner,source,run\n"
    "What is it?,gpt,llama,model_a,Quora,one\n"
    '"two\nlines",gpt,llama,tie(all bad),Quora,one\n'
    "blank,gpt,llama,,Quora,one\n"
    "odd,gpt,llama,invalid,Quora,one\n"
    "[1] sorted?,gpt,llama,model_b,Quora,one\n"
)


Writer = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Writer:
    def write(content: str | bytes, name: str = "set.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_arena_columns(file: Writer):
    found = read_battles(file(ARENA))
    assert [(b.prompt, b.model_a, b.model_b, b.winner) for b in found.battles] == [
        ("first turn", "gpt", "llama", "a"),
        ("a\nb", "gpt", "llama", "b"),
        ("c", "llama", "gpt", "tie"),
    ]
    assert {battle.source for battle in found.battles} == {"set"}
    assert [(row.line, row.reason) for row in found.rejected] == [
        (5, "not exactly one of winner_model_a, _b, _tie is 1"),
        (6, "no prompt"),
    ]


def test_elobench_columns_with_lines_counted_through_quoted_breaks(file: Writer):
    found = read_battles(file(ELOBENCH, "rwq.csv"))
    assert [(b.prompt, b.winner, b.source) for b in found.battles] == [
        ("What is it?", "a", "rwq"),
        ("two\nlines", "tie", "rwq"),
        ("[1] sorted?", "b", "rwq"),
    ]
    assert [(row.line, row.value) for row in found.rejected] == [(5, ""), (6, "invalid")]
    assert found.reasons == {
        "no winner": 1,
        "unknown winner, expected model_a, model_b or tie": 1,
    }


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_table_of_a_spreadsheet_without_commas_is_read(file: Writer, delimiter: str):
    rows = [["question", "model_a", "model_b", "winner"], ["2,5 or 3; which?", "x", "y", "model_b"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    [battle] = read_battles(file(text.getvalue())).battles
    assert (battle.prompt, battle.winner) == ("2,5 or 3; which?", "b")


def test_columns_in_capitals_and_winners_by_name_are_read(file: Writer):
    text = "Prompt,Model_A,Model_B,Winner\np,x,y,y\nq,x,y,tie\nr,x,y,z\n"
    found = read_battles(file(text))
    assert [battle.winner for battle in found.battles] == ["b", "tie"]
    assert [(row.line, row.value) for row in found.rejected] == [(4, "z")]


def test_one_json_list_is_read_row_by_row(file: Writer):
    row = {"prompt": "p", "model_a": "x", "model_b": "y", "winner": "model_a"}
    found = read_battles(file(json.dumps([row, 3], indent=1)))
    assert [battle.winner for battle in found.battles] == ["a"]
    assert [(row.line, row.reason) for row in found.rejected] == [(2, "not a JSON object")]


def test_gzip_is_seen_by_content(file: Writer):
    path = file(gzip.compress(ELOBENCH.encode()), "rwq.csv.gz")
    assert len(read_battles(path).battles) == 3
    assert read_battles(path).battles[0].source == "rwq"
    assert read_battles(path, "named").battles[0].source == "named"


def test_winner_column_takes_the_arenas_words(file: Writer):
    rows = ["model_a", "A", " tie ", "tie (bothbad)", "b"]
    lines = "".join(f"p{n},x,y,{winner}\n" for n, winner in enumerate(rows))
    found = read_battles(file("prompt,model_a,model_b,winner\n" + lines))
    assert [battle.winner for battle in found.battles] == ["a", "a", "tie", "tie", "b"]
    assert [battle.both_bad for battle in found.battles] == [False, False, False, True, False]


def test_json_lines(file: Writer):
    rows = [
        {"prompt": "one", "model_a": "x", "model_b": "y", "winner": "a"},
        {
            "prompt": ["two", "more"],
            "model_a": "x",
            "model_b": "y",
            "winner": "model_b",
            "source": "s",
            "battle_id": "7",
        },
        {"prompt": "\u2028", "model_a": "x", "model_b": "y", "winner": "tie"},
        {"prompt": "four", "model_a": "x", "model_b": "x", "winner": "tie"},
        {"prompt": "five", "model_a": 3, "model_b": "x", "winner": "tie"},
        {"prompt": "six \ud83d", "model_a": "x", "model_b": "y", "winner": "tie"},
        [1],
    ]
    content = "\n\n".join(json.dumps(row) for row in rows) + "\nnot json\n"
    found = read_battles(file(content, "own.jsonl"))
    assert found.battles == (
        Battle("one", "x", "y", "a", "own"),
        Battle("two", "x", "y", "b", "s", "7"),
        Battle("six \ufffd", "x", "y", "tie", "own"),
    )
    assert [(row.line, row.reason) for row in found.rejected] == [
        (5, "no prompt"),
        (7, "a model against itself"),
        (9, "no model_a"),
        (13, "not a JSON object"),
        (14, "not JSON"),
    ]


def test_written_battles_come_back(tmp_path: Path):
    battles = (
        Battle("plain", "x", "y", "a", "mine", "id-1"),
        Battle('quotes " and\nbreaks \u2028 😀', "x/é", "y", "tie", "mine", "id-2"),
        Battle("[not, a list]", "x", "y", "b", "other"),
        Battle("hopeless", "x", "y", "tie", "other", both_bad=True),
        Battle("yes\n\nshall I?", "x", "y", "a", "mine", "id-3", earlier=1),
    )
    write_battles(tmp_path / "mine.jsonl", battles)
    assert read_battles(tmp_path / "mine.jsonl").battles == battles


def test_byte_order_mark_and_foreign_line_ends_are_read(file: Writer):
    content = "\ufeff" + ELOBENCH.replace("\n", "\r\n")
    assert len(read_battles(file(content)).battles) == 3


def test_huge_field_is_read_and_the_csv_limit_left_alone(file: Writer):
    limit = csv.field_size_limit()
    found = read_battles(file(f"prompt,model_a,model_b,winner\n{'x' * 300_000},a,b,tie\n"))
    assert len(found.battles[0].prompt) == 300_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; expected columns model_a"),
        (b" \n \n", "the file is empty"),
        (b"question,winner\nx,a\n", "line 1: 'question, winner'; expected columns model_a"),
        (b"prompt,model_a,model_b,winner\n", "no row below the column names"),
        (b"prompt,model_a,model_b,winner\nx,a,b,c\n", r"line 2: unknown winner.*\(found 'c'\)"),
        (b"prompt,model_a,model_b,winner\nx,a\n", "line 2: not 4 columns"),
        (b"prompt,model_a,model_b,winner\n\xe9,a,b,tie\n", "line 2: byte 0xe9 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "line 1: byte 0x89 is not UTF-8"),
        (b"prompt\0\0\0", "line 1: a zero byte: a binary file"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip data is cut or damaged"),
        (b'{"prompt": "x"}\n', "line 1: no model_a"),
        (b"{broken\n", "line 1: not JSON"),
        (b"[]\n", "expected columns model_a"),
    ],
)
def test_unusable_file_says_where_and_what_was_expected(file: Writer, content: bytes, message: str):
    with pytest.raises(DataError, match=message) as caught:
        read_battles(file(content, "bad.csv"))
    assert "bad.csv" in str(caught.value)


def test_missing_file_and_folder_are_errors(tmp_path: Path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_battles(path)
    with pytest.raises(DataError, match="cannot be written"):
        write_battles(tmp_path / "no folder" / "x.jsonl", ())


def test_any_bytes_give_battles_or_a_data_error(file: Writer):
    rng = random.Random(0)
    sources = [ARENA.encode(), ELOBENCH.encode(), gzip.compress(ARENA.encode()), b'{"a": 1}\n']
    outcomes = set()
    for _ in range(300):
        content = bytearray(rng.choice(sources))
        for _ in range(rng.randrange(1, 6)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            outcomes.add(bool(read_battles(file(bytes(content))).battles))
        except DataError:
            outcomes.add(False)
    assert outcomes == {True, False}


def test_parquet_without_pyarrow_says_how_to_install_it(
    file: Writer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match="needs pyarrow") as caught:
        read_battles(file(b"PAR1...", "set.parquet"))
    assert "pip install pyarrow" in caught.value.hint


def test_parquet_rows_are_read_as_the_arenas(file: Writer, monkeypatch: pytest.MonkeyPatch):
    class Table:
        column_names = ("prompt", "model_a", "model_b", "winner")

        def to_pylist(self) -> list[dict[str, object]]:
            return [
                {"prompt": ["one", "two"], "model_a": "x", "model_b": "y", "winner": "model_a"},
                {"prompt": None, "model_a": "x", "model_b": "y", "winner": "model_a"},
            ]

    reader = types.SimpleNamespace(read_table=lambda _: Table())
    monkeypatch.setitem(sys.modules, "pyarrow", types.ModuleType("pyarrow"))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", reader)
    found = read_battles(file(b"PAR1...", "set.parquet"))
    assert [battle.prompt for battle in found.battles] == ["one"]
    assert [(row.line, row.reason) for row in found.rejected] == [(2, "no prompt")]


class TestStarters:
    def test_every_line_is_a_battle_of_the_two_seats(self):
        battles = starter_battles()
        assert len(battles) >= 2000
        assert {(b.model_a, b.model_b, b.source) for b in battles} == {
            ("strong", "weak", "starter")
        }

    def test_no_prompt_comes_twice(self):
        prompts = [battle.prompt for battle in starter_battles()]
        assert len(set(prompts)) == len(prompts)

    def test_easy_and_hard_are_both_there(self):
        winners = [battle.winner for battle in starter_battles()]
        assert min(winners.count("a"), winners.count("tie")) > 0.45 * len(winners)

    def test_what_is_beyond_both_models_is_there_too(self):
        hopeless = [battle for battle in starter_battles() if battle.both_bad]
        assert len(hopeless) > 100
        assert {battle.winner for battle in hopeless} == {"tie"}

    def test_grades_of_the_weak_reply_agree_with_the_verdicts(self):
        graded = [battle for battle in starter_battles() if battle.score is not None]
        assert len(graded) > 1500
        assert {b.score for b in graded if b.winner == "a"} == {1, 2, 3}
        assert {b.score for b in graded if b.winner == "tie"} == {4, 5}
        assert not any(b.winner == "b" for b in graded)


def test_judges_score_is_kept_and_checked(tmp_path: Path):
    file = tmp_path / "judged.jsonl"
    battle = Battle("p", "big", "small", "tie", "judge", score=4)
    write_battles(file, [battle])
    assert read_battles(file).battles == (battle,)
    file.write_text(
        '{"prompt": "p", "model_a": "x", "model_b": "y", "winner": "tie", "score": ""}\n'
        '{"prompt": "p", "model_a": "x", "model_b": "y", "winner": "tie", "score": 6}\n'
    )
    found = read_battles(file)
    assert [battle.score for battle in found.battles] == [None]
    assert [(row.value, row.reason) for row in found.rejected] == [
        ("6", "score is not 1, 2, 3, 4 or 5")
    ]


def test_prompts_are_read_from_tables_and_texts(tmp_path: Path):
    text, table, lines = (tmp_path / name for name in ("p.txt", "p.csv", "p.jsonl"))
    text.write_text("one\n\n two \none\n")
    table.write_text('id,question\n1,"a, b"\n2,\n')
    lines.write_text('{"prompt": "[\\"first\\", \\"second\\"]"}\n[]\n')
    assert read_prompts(text).prompts == ("one", "two")
    assert read_prompts(table).prompts == ("a, b",)
    assert [row.line for row in read_prompts(table).rejected] == [3]
    assert read_prompts(lines).prompts == ("first",)
    text.write_text("\n")
    with pytest.raises(DataError, match="there is no prompt in it"):
        read_prompts(text)
