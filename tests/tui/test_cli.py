"""The command line as a whole: what its help says, and what a command without a name takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.conftest import Run, Terminal

COMMANDS = (
    [],
    ["ask"],
    ["chat"],
    ["audit"],
    ["doctor"],
    ["battles", "judge"],
    ["battles", "mine", "export"],
    ["router", "calibrate"],
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_flag_is_shown_without_a_value(run: Run, words: list[str]):
    _, out, _ = run(*words, "--help")
    typers_own = ("--help", "--install-completion", "--show-completion")
    ours = [line for line in out.splitlines() if not any(name in line for name in typers_own)]
    assert not [line for line in ours if "<bool>" in line]


def test_help_wraps_where_the_terminal_ends(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("ask", "--help")
    lines = [line.strip() for line in out.splitlines()]
    begun = next(at for at, line in enumerate(lines) if line.startswith("Exit codes"))
    assert lines[begun + 1] == "too long, 8 model, 130 interrupted."


@pytest.mark.parametrize(
    "words", [["battles", "stats"], ["sessions", "list"], ["cost"]], ids=" ".join
)
def test_folder_that_cannot_be_read_ends_in_a_sentence(run: Run, home: Path, words: list[str]):
    for name in ("router", "sessions"):
        (home / name).write_text("a file where a folder should be")
    code, _, err = run(*words)
    assert code == 1
    assert str(home) in err
    assert "Not a directory" in err
    assert "llmroute doctor" in err


def test_router_info_tells_of_the_one_in_use(run: Run):
    run("router", "use", "similarity")
    assert run("router", "info")[1] == run("router", "info", "similarity")[1]


def test_keys_are_listed_by_where_they_are_found(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    run("models", "use", "openai/gpt-4o", "anthropic/claude-sonnet-4-5")
    _, out, _ = run("keys", "list")
    told = dict(line.split(maxsplit=1) for line in out.splitlines()[2:] if line.strip())
    assert told["OPENAI_API_KEY"].strip() == "environment"
    assert told["ANTHROPIC_API_KEY"].strip() == "not set"
    assert "secret" not in out


def test_terminal_hears_that_the_router_is_at_work(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    code, out, _ = run("ask", "--demo", "--pin", "weak", "hello")
    assert code == 0
    assert "routing …" in screen.getvalue()
    assert "routing …" not in out


def test_terminal_that_lacks_a_character_gets_another(tmp_path: Path):
    (tmp_path / "settings.toml").write_text(
        'strong = "openai/größe"\nweak = "demo/weak"\n', encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "models", "list"],
        env=os.environ | {"LLMROUTE_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "openai/gr??e" in done.stdout
