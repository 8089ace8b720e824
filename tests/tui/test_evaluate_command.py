"""`llmroute router eval`: what it prints, draws and refuses."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routing.errors import DataError
from routing.evaluation.comparison import Comparison, compare
from routing.evaluation.frontier import PoolComparison, compare_pool
from routing.evaluation.sets import EvaluationSet
from tui.errors import UsageError
from tui.evaluation import pools
from tui.evaluation.comparison import as_json, known, rows, sentences
from tui.evaluation.measuring import WantedEvaluation, chosen_models, chosen_pair
from tui.evaluation.plots import Chart, Level, Line, round_ticks, save_plot, terminal_plot
from tui.program import Program

Run = Callable[..., tuple[int, str, str]]

EASY = ["hello there", "thanks a lot", "good morning", "what is the capital of France?"]
HARD = [
    "Prove that the ring of Gaussian integers is Euclidean.",
    "Design a lock-free queue in C++ and argue that it is linearizable.",
    "Derive the Black-Scholes equation from first principles.",
    "Find and fix the deadlock in this distributed transaction protocol.",
]


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMROUTE_DATA", raising=False)


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """Eight prompts; only the big model can answer the hard ones."""
    return written(tmp_path / "graded.jsonl", EASY, HARD)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """The same in forty forms."""
    easy, hard = (
        [f"{prompt} ({at})" for at in range(5) for prompt in prompts] for prompts in (EASY, HARD)
    )
    return written(tmp_path / "many.jsonl", easy, hard)


def written(path: Path, easy: list[str], hard: list[str]) -> Path:
    lines = [
        {"prompt": prompt, "quality": {"big": 1, "small": good}, "cost": {"big": 3, "small": 1}}
        for prompts, good in ((easy, 1), (hard, 0))
        for prompt in prompts
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def a_set(cost: bool = True, **quality: list[float]) -> EvaluationSet:
    grades = np.array(list(quality.values())).T
    prices = np.tile(np.arange(len(quality), 0, -1.0), (len(grades), 1))
    prompts = tuple(f"prompt {number}" for number in range(len(grades)))
    return EvaluationSet("made up", prompts, tuple(quality), grades, prices if cost else None)


def compared(*, cost: bool = True) -> Comparison:
    """Forty prompts of which the strong model wins the first twenty, by two routers."""
    falling = np.linspace(1, 0, 40)
    found = a_set(cost, big=[1.0] * 40, small=[0.0] * 20 + [1.0] * 20)
    return compare(found, ("big", "small"), {"good": falling, "bad": 1 - falling}, draws=200)


def test_the_router_in_use_is_measured_end_to_end(run: Run, many: Path, tmp_path: Path):
    plots = [tmp_path / "curve.svg", tmp_path / "curve.PNG"]
    code, out, err = run("router", "eval", "--set", str(many), "--plot", str(plots[0]))
    assert (code, err) == (0, "")
    assert "many.jsonl: 40 prompts, strong big, weak small" in out
    assert "Too few" not in out
    for row in ("oracle", "ridge", "chance", "price-only mix", "always strong (best)"):
        assert f"\n{row} " in out
    assert "Routing pays on this data" in out
    assert plots[0].read_text().startswith("<?xml")
    words = ("router", "eval", "--set", str(many), "--router", "similarity,chance", "--json")
    code, out, _ = run(*words, "--plot", str(plots[1]))
    found = json.loads(out)
    similarity, chance = found["routers"]
    assert (similarity["router"], chance["router"]) == ("similarity", "chance")
    assert similarity["apgr"] == pytest.approx(0.75)
    low, high = similarity["saving50"]["calls_interval"]
    assert low <= similarity["saving50"]["calls"] <= high
    assert (found["prompts"], found["left_out"], found["best_single"]) == (40, 0, "big")
    assert found["evidence"]["is_enough"] is True
    assert "judged as strong" in found["remarks"][0]
    assert plots[1].read_bytes().startswith(b"\x89PNG")


def test_too_few_prompts_are_said_to_be_too_few_everywhere(run: Run, graded: Path, tmp_path: Path):
    words = ("router", "eval", "--set", str(graded), "--router", "similarity")
    out = run(*words, "--plot", str(tmp_path / "few.svg"))[1]
    assert "Too few to tell: 8 different prompts, expected 30 at least." in out
    assert "similarity: No verdict" in out
    assert "the strong calls of" not in out
    assert ">8 prompts: too few to tell routing from chance<" in (tmp_path / "few.svg").read_text()
    found = json.loads(run(*words, "--json")[1])
    assert found["evidence"]["is_enough"] is False
    assert found["evidence"]["remarks"][0].startswith("Too few")
    assert "No verdict" in found["routers"][0]["verdict"]["words"]


def test_prompts_that_the_battles_hold_are_left_out(run: Run, graded: Path, tmp_path: Path):
    battle = {"prompt": HARD[0], "model_a": "big", "model_b": "small", "winner": "model_a"}
    (tmp_path / "votes.jsonl").write_text(json.dumps(battle))
    assert run("battles", "import", str(tmp_path / "votes.jsonl"))[0] == 0
    out = run("router", "eval", "--set", str(graded), "--router", "chance", "--json")[1]
    assert (json.loads(out)["prompts"], json.loads(out)["left_out"]) == (7, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "mmlu"], "LLMROUTE_DATA names no folder"),
        (["--set", "nowhere.jsonl"], "neither a file nor one of mt-bench"),
        (["--set", "GRADED", "--strong", "huge"], "no grades of huge; it has those of big, small"),
        (["--set", "GRADED", "--router", "oracle"], "No router is named 'oracle'"),
        (["--set", "GRADED", "--router", "chance,chance"], "a router is named twice"),
        (["--set", "GRADED", "--pool", "big"], "--pool big: expected two different models or more"),
        (["--set", "GRADED", "--pool", "big,small,big"], "expected two different models or more"),
        (["--set", "GRADED", "--plot", "a.pdf"], "expected a name that ends in .svg or .png"),
        (["--set", "GRADED", "--seed", "-1"], "should be greater than or equal to 0"),
    ],
)
def test_what_cannot_be_measured_is_said(run: Run, graded: Path, words: list[str], said: str):
    code, _, err = run("router", "eval", *(word.replace("GRADED", str(graded)) for word in words))
    assert code in {1, 2}
    assert said in err
    assert "Traceback" not in err


def test_rows_name_every_baseline_and_the_best_router_comes_first():
    table = rows(compared())
    assert [row[0] for row in table] == [
        *("oracle", "good", "bad", "chance", "price-only mix"),
        *("always strong (best)", "always weak"),
    ]
    assert {len(row) for row in table} == {7}
    assert table[1][2:5] == ("25.0", "40.0", "0.750")


def test_random_routing_is_told_from_the_router_of_that_name():
    grades = a_set(big=[1.0] * 40, small=[0.0] * 20 + [1.0] * 20)
    names = [
        row[0]
        for row in rows(
            compare(grades, ("big", "small"), {"chance": np.linspace(0, 1, 40)}, draws=50)
        )
    ]
    assert names[:3] == ["oracle", "chance", "chance (50 draws)"]


def test_sentences_tell_routers_apart_and_give_the_verdict():
    said = sentences(compared())
    assert said[0].startswith("good: Routing pays")
    assert said[1].startswith("bad: On this data, always use big")
    assert said[2].startswith("good exceeds bad by 0.500 APGR")
    assert "not told apart" not in said[2]
    assert "times the strong calls of good" in said[3]


def test_costs_of_nothing_are_not_said_to_be_unknown():
    found = a_set(big=[1.0] * 40, small=[0.0] * 20 + [1.0] * 20)
    free = replace(found, cost=np.zeros((40, 2)))
    told = sentences(compare(free, ("big", "small"), {"good": np.linspace(1, 0, 40)}, draws=50))
    assert told[-1].endswith("times the strong calls of good; both cost nothing.")


def test_unknown_costs_are_said_to_be_unknown():
    found = compared(cost=False)
    assert "prices are unknown" in sentences(found)[3]
    assert known(as_json(found))["strong"]["cost"] is None


def test_a_weak_model_that_is_as_good_leaves_nothing_to_win():
    even = a_set(big=[1.0, 0.0] * 20, small=[1.0, 0.0] * 20)
    found = compare(even, ("big", "small"), {"r": np.linspace(0, 1, 40)}, draws=50)
    assert found.best == "small"  # the cheaper one
    assert {row[4] for row in rows(found)[:4]} == {"–"}
    assert "answer each of these prompts equally well" in found.evidence.doubt
    assert "always use small" in " ".join(sentences(found))
    json.dumps(known(as_json(found)), allow_nan=False)


def test_pair_is_that_of_the_set_unless_one_is_named(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    graded = a_set(dear=[0.9], good=[1.0], cheap=[0.5], worst=[0.1])
    program = Program.open()
    assert chosen_pair(graded, WantedEvaluation(""), program) == ("good", "worst")
    assert chosen_pair(graded, WantedEvaluation("", strong="dear"), program) == ("dear", "worst")
    assert chosen_pair(graded, WantedEvaluation("", weak="good"), program) == ("dear", "good")
    settled = Program.open(strong="cheap", weak="elsewhere")
    assert chosen_pair(graded, WantedEvaluation(""), settled) == ("cheap", "worst")
    unpriced = a_set(False, cheap=[0.5], good=[1.0], worst=[0.1])
    assert chosen_pair(unpriced, WantedEvaluation(""), program) == ("good", "worst")


def test_models_of_a_set_are_a_pool_unless_a_pair_is_named(
    monkeypatch: pytest.MonkeyPatch, home: Path
):
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    graded = a_set(dear=[0.9], good=[1.0], cheap=[0.5])
    program = Program.open()
    assert chosen_models(graded, WantedEvaluation(""), program) == ("good", "dear", "cheap")
    assert chosen_models(graded, WantedEvaluation("", weak="dear"), program) == ("good", "dear")
    assert chosen_models(graded, WantedEvaluation("", pool=["cheap", "dear"]), program) == (
        "cheap",
        "dear",
    )
    settled = Program.open(pool=("cheap", "dear", "good"))
    assert chosen_models(graded, WantedEvaluation(""), settled) == ("cheap", "dear", "good")
    with pytest.raises(DataError, match="no grades of huge"):
        chosen_models(graded, WantedEvaluation("", pool=["huge", "dear"]), program)
    with pytest.raises(UsageError, match="--pool, or --strong"):
        chosen_models(graded, WantedEvaluation("", pool=["cheap", "dear"], weak="dear"), program)


def test_votes_of_people_are_a_set_for_any_pair(run: Run, tmp_path: Path):
    path = tmp_path / "votes.csv"
    lines = [
        f'"{prompt} ({at})",{a},{b},{winner}'
        for prompts, winner in ((EASY, "tie"), (HARD, "model_a"))
        for at in range(5)
        for prompt in prompts
        for a, b in (("big", "small"), ("huge", "big"))
    ]
    path.write_text("prompt,model_a,model_b,winner\n" + "\n".join([*lines, ",big,small,tie"]))
    out = run("router", "eval", "--set", str(path), "--router", "similarity")[1]
    assert "votes.csv: 40 prompts, strong the higher rated, weak the lower rated" in out
    assert "1 row is left out of votes.csv: line 82: no prompt" in out
    assert "no battle tells the higher rated apart" not in out
    assert "0 prompts left out because the battles hold the same" in out
    words = ("--strong", "huge", "--weak", "big", "--router", "similarity", "--json")
    found = json.loads(run("router", "eval", "--set", str(path), *words)[1])
    assert found["strong"]["model"] == "huge"
    assert found["routers"][0]["apgr"] > 0.7
    err = run("router", "eval", "--set", str(path), "--strong", "huge", "--weak", "small")[2]
    assert "no vote between huge and small; the models voted on are big, huge, small" in err
    for words in (("--pool", "huge,big,small"), ("--strong", "huge")):
        code, _, err = run("router", "eval", "--set", str(path), *words)
        assert code == 2
        assert "votes.csv holds votes, each between two of its models" in err


def test_list_prices_stand_in_for_costs_and_the_best_and_worst_for_a_pool(run: Run, tmp_path: Path):
    path = tmp_path / "graded.jsonl"

    def graded(*models: str) -> dict[str, Any]:
        rows = [
            {
                "prompt": f"{prompt} ({at})",
                "quality": {name: at % (1 + i) for i, name in enumerate(models)},
            }
            for at in range(5)
            for prompt in (*EASY, *HARD)
        ]
        path.write_text("\n".join(map(json.dumps, rows)))
        return dict(json.loads(run("router", "eval", "--set", str(path), "--json")[1]))

    found = graded("demo/strong", "demo/middle", "demo/weak")
    assert [each["model"] for each in found["models"]] == [
        "demo/weak",
        "demo/strong",
        "demo/middle",
    ]
    assert "list prices are used" in found["remarks"][0]
    found = graded("demo/strong", "mine", "yours")
    assert (found["strong"]["model"], found["weak"]["model"]) == ("yours", "demo/strong")
    assert "the price of mine, yours is unknown" in found["remarks"][0]


def test_one_set_after_the_other_is_left_out(run: Run, many: Path, tmp_path: Path):
    other = written(
        tmp_path / "other.jsonl",
        [f"{prompt} Number {at}, please." for at in range(4) for prompt in EASY],
        [f"{prompt} Number {at}, please." for at in range(4) for prompt in HARD],
    )
    words = ("router", "transfer", "--set", str(many), "--set", str(other))
    code, out, _ = run(*words, "--router", "ridge")
    assert code == 0
    assert "many.jsonl: " in out
    assert "rows of the other sets" in out
    found = json.loads(run(*words, "--rows", "10", "--json")[1])
    assert [(each["set"], each["rows_of_other_sets"]) for each in found] == [
        ("many.jsonl", 10),
        ("other.jsonl", 10),
    ]
    assert all(0 <= each["and_other_sets"]["apgr"] <= 1 for each in found)


def test_sets_of_other_models_are_said_to_teach_nothing(run: Run, many: Path, tmp_path: Path):
    other = tmp_path / "other.jsonl"
    row = {"prompt": "Tell me why.", "quality": {"x": 1, "y": 0}}
    other.write_text("\n".join(json.dumps(row | {"prompt": f"Why {n}?"}) for n in range(30)))
    out = run("router", "transfer", "--set", str(many), "--set", str(other))[1]
    assert "many.jsonl: ridge learnt nothing from the other sets, whose rows are between" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "MANY"], "expected two different sets at least"),
        (["--set", "MANY", "--set", "MANY"], "expected two different sets at least"),
        (["--set", "MANY", "--set", "nowhere"], "nowhere: neither a file nor one of"),
        (["--set", "MANY", "--set", "mmlu", "--router", "bert"], "not taught by transfer"),
        (["--set", "MANY", "--set", "mmlu", "--strong", "huge"], "no grades of huge"),
    ],
)
def test_what_cannot_be_left_out_is_said(run: Run, many: Path, words: list[str], said: str):
    code, _, err = run("router", "transfer", *(word.replace("MANY", str(many)) for word in words))
    assert code in {1, 2}
    assert said in err


def pooled(quality: list[list[float]]) -> PoolComparison:
    """Two routers, one of which knows which prompts the cheap models can answer."""
    grades = np.array(quality)
    cost = np.tile([9.0, 3.0, 1.0], (len(grades), 1))
    names = tuple(f"prompt {number}" for number in range(len(grades)))
    found = EvaluationSet("made up", names, ("big", "middling", "small"), grades, cost)
    blind = np.full((len(grades), 2), 0.5)
    tables = {"knows": 0.9 - 0.8 * grades[:, 1:], "blind": blind}
    return compare_pool(found, found.models, tables, draws=100)


def test_pool_is_measured_against_models_and_mixes():
    found = pooled([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0]] * 10)
    knows, blind = found.routers
    assert knows.verdict.pays
    assert knows.curve.at(np.array([4.0])) == pytest.approx(1)  # a quarter at 9, a half at 3
    assert not blind.verdict.pays
    table = pools.rows(found)
    assert [row[0] for row in table[-3:]] == [
        "always big (best)",
        "always middling",
        "always small",
    ]
    assert table[-1][1:] == ("1", "0.25", "0.25", "+0.00")
    said = pools.sentences(found)
    assert said[0].startswith("knows: Routing pays")
    assert said[1].startswith("blind: On this data, always use big")
    assert pools.as_json(found)["best_single"] == "big"


def test_pool_needs_costs():
    unpriced = a_set(False, big=[1.0], middling=[1.0], small=[0.0])
    with pytest.raises(DataError, match="does not say what replies cost"):
        compare_pool(unpriced, unpriced.models, {})


def test_three_models_of_a_file_are_measured_end_to_end(run: Run, tmp_path: Path):
    path, drawn = tmp_path / "three.jsonl", tmp_path / "three.svg"
    lines = [
        {
            "prompt": prompt,
            "quality": {"big": 1, "middling": 1, "small": good},
            "cost": {"big": 9, "middling": 3, "small": 1},
        }
        for prompts, good in ((EASY, 1), (HARD, 0))
        for prompt in prompts
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    code, out, err = run("router", "eval", "--set", str(path), "--plot", str(drawn))
    assert (code, err) == (0, "")
    assert "three.jsonl: 8 prompts, middling, big, small" in out
    assert "always middling (best)" in out
    assert "middling answers these prompts no worse than big, and costs less." in out
    assert "price-only mix" in out
    assert "mean cost, in the set's unit" in drawn.read_text()
    found = json.loads(run("router", "eval", "--set", str(path), "--json")[1])
    assert found["best_single"] == "middling"
    assert [each["model"] for each in found["models"]] == ["middling", "big", "small"]
    said = "big is outdone: middling costs less and is no worse, so no turn goes to it."
    assert said in found["remarks"]
    assert found["routers"][0]["verdict"]["words"]


CHART = Chart(
    "title",
    "strong calls, %",
    "quality",
    [Line("one", [0, 50, 100], [1, 3, 4]), Line("chance", [0, 100], [1, 4], is_reference=True)],
    [Level("strong model", 4), Level("weak model", 1)],
)


def test_terminal_plot_has_the_wanted_size_and_names_its_lines():
    lines = terminal_plot(CHART, 60, 16).rstrip("\n").split("\n")
    assert len(lines) == 16
    text = "\n".join(lines)
    for word in ("one", "chance", "title", "strong calls, %", "quality"):
        assert word in text


def test_ticks_below_the_plot_are_round():
    line = Line("ridge", [0.0, 25.0, 50.0], [0.0, 1.0, 4.0])
    drawn = terminal_plot(Chart("t", "share", "y", [line]), 70, 14)
    below = next(row for row in reversed(drawn.splitlines()) if "50" in row)
    assert re.findall(r"[\d.]+", re.sub(r"\x1b\[[\d;]*m", "", below)) == [
        "0",
        "10",
        "20",
        "30",
        "40",
        "50",
    ]


def test_flat_curve_stands_amid_round_ticks():
    flat = Chart("", "", "", [Line("flat", [0, 50, 100], [43.3, 43.3, 43.3])])
    drawn = terminal_plot(flat, 60, 12)
    assert all(f"{tick}┤" in drawn for tick in (30, 40, 50, 60))
    assert "43.3" not in drawn


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (5, 100, [20, 40, 60, 80, 100]),
        (8.28, 9.32, [8.4, 8.6, 8.8, 9, 9.2]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.3, 0.5, [-0.2, 0, 0.2, 0.4]),
        (1200, 1500, [1200, 1300, 1400, 1500]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]):
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_equal_charts_are_equal_files_with_text_in_them(tmp_path: Path):
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    for path in (first, second):
        save_plot(CHART, path)
    assert first.read_bytes() == second.read_bytes()
    for word in ("one", "chance", "title", "strong model", "weak model"):
        assert f">{word}<" in first.read_text()


def test_plot_is_for_everybody_as_a_file_of_ones_own_is(tmp_path: Path):
    path, beside = tmp_path / "a.svg", tmp_path / "b"
    beside.touch()
    save_plot(CHART, path)
    assert path.stat().st_mode == beside.stat().st_mode


def test_plot_that_fails_leaves_the_one_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.svg"
    path.write_text("former")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("routing.files.os.fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        save_plot(CHART, path)
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_plot_that_cannot_be_written_is_said(run: Run, graded: Path, tmp_path: Path):
    plot = str(tmp_path / "nowhere" / "a.svg")
    words = ("router", "eval", "--set", str(graded), "--router", "chance", "--plot", plot)
    code, _, err = run(*words)
    assert code == 2
    assert f"there is no folder {tmp_path / 'nowhere'}" in err
