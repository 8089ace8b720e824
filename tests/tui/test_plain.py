"""The chat as lines, for a screen reader."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from routing import errors
from routing.conversation import Delta, Usage
from routing.cost import Bill, Ledger
from tests.tui.fakes import NEIGHBOURS, FakeEngine, decision, reply_events
from tui.budget import Month
from tui.plain import sentences
from tui.plain.chat import PlainChat, Terminal
from tui.plain.commands import COMMANDS
from tui.program import Program
from tui.sessions import Sessions

Talk = Callable[..., list[str]]
SPEC = (
    "model weak strong auto threshold why cost new sessions search rename fork retry edit copy "
    "export system theme keys audit doctor quit"
)


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sessions:
    monkeypatch.setenv("LLMROUTE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Sessions(tmp_path / "sessions")


@pytest.fixture
def talk(sessions: Sessions) -> Talk:
    """Types the lines and leaves; gives what was said."""

    def run(
        *lines: str, engine: FakeEngine | None = None, demo: bool = True, temporary: bool = False
    ) -> list[str]:
        said: list[str] = []
        typed = iter(lines)

        def read(prompt: str) -> str:
            try:
                line = next(typed)
            except StopIteration:
                raise EOFError from None
            said.append(f"{prompt}{line}")
            return line

        program = Program.open(demo=demo)
        chat = PlainChat(program, engine or FakeEngine(), sessions, Terminal(read, said.append))
        chat.run(temporary=temporary)
        return said

    return run


def test_turn_is_said_in_whole_lines_and_stored(talk: Talk, sessions: Sessions):
    said = talk("hi", engine=FakeEngine(reply_events("First **line**.\n\nSecond\x1b[31m line.")))
    at = said.index("You: hi")
    assert [line for line in said[at + 1 :] if "router knows" not in line] == [
        "Weak model, demo/weak: win probability 0.18, below the threshold of 0.42.",
        "First line.",
        "Second line.",
        "Cost $0.0004, saved about $0.0054.",
    ]
    [info] = sessions.list()
    assert [m.state for m in sessions.read(info.id).branch()] == ["sent", "done"]


def test_models_not_worth_their_price_are_told_of_before_the_first_turn(talk: Talk):
    engine = FakeEngine()
    engine.outdone_by["demo/strong", "demo/weak"] = {"demo/strong": "demo/weak"}
    [told] = [line for line in talk("hi", engine=engine) if "outdone" in line]
    assert told.startswith("demo/strong is outdone: demo/weak costs less and is no worse")


def test_message_of_several_lines_and_a_slash(talk: Talk):
    engine = FakeEngine()
    talk("one\\", "two", "//not a command", engine=engine)
    assert [r.turns[-1].text for r in engine.requests] == ["one\ntwo", "/not a command"]


def test_every_command_of_the_screen_is_there(talk: Talk):
    assert set(SPEC.split()) <= set(COMMANDS)
    said = talk("/help")
    assert all(any(line.startswith(f"/{name}") for line in said) for name in COMMANDS)


def test_unknown_command_names_the_nearest_and_is_not_sent(talk: Talk):
    engine = FakeEngine()
    said = talk("/wek", engine=engine)
    assert any("Did you mean /weak?" in line for line in said)
    assert not engine.requests


def test_name_that_another_program_has_for_a_command_is_known(talk: Talk):
    assert any("Did you mean /quit?" in line for line in talk("/exit"))
    assert not any("Did you mean" in line for line in talk("/xyzzy"))


def test_one_message_or_the_conversation_is_pinned(talk: Talk):
    engine = FakeEngine()
    talk("/weak one", "two", "/strong", "three", "/auto four", "/model demo/weak", "five",
         engine=engine)  # fmt: skip
    pins = [request.pin for request in engine.requests]
    assert pins == ["weak", None, "strong", None, "demo/weak"]


def test_failure_is_said_and_answered_again(talk: Talk, sessions: Sessions):
    engine = FakeEngine([errors.NetworkError("Offline.", hint="Try later.")], reply_events("back"))
    said = talk("hi", "/retry", engine=engine)
    assert "Offline. Try later." in said
    assert "back" in said
    [info] = sessions.list()
    assert [m.text for m in sessions.read(info.id).branch()] == ["hi", "back"]


def test_edit_again_and_fork_make_branches(talk: Talk, sessions: Sessions):
    engine = FakeEngine()
    talk("hi", "/edit hello", "/again", "/fork", "more", engine=engine)
    assert [r.pin for r in engine.requests] == [None, None, "strong", None]
    fork, first = sorted(
        (sessions.read(i.id) for i in sessions.list()), key=lambda c: -len(c.title)
    )
    assert [m.text for m in first.branch()] == ["hello", "Played back."]
    assert len(first.messages) == 5
    assert len(fork.branch()) == 4


def test_conversations_are_listed_found_opened_deleted_and_brought_back(
    talk: Talk, sessions: Sessions
):
    talk("tell me of rust")
    said = talk("/sessions", "/search rust", "/open 1", "/delete", "/sessions", "/undo", "/open 9")
    assert "1. tell me of rust, 2 messages." in said
    assert "1. tell me of rust" in said
    assert said.count("Reply:") == said.count("Played back.") == 2
    assert "0 conversations. /open and a number opens one." in said
    assert "Which conversation? /sessions numbers them: /open 1" in said
    assert len(sessions.list()) == 1


def test_what_is_told_asked_and_written(talk: Talk, tmp_path: Path):
    engine = FakeEngine()
    said = talk("/system be brief", "hi", "/why", "/cost", "/find PLAYED", "/rename a title",
                "/export", "/threshold 20%", "/copy code", "/good", engine=engine)  # fmt: skip
    assert engine.requests[0].turns[0].text == "be brief"
    assert "Near battle 3, yours: small beat big on “is this scheduler fair?”." in said
    assert any(line.startswith("Spent $0.0004") for line in said)
    assert "1 line holds it." in said
    assert "Its title is a title." in said
    [file] = tmp_path.glob("*.md")
    assert "be brief" in file.read_text()
    assert "share = 0.2" in (tmp_path / "settings.toml").read_text()
    assert any("nothing like that to copy" in line for line in said)
    assert [battle.winner for battle in engine.learnt] == ["b"]


def test_first_run_takes_the_demo_pair(talk: Talk):
    engine = FakeEngine()
    said = talk("hi", "/demo", "hi again", engine=engine, demo=False)
    assert "No models are set. /demo uses the built-in pair." in said
    assert [request.turns[-1].text for request in engine.requests] == ["hi again"]


def test_spent_budget_is_said_once_and_leaves_the_weak_model(talk: Talk, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[budget]\nmonthly_usd = 0.0001\npast = "weak"\n')
    engine = FakeEngine()
    said = talk("one", "two", "/strong three", "four", engine=engine)
    assert [request.pin for request in engine.requests] == [None, "weak", "strong", "weak"]
    assert sum("are spent: weak only" in line for line in said) == 1


def test_temporary_chat_keeps_nothing(talk: Talk, sessions: Sessions):
    talk("secret", "/temporary", "secret too", temporary=True)
    assert not sessions.list()


def test_control_c_stops_the_reply_and_keeps_what_came(sessions: Sessions):
    engine = FakeEngine([reply_events("x")[0], Delta("the first half"), _Interrupt()])
    said: list[str] = []
    lines = iter(["hi", "/quit"])
    chat = PlainChat(
        Program.open(demo=True), engine, sessions, Terminal(lambda _: next(lines), said.append)
    )
    chat.run()
    assert "Stopped; what arrived is kept." in said
    assert "the first half" in said
    [info] = sessions.list()
    assert sessions.read(info.id).branch()[-1].state == "stopped"


class _Interrupt(asyncio.Event):
    """Where it is waited for, the user presses Ctrl+C."""

    async def wait(self) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return await super().wait()


def test_sentences_have_no_signs():
    assert sentences.route(decision("strong", pinned=True)) == "Strong model, demo/strong, pinned."
    limited = replace(decision("weak", pinned=True), limited=True)
    assert sentences.route(limited) == "Weak model, demo/weak, by the budget."
    assert "at least the threshold" in sentences.route(decision("strong"))
    assert "gpt-4 and mixtral tied" in sentences._battle(2, NEIGHBOURS[1])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_real_program_draws_nothing(tmp_path: Path):
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "chat", "--demo", "--screen-reader"],
        stdin=slave, stdout=slave, stderr=slave,
        env=os.environ | {"LLMROUTE_HOME": str(tmp_path), "TERM": "dumb"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + 60
    os.write(terminal, b"/help\n/quit\n")
    while time.monotonic() < deadline:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # the program has closed it
            break
    os.close(terminal)
    assert process.wait(60) == 0
    assert b"/strong [MESSAGE]" in shown
    assert b"\x1b" not in shown


def test_what_was_spent_is_said_as_far_as_it_is_known():
    assert sentences.spent(Ledger()) == "Spent $0 for 0 tokens in and 0 out."
    free = Ledger().add(Bill(None, None, {}), Usage(10, 5), "weak")
    assert sentences.spent(free, Month(1.5)) == (
        "Spent an unknown amount for 10 tokens in and 5 out. 1 turn has no price. "
        "This month, all conversations: $1.50."
    )
    assert "conversations: about $1.50." in sentences.spent(free, Month(1.5, is_estimated=True))
    strong = Ledger().add(Bill(0.01, 0.01, {}), Usage(10, 5), "strong")
    assert "$0.0100 for 10 tokens in and 5 out; all strong $0.0100, saved $0, 0 %." in (
        sentences.spent(strong)
    )
    guessed = strong.add(Bill(0.01, 0.03, {}), Usage(10, 5, estimated=True), "weak")
    assert sentences.spent(guessed) == (
        "Spent about $0.0200 for 20 tokens in and 10 out; "
        "all strong about $0.0400, saved about $0.0200, 50 %."
    )
