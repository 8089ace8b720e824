"""`llmroute audit` against an endpoint on loopback: what it prints, keeps, writes and returns."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit.planted import PLANTED, planted_model
from audit.report import Report, from_json
from audit.tally import Tallies
from routing.models import Model
from tests.audit.servers import EndpointServer, asked_symbols
from tests.tui.conftest import Run
from tui.audits.kept import find_report
from tui.audits.models import Weights, resolve
from tui.audits.progress import drawing, summary
from tui.errors import UsageError
from tui.paths import paths
from tui.program import Program

KEY = "sk-proj-A7qZ4mXw9TfB2LkR8sVn3DhJ"


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    """An endpoint that answers C to everything."""
    with EndpointServer(reply=lambda message: asked_symbols(message)[2]) as server:
        yield server


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Twenty-four questions over six subjects, with answers at every position."""
    rows = [
        {
            "id": f"q{i}",
            "subject": f"subject {i % 6}",
            "question": f"Which is number {i}?",
            "options": [f"{word} {i}" for word in ("red", "green", "blue", "white")],
            "answer": (i // 6) % 4,
        }
        for i in range(24)
    ]
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, home: Path) -> Program:
    """A program of someone who connected two models."""
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    (home / "settings.toml").write_text('[models."mine"]\napi_base = "127.0.0.1:9"\n')
    return Program.open()


def words(server: EndpointServer, questions: Path, *more: str) -> list[str]:
    where = ["--model", "tiny", "--api-base", server.url, "--data", str(questions)]
    return ["audit", *where, "--battery", "position", *more]


def kept(home: Path) -> list[Report]:
    folder = paths({"LLMROUTE_HOME": str(home)}).audits / "reports"
    return [from_json(file) for file in sorted(folder.glob("*.json"))]


def test_bias_is_named_first_and_the_report_kept(
    run: Run, server: EndpointServer, questions: Path, home: Path
):
    code, out, err = run(*words(server, questions))
    assert code == 0
    assert "Picks C when unsure" in out
    assert re.search(r"order\.fix_C +24 +100\.0 %", out)
    [report] = kept(home)
    assert report.is_whole
    assert report.results.effect("order.fix_C").accuracy == 1.0
    assert "measured by text" in err
    assert "Kept in" in err


def test_files_are_written_as_asked(
    run: Run, server: EndpointServer, questions: Path, tmp_path: Path
):
    files = [tmp_path / name for name in ("r.json", "r.html", "r.md")]
    options = ["--json", str(files[0]), "--html", str(files[1]), "--markdown", str(files[2])]
    assert run(*words(server, questions, *options))[0] == 0
    assert from_json(files[0]).model == "tiny"
    assert files[1].read_text().startswith("<!doctype html>")
    assert files[2].read_text().startswith("# Audit of tiny")


def test_kept_report_is_shown_again_and_in_other_forms(
    run: Run, server: EndpointServer, questions: Path, tmp_path: Path
):
    first = run(*words(server, questions))[1]
    asked = len(server.requests)
    page = tmp_path / "r.html"
    assert run("audit", "show", "tiny", "--html", str(page))[:2] == (0, first)
    assert page.read_text().startswith("<!doctype html>")
    assert json.loads(run("audit", "show", "tiny", "--json", "-")[1])["findings"]
    assert len(server.requests) == asked


def test_second_run_asks_nothing_again_and_fresh_asks_all(
    run: Run, server: EndpointServer, questions: Path
):
    run(*words(server, questions))
    first = len(server.requests)
    run(*words(server, questions))
    probes = len(server.requests) - first
    assert probes < 6
    run(*words(server, questions, "--fresh"))
    assert len(server.requests) - first - probes == first


def test_run_goes_on_after_the_endpoint_broke(
    run: Run, server: EndpointServer, questions: Path, home: Path
):
    server.failures[:] = [200] * 60 + [400] * 100
    code, _, err = run(*words(server, questions))
    assert code == 8
    assert "rejected" in err
    assert kept(home) == []
    server.failures.clear()
    before = len(server.requests)
    code, _, _ = run(*words(server, questions))
    assert code == 0
    [report] = kept(home)
    assert report.is_whole
    assert len(server.requests) - before < report.planned


def test_interrupt_keeps_what_was_scored(
    run: Run, server: EndpointServer, questions: Path, monkeypatch: pytest.MonkeyPatch, home: Path
):
    seen = []

    def stop(message: str) -> str:
        seen.append(message)
        return "C"

    server.reply = stop
    real = Tallies.add

    def add(self: Tallies, *scored: object) -> None:
        real(self, *scored)  # type: ignore[arg-type]
        if len(seen) > 40:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tallies, "add", add)
    code, out, err = run(*words(server, questions))
    assert code == 130
    assert "Run the same command again to continue" in err
    assert out == ""
    monkeypatch.undo()
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    asked = len(server.requests)
    code, _, _ = run(*words(server, questions))
    assert code == 0
    assert len(server.requests) - asked < kept(home)[0].planned


def test_limit_is_kept_and_what_was_paid_is_reported(
    run: Run, server: EndpointServer, questions: Path, home: Path
):
    (home / "settings.toml").write_text(
        '[models."tiny"]\nprompt_price = 1000\ncompletion_price = 1000\n'
    )
    code, out, err = run(*words(server, questions, "--max-cost", "3"))
    assert code == 1
    assert "past $3" in err
    assert "the run was stopped" in out
    [report] = kept(home)
    assert 0 < report.spending.cost_usd <= 3
    assert not report.is_whole


def test_limit_without_a_price_is_refused(run: Run, questions: Path):
    options = ["--model", "tiny", "--api-base", "https://nowhere.invalid", "--max-cost", "1"]
    code, _, err = run("audit", *options, "--data", str(questions))
    assert code == 1
    assert "The price of tiny is unknown" in err
    assert "models price" in err


def test_key_is_shown_nowhere(
    run: Run, server: EndpointServer, questions: Path, monkeypatch: pytest.MonkeyPatch, home: Path
):
    monkeypatch.setenv("MY_KEY", KEY)
    server.failures[:] = [200] * 9 + [401] * 100
    code, out, err = run(*words(server, questions, "--key-name", "MY_KEY"))
    assert code == 4
    assert server.requests[0][2]["authorization"] == f"Bearer {KEY}"
    files = [file.read_text() for file in home.rglob("*.json*") if file.is_file()]
    for text in (out, err, *files):
        assert KEY[:10] not in text


def test_compare_ranks_kept_reports_by_name(
    run: Run, server: EndpointServer, questions: Path, tmp_path: Path
):
    run(*words(server, questions))
    server.reply = lambda message: asked_symbols(message)[0]
    second = [word.replace("tiny", "small") for word in words(server, questions)]
    run(*second)
    page = tmp_path / "c.html"
    code, out, _ = run("audit", "compare", "tiny", "small", "--html", str(page))
    assert code == 0
    assert re.search(r"tiny loses 1 place under order\.fix_A", out)
    assert "svg" in page.read_text()


def test_mismatched_runs_are_refused_with_the_reason(
    run: Run, server: EndpointServer, questions: Path
):
    run(*words(server, questions))
    run(*[w.replace("tiny", "small") for w in words(server, questions, "--seed", "3")])
    code, _, err = run("audit", "compare", "tiny", "small")
    assert code == 2
    assert "seed" in err


def test_one_report_is_no_comparison(run: Run):
    code, _, err = run("audit", "compare", "tiny")
    assert code == 2
    assert "at least 2" in err


def test_replies_that_name_no_option_stop_the_run_with_one_of_them(
    run: Run, server: EndpointServer, questions: Path
):
    server.reply = lambda message: "It depends."
    code, _, err = run(*words(server, questions))
    assert code == 8
    assert "one of them said 'It depends.'" in err
    assert "--fresh" in err


def test_list_shows_what_is_kept(run: Run, server: EndpointServer, questions: Path):
    assert "No report is kept yet" in run("audit", "list")[1]
    run(*words(server, questions))
    [row] = json.loads(run("audit", "list", "--json")[1])
    assert row["model"] == "tiny"
    assert (row["questions"], row["set"]) == (24, "mine")
    assert "finding" in row["verdict"]
    assert row["tests"] > 0


def test_damaged_report_hides_no_other(
    run: Run, server: EndpointServer, questions: Path, home: Path
):
    run(*words(server, questions))
    folder = paths({"LLMROUTE_HOME": str(home)}).audits / "reports"
    (folder / "99990101000000-broken.json").write_text("{")
    code, out, err = run("audit", "list")
    assert (code, "tiny" in out, "broken.json: is none" in err) == (0, True, True)
    assert find_report(folder.parent, "tiny").stem.endswith("-tiny")


def test_report_that_cannot_be_kept_is_shown_all_the_same(
    run: Run, server: EndpointServer, questions: Path, home: Path
):
    folder = paths({"LLMROUTE_HOME": str(home)}).audits / "reports"
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    code, out, err = run(*words(server, questions))
    assert code == 1
    assert "Picks C when unsure" in out
    assert "cannot be written" in err
    assert "What was scored is kept" in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"question": "x", "options": ["a"], "answer": 0}', "has 1 option"),
        ('{"question": "x", "options": ["a", "b"], "answer": 7}', "answer is 7"),
        ('{"question": "x"', "mine.jsonl:1"),
    ],
)
def test_bad_questions_are_refused_with_file_line_and_reason(
    run: Run, server: EndpointServer, tmp_path: Path, content: str, reason: str
):
    file = tmp_path / "mine.jsonl"
    file.write_text(content)
    code, _, err = run(*words(server, file))
    assert code == 2
    assert "mine.jsonl:1" in err
    assert reason in err
    assert server.requests == [], "nothing is asked before the questions are known to be sound"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--model", "mistrl-7b"], "mistral-7b"),
        (["--model", "demo/strong"], "demo/biased"),
        (["--model", "demo/stronk"], "There is no demo/stronk."),
        (["--model", "http://127.0.0.1:9"], "list the server's models: Connection refused"),
        (["--model", "demo/biased", "--data", "mlu"], "mmlu, arc, csqa"),
        (["--model", "demo/biased", "--html", "/no/such/r.html"], "no folder /no/such"),
        ([], "--model demo/biased"),
        (["--model", "demo/biased", "--data", "mmlu"], "audit data pull mmlu"),
    ],
)
def test_unusable_names_are_refused_with_the_way_out(run: Run, more: list[str], reason: str):
    code, _, err = run("audit", *more)
    assert code == 2
    assert reason in err


def test_folder_without_a_model_is_refused(run: Run, tmp_path: Path, questions: Path):
    code, _, err = run("audit", "--model", str(tmp_path), "--data", str(questions))
    assert code == 8
    assert f"{tmp_path}: the folder holds no model" in err


def test_dead_endpoint_has_the_exit_code_of_the_network(
    run: Run, questions: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("audit.scorers.client.FIRST_WAIT_SECONDS", 0)
    options = ["--model", "tiny", "--api-base", "http://127.0.0.1:9", "--data", str(questions)]
    code, _, err = run("audit", *options)
    assert code == 6
    assert "refused" in err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mine", Model("mine", api_base="127.0.0.1:9")),
        ("openai/gpt-4o", Model("openai/gpt-4o")),
        ("mistral-7b", Weights("mistralai/Mistral-7B-v0.1", "mistral-7b")),
        ("Mistral-7B", Weights("mistralai/Mistral-7B-v0.1", "Mistral-7B")),
        ("gpt2", Weights("openai-community/gpt2", "gpt2")),
        ("someone/some-model", Weights("someone/some-model", "someone/some-model")),
        ("demo/biased", Weights(str(planted_model("demo/biased")), "demo/biased")),
    ],
)
def test_name_resolves(program: Program, name: str, expected: Model | Weights):
    assert resolve(program, name) == expected


def test_own_model_comes_before_a_well_known_one(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    (home / "settings.toml").write_text('[models."mistral-7b"]\napi_base = "127.0.0.1:9"\n')
    assert resolve(Program.open(), "mistral-7b") == Model("mistral-7b", api_base="127.0.0.1:9")


def test_folder_comes_before_a_hub_id(program: Program, tmp_path: Path):
    assert resolve(program, str(tmp_path)) == Weights(str(tmp_path), str(tmp_path))
    assert resolve(program, f"local/{tmp_path}").source == str(tmp_path)


def test_name_given_with_an_address_is_the_servers(program: Program, tmp_path: Path):
    there = replace(program, api_base="127.0.0.1:9")
    assert resolve(there, str(tmp_path)) == Model(str(tmp_path), api_base="127.0.0.1:9")


def test_unknown_name_gives_the_nearest(program: Program):
    with pytest.raises(UsageError) as caught:
        resolve(program, "lama2-7b")
    assert "llama2-7b" in caught.value.hint


def test_progress_shows_time_speed_cost_and_numbers_so_far():
    from rich.console import Console

    from audit.run import Progress
    from audit.scorers import Score
    from audit.variants import Variant, show
    from tests.audit.worlds import question

    tallies = Tallies()
    for i in range(8):
        variant = Variant(show(question(i)), "symbol.0shot")
        tallies.add(variant, Score(votes=(0, 0, 1, 0)))
    progress = Progress(8, 16, "symbol.0shot", tallies, 3700.0, 1234.0, 0.5)
    assert summary(progress) == "8 of 16  1 h 02 min left  1,234 tokens/s  $0.5000  symbol.0shot"
    console = Console(width=90, record=True, file=io.StringIO())
    console.print(drawing(progress, 10))
    text = console.export_text()
    assert re.search(r"symbol\.0shot +8 +25\.0 % +43\.3", text)


@pytest.mark.slow
def test_planted_models_tell_the_biased_from_the_balanced(run: Run, home: Path):
    for name in PLANTED:
        options = ["--battery", "position", "--max-samples", "240"]
        assert run("audit", "--model", name, *options)[0] == 0
    gains = {r.model: r.results.effect("order.fix_C").change.points for r in kept(home)}
    assert gains["demo/biased"] > 15
    assert abs(gains["demo/balanced"]) < gains["demo/biased"] / 2


@pytest.mark.slow
def test_selftest_passes(run: Run):
    code, out, _ = run("audit", "--selftest")
    assert "FAIL" not in out
    assert code == 0
