"""Sets of graded prompts: files, their faults, and the paper's three."""

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from routing.errors import DataError
from routing.evaluation.curves import Interval, chance, oracle
from routing.evaluation.sets import STRONG, WEAK, read_file, read_set, unseen

DATA = Path(os.environ.get("LLMROUTE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def row(**changes: object) -> str:
    fields = {"prompt": "hi", "quality": {"a": 1, "b": 0.5}, "cost": {"a": 2, "b": 0}}
    return json.dumps({name: value for name, value in (fields | changes).items() if value})


def test_file_gives_prompts_models_quality_and_cost(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    other = row(prompt="ho", quality={"b": True, "a": 0}, cost={"b": 1, "a": 3})
    path.write_text(f"\ufeff{row()}\n\n{other}\n", "utf-8")
    found = read_set(str(path))
    assert (found.name, found.prompts, found.models) == ("mine.jsonl", ("hi", "ho"), ("a", "b"))
    assert found.quality.tolist() == [[1, 0.5], [0, 1]]
    assert found.cost is not None
    assert found.cost.tolist() == [[2, 0], [3, 1]]
    assert found.mean_cost("a") == 2.5
    assert found.grades("b", "a").gap == pytest.approx(0.25)
    assert found.at([1]).prompts == ("ho",)


def test_half_an_emoji_is_replaced(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    path.write_text(row(prompt="so \ud83d"))
    assert read_file(path).prompts == ("so \ufffd",)


def test_cost_may_be_unknown_and_is_then_not_nothing(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    path.write_text(row(cost=None))
    found = read_file(path)
    assert found.cost is None
    assert np.isnan(found.mean_cost("a"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        (row(prompt=None), "prompt is null"),
        (row(prompt="  "), "prompt is '  '"),
        (row(quality=None), "quality is null"),
        (row(quality={"a": 1}), "quality of 1 model"),
        (row(quality={"a": 1, "b": "good"}), "quality of b is 'good'"),
        (row().replace("0.5", "NaN"), "quality of b is NaN"),
        (row().replace("0.5", "Infinity"), "quality of b is Infinity"),
        (row(quality={"a": 1, "c": 1}), "no quality of b"),
        (row(quality={"a": 1, "b": 1, "c": 1}), "quality of c, which the first line has not"),
        (row(cost=None), "cost stands in some lines only"),
        (row(cost={"a": 1}), "no cost of b"),
        (row(cost={"a": 1, "b": -1}), "cost of b is -1"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, line: str, said: str):
    path = tmp_path / "mine.jsonl"
    path.write_text(f"{row()}\n{row()}\n{line}\n{row()}\n")
    with pytest.raises(DataError, match="line 3: ") as caught:
        read_file(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_many_faults_are_counted(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    path.write_text("{\n" * 5)
    with pytest.raises(DataError, match=r"line 1.*line 2.*line 3.*; and 2 more"):
        read_file(path)


def test_what_is_no_set(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="no prompt in it"):
        read_file(tmp_path / "empty")
    with pytest.raises(DataError, match="UTF-8"):
        read_file(tmp_path / "binary")
    with pytest.raises(DataError, match="neither a file nor one of mt-bench, mmlu, gsm8k"):
        read_set("mmlue")


def test_files_may_be_gzipped(tmp_path: Path):
    path = tmp_path / "mine.jsonl.gz"
    path.write_bytes(gzip.compress(row().encode()))
    assert read_set(str(path)).prompts == ("hi",)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="the gzip data is cut or damaged"):
        read_set(str(path))


def test_models_that_a_set_has_not(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    path.write_text(row())
    found = read_file(path)
    with pytest.raises(DataError, match="no grades of c; it has those of a, b"):
        found.grades("c", "a")
    with pytest.raises(DataError, match="a is given for both"):
        found.grades("a", "a")


def test_prompts_near_training_are_left_out_and_counted(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(row(prompt=prompt) for prompt in ("a", "b", "c")))
    vectors = np.eye(3, dtype=np.float32)
    training = np.array([[0.96, 0.28, 0], [0, 0, -1]], dtype=np.float32)
    clean, left_out, similarity = unseen(read_file(path), vectors, training)
    assert (clean.prompts, left_out) == (("b", "c"), 1)
    assert similarity == pytest.approx((0.96 + 0.28 + 0) / 3)
    with pytest.raises(DataError, match="each of its 3 prompts is among those that the"):
        unseen(read_file(path), vectors, vectors)


def test_absent_benchmarks_say_how_to_get_them(tmp_path: Path):
    with pytest.raises(DataError, match="LLMROUTE_DATA names no folder") as caught:
        read_set("mmlu")
    assert "git clone" in caught.value.hint
    with pytest.raises(DataError, match=str(tmp_path)):
        read_set("mmlu", tmp_path)


def small_benchmarks(folder: Path) -> None:
    """The three sets as RouteLLM keeps them, of a few rows, one of each contaminated."""
    rows = [
        {"prompt": "seen", STRONG: "True", WEAK: "True"},
        {"prompt": "easy", STRONG: "True", WEAK: "True"},
        {"prompt": "hard", STRONG: "True", WEAK: "False"},
    ]
    for path in ("mmlu/responses/mmlu_law.csv", "gsm8k/gsm8k_responses.csv"):
        (folder / path).parent.mkdir(parents=True)
        with (folder / path).open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    (folder / "mt_bench").mkdir()
    questions = [
        {"question_id": 1, "turns": ["first", "and then"]},
        {"question_id": 2, "turns": ["second", "seen"]},
    ]
    scores = [
        {"question_id": number, "model": model, "score": score}
        for number in (1, 2)
        for model, grades in ((STRONG, (9, 10)), (WEAK, (8, 4)))
        for score in grades
    ]
    for name, lines in (("question", questions), ("judgements", scores)):
        text = "\n".join(json.dumps(line) for line in lines)
        (folder / "mt_bench" / f"{name}.jsonl").write_text(text)
    for name in ("mmlu", "gsm8k", "mt_bench"):
        (folder / name / "contaminated_prompts.jsonl").write_text('{"eval_prompt": "seen"}\n')


@pytest.mark.parametrize("place", [".", "routellm", "routellm/evals"])
def test_benchmarks_are_found_in_a_checkout_and_cleaned(tmp_path: Path, place: str):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    small_benchmarks(tmp_path / place)
    mmlu, bench = read_set("mmlu", tmp_path), read_set("mt-bench", tmp_path)
    assert (mmlu.prompts, mmlu.quality.tolist()) == (("easy", "hard"), [[100, 100], [100, 0]])
    assert read_set("gsm8k", tmp_path).prompts == mmlu.prompts
    assert (bench.prompts, bench.quality.tolist()) == (("first",), [[9.5, 6]])
    assert mmlu.mean_cost(STRONG) == pytest.approx(24.7)


def test_a_damaged_benchmark_is_named(tmp_path: Path):
    small_benchmarks(tmp_path)
    (tmp_path / "gsm8k" / "gsm8k_responses.csv").write_text("question\nhi\n")
    with pytest.raises(DataError, match="not the set gsm8k as RouteLLM keeps it: KeyError"):
        read_set("gsm8k", tmp_path)
    (tmp_path / "mt_bench" / "judgements.jsonl").write_text("")
    with pytest.raises(DataError, match=r"mt-bench .* a question without a grade"):
        read_set("mt-bench", tmp_path)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "routellm").is_dir(), reason="needs LLMROUTE_DATA")
@pytest.mark.parametrize(
    ("name", "size", "means", "best"),
    [
        ("mt-bench", 72, (9.212, 8.281), (8.33, 18.06, 0.967)),
        ("mmlu", 14_037, (80.587, 68.091), (6.25, 10.0, 1.297)),
        # 144 of 1,307 calls win back half of 288 right answers.
        ("gsm8k", 1_307, (85.769, 63.734), (11.02, 17.67, 1.133)),
    ],
)
def test_the_papers_sets(
    name: str, size: int, means: tuple[float, float], best: tuple[float, float, float]
):
    grades = read_set(name, DATA).grades(STRONG, WEAK)
    assert len(grades) == size
    assert (round(grades.strong.mean(), 3), round(grades.weak.mean(), 3)) == means
    found = oracle(grades)
    shown = round(100 * found.cpt(0.5), 2), round(100 * found.cpt(0.8), 2), round(found.apgr, 3)
    assert shown == best


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "routellm").is_dir(), reason="needs LLMROUTE_DATA")
@pytest.mark.parametrize(
    ("name", "means", "deviation"),
    [
        ("mt-bench", (0.503, 0.786, 0.499), 0.069),
        ("mmlu", (0.500, 0.800, 0.500), 0.009),
        ("gsm8k", (0.500, 0.799, 0.500), 0.020),
    ],
)
def test_chance_on_the_papers_sets(name: str, means: tuple[float, float, float], deviation: float):
    random = chance(read_set(name, DATA).grades(STRONG, WEAK), 1000)
    assert random.deviation == pytest.approx(deviation, rel=0.1)
    assert 0.5 in Interval.of(random.apgr)
    for draws, mean in zip((random.cpt50, random.cpt80, random.apgr), means, strict=True):
        assert draws.mean() == pytest.approx(mean, abs=0.0005 + 4 * draws.std() / 1000**0.5)
