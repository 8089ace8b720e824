"""`llmroute router train|list|use|info`: from nothing to a trained router that decides."""

import json
import os
import signal
from pathlib import Path

import pytest

from routing.checkpoints import checkpoint_folder
from tests.routing.tiny import tiny_causal, tiny_encoder
from tests.tui.conftest import Run
from tui.commands import train
from tui.settings import load


def battles_file(folder: Path, count: int = 60, winner: str = "") -> Path:
    """Proofs that the strong model wins, greetings that end in a tie."""
    rows = [
        {
            "prompt": f"prove it word{n}" if n % 2 else f"hello please word{n}",
            "model_a": "strong",
            "model_b": "weak",
            "winner": winner or ("model_a" if n % 2 else "tie"),
        }
        for n in range(count)
    ]
    path = folder / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(battles_file(tmp_path))


def test_nothing_is_trained_at_first_and_use_says_how(run: Run):
    code, out, _ = run("router", "list", "--json")
    states = {row["router"]: row for row in json.loads(out)}
    assert code == 0
    assert states["ridge"]["in_use"]
    assert states["factorization"]["state"] == "not trained"
    code, _, err = run("router", "use", "factorization")
    assert code == 1
    assert "the factorization router is not trained" in err
    assert "llmroute router train factorization" in err


def test_factorization_is_trained_listed_used_and_told(run: Run, home: Path, file: str):
    code, out, err = run(
        "router", "train", "factorization", "--battles", file, "--epochs", "30", "--seed", "3"
    )
    assert code == 0
    assert "factorization learnt from 60 battles: held-out loss 0." in out
    assert "llmroute router use factorization" in out
    assert err.count("Training: loss") == 9
    assert "Trained: held out 0." in err
    assert run("router", "use", "factorization")[0] == 0
    assert load(home / "settings.toml", {}, {}).settings.router == "factorization"
    _, out, _ = run("router", "list")
    line = next(line for line in out.splitlines() if "factorization" in line)
    assert line.startswith("*")
    assert "trained 20" in line
    assert "60" in line
    _, out, _ = run("router", "info", "factorization", "--json")
    facts = json.loads(out)
    assert facts["models"] == "strong, weak"
    assert facts["steps"].endswith("seed 3")
    code, out, _ = run("ask", "--demo", "--dry-run", "--json", "prove it word3")
    decision = json.loads(out)
    assert code == 0
    assert decision["router"] == "factorization"
    assert decision["neighbours"]


def test_router_of_another_embedder_is_not_used(run: Run, home: Path, file: str):
    run("router", "train", "factorization", "--battles", file, "--steps", "5")
    folder = checkpoint_folder(home / "router", "factorization")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"embedder": "other@1"}))
    code, _, err = run("router", "use", "factorization")
    assert code == 1
    assert "trained on vectors of other@1, the embedder in use is all-MiniLM-L6-v2" in err
    assert "of another embedder" in run("router", "list")[1]
    (folder / "manifest.json").write_text("{")
    assert "damaged" in run("router", "list")[1]


@pytest.mark.parametrize(("name", "make"), [("bert", tiny_encoder), ("causal", tiny_causal)])
def test_text_routers_are_trained_from_a_base(
    run: Run, tmp_path: Path, file: str, name: str, make: object
):
    base = str(make(tmp_path / "base"))
    words = ("--base", base, "--battles", file, "--steps", "4", "--out", str(tmp_path / "out"))
    code, out, _ = run("router", "train", name, *words)
    assert code == 0
    assert f"Kept in {tmp_path / 'out'}" in " ".join(out.split())
    assert "router use" not in out
    assert (tmp_path / "out" / "config.json").exists()


def test_ctrl_c_keeps_the_training_and_the_same_command_goes_on(
    run: Run, home: Path, file: str, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(progress: object) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return "interrupted"

    words = ("router", "train", "factorization", "--battles", file, "--steps", "40")
    said = home / "said"
    with monkeypatch.context() as patch, said.open("wb") as file_of_stderr:
        patch.setattr(train, "_plain", interrupt)
        patch.setattr(train, "STDERR", file_of_stderr.fileno())
        code, _, err = run(*words)
    assert code == 130
    assert "Run the same command again to continue." in err
    assert "Stopping after this step (Ctrl+C again: at once" in said.read_text()
    assert not checkpoint_folder(home / "router", "factorization").exists()
    code, _, err = run(*words)
    assert code == 0
    assert "Going on from step 5." in err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["similarity"], "similarity needs no training."),
        (["magic"], "magic is no router."),
        (["factorization", "--base", "x"], "The factorization router has no --base."),
        (["bert", "--lora-rank", "4"], "The bert router has no --lora-rank."),
        (["factorization", "--battles", "nowhere"], "nowhere: neither a set nor a file"),
    ],
)
def test_what_cannot_be_trained_is_refused(run: Run, words: list[str], expected: str):
    code, _, err = run("router", "train", *words)
    assert code == 2
    assert expected in err


def test_one_sided_battles_are_told(run: Run, tmp_path: Path):
    path = battles_file(tmp_path, winner="model_a")
    code, _, err = run("router", "train", "factorization", "--battles", str(path))
    assert code == 1
    assert "one-sided" in err


def test_what_an_untrained_router_learns_from_is_told(run: Run, file: str):
    run("battles", "import", file, "--name", "votes")
    found = json.loads(run("router", "info", "ridge", "--json")[1])
    assert "battles of starter, 60 battles of votes, 0 battles of mine" in found["learns_from"]
    assert "learns_from" not in json.loads(run("router", "info", "chance", "--json")[1])


def test_router_that_knows_none_of_ones_models_says_who_stands_in(run: Run, file: str):
    run("router", "train", "factorization", "--battles", file, "--epochs", "1")
    assert run("router", "use", "factorization")[2] == ""
    run("models", "use", "demo/strong", "demo/weak")
    said = "factorization learnt nothing of demo/strong, demo/weak: strong and weak stand in."
    assert said in run("router", "use", "factorization")[2]
    assert said in json.loads(run("router", "info", "--json")[1])["mind"]


def test_rows_that_are_no_battles_are_told_and_left_out(run: Run, tmp_path: Path):
    path = battles_file(tmp_path)
    path.write_text(path.read_text() + '\n{"prompt": "half\n')
    words = ("router", "train", "factorization", "--battles", str(path), "--epochs", "1")
    code, out, err = run(*words)
    assert code == 0
    assert f"1 row of {path} left out:\n  line 61: not JSON" in err
    assert "learnt from 60 battles" in out


def test_folder_that_cannot_be_written_is_told_before_a_step_is_taken(
    run: Run, file: str, tmp_path: Path
):
    (tmp_path / "taken").write_text("a file")
    for out in (tmp_path / "taken", tmp_path / "taken" / "below"):
        words = ("router", "train", "factorization", "--battles", file)
        code, _, err = run(*words, "--out", str(out))
        assert code in {1, 2}
        assert "taken" in err
        assert "Training: loss" not in err


def test_training_into_a_folder_of_other_things_is_refused(
    run: Run, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("router", "train", "factorization", "--battles", file, "--out", ".")
    assert code == 2
    assert "holds mine.jsonl, which is of no checkpoint and would be lost" in err
    assert Path(file).exists()
    words = ("router", "train", "factorization", "--battles", file, "--steps", "2")
    for _ in range(2):  # into a new folder, and over its own checkpoint
        assert run(*words, "--out", "mine")[0] == 0


def test_diverging_training_is_told_and_nothing_is_kept(run: Run, file: str, home: Path):
    words = ("router", "train", "factorization", "--battles", file, "--steps", "50")
    code, _, err = run(*words, "--learning-rate", "1e9")
    assert code == 1
    assert "the training diverged" in err
    assert "--learning-rate" in err
    assert not checkpoint_folder(home / "router", "factorization").exists()


def test_unknown_router_is_refused_with_the_known(run: Run):
    code, _, err = run("router", "use", "magic")
    assert code == 2
    assert "There are: chance, similarity, ridge, factorization" in err
