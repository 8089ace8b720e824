"""The command line as a whole: what its help says, and what a command without a name takes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from tests.tui.conftest import Run, Terminal
from tui import cli


def every_command() -> Iterator[list[str]]:
    """The words of each command there is, groups included."""
    begun = [([], get_command(cli.app))]
    while begun:
        words, command = begun.pop()
        yield words
        inner = getattr(command, "commands", {})
        begun += [([*words, name], below) for name, below in inner.items()]


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_names_no_type_of_python_and_says_what_each_thing_is(run: Run, words: list[str]):
    _, out, _ = run(*words, "--help")
    assert "<" not in out
    assert "{" not in out
    assert "..." not in out.partition("\n")[2], "a sentence is cut"
    about = [line for line in out.splitlines()[1:] if line.strip()]
    assert not about[0].endswith(":"), "says nothing of itself"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("cost --by foo", "'--by': 'foo' is not one of 'day', 'model', 'session'"),
        ("ask --threshold 2 hi", "(found '2')"),
        ("audit --max-samples few", "(found 'few')"),
        ("router eval", "Missing option '--set'"),
        ("chta", "Did you mean 'chat'?"),
    ],
)
def test_words_that_are_not_taken_are_told_as_every_error_is(run: Run, words: str, said: str):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    first, hint = err.splitlines()
    assert first.startswith("llmroute: ")
    assert said in first
    assert hint.endswith("-h shows its usage.")


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_question_that_is_left_unanswered_ends_in_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
):
    def leave(*_: object, **__: object) -> str:
        raise end

    monkeypatch.setattr("getpass.getpass", leave)
    code, _, err = run("keys", "set", "MY_KEY")
    assert code == 1
    assert "llmroute: Nothing was entered." in err


def test_interrupt_while_the_program_loads_is_quiet(tmp_path: Path):
    (tmp_path / "tui").mkdir()
    door = Path(cli.__file__).with_name("__main__.py")
    (tmp_path / "tui" / "__init__.py").touch()
    (tmp_path / "tui" / "__main__.py").write_text(door.read_text())
    (tmp_path / "tui" / "cli.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [sys.executable, "-m", "tui"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_help_wraps_where_the_terminal_ends(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("ask", "--help")
    lines = [line.strip() for line in out.splitlines()]
    begun = next(at for at, line in enumerate(lines) if line.startswith("Exit codes"))
    assert lines[begun + 1] == "7 too long, 8 model, 130 interrupted."


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


@pytest.mark.parametrize(("no_color", "is_red"), [("", True), ("1", False)])
def test_error_is_red_unless_no_colour_is_wanted(
    run: Run, monkeypatch: pytest.MonkeyPatch, no_color: str, is_red: bool
):
    monkeypatch.setenv("NO_COLOR", no_color)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    run("sessions", "show", "nosuch")
    assert "nosuch" in screen.getvalue()
    assert ("\x1b[31m" in screen.getvalue()) == is_red


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
