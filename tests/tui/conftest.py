"""The chat with a played-back engine, and the command line, in folders of their own."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from textual.events import Key
from textual.pilot import Pilot

from tests.tui.fakes import NOON, FakeEngine
from tui import cli
from tui.app import ChatApp
from tui.program import Program
from tui.sessions import Message, Sessions
from tui.turns import Turns

Chat = Callable[..., ChatApp]
Run = Callable[..., tuple[int, str, str]]

SIZE = (110, 34)
SECONDS = 60.0  # the slowest machine's patience; nothing waits longer than it takes


def stored(app: ChatApp) -> list[Message]:
    """What another program would find on disk."""
    sessions = Sessions(app.chat.program.paths.sessions)
    [info] = sessions.list()
    return sessions.open(info.id).branch()


def typed(text: str) -> list[Key]:
    """The keys of a text, Enter for the end of a line."""
    names = {" ": "space", "\n": "enter", ",": "comma"}
    return [Key(names.get(c, c), "\r" if c == "\n" else c) for c in text]


async def wait_until(pilot: Pilot[None], happened: Callable[[], object]) -> None:
    """Let the application work until that is true."""
    deadline = monotonic() + SECONDS
    while not happened():
        assert monotonic() < deadline, "it never happened"
        await pilot.pause()


async def ready(pilot: Pilot[None]) -> None:
    """Let the application open its session, list the others and hear of the engine."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    await wait_until(pilot, lambda: app.chat.talk.turns.is_open and app.chat.month is not None)
    app.chat.composer.draft.cursor_blink = False


async def say(pilot: Pilot[None], text: str) -> None:
    """Type a message, send it, and wait until its turn is over and stored."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    app.chat.composer.clear()
    app.chat.composer.insert(text)
    before = app.chat.talk.turns.last
    await pilot.press("enter")
    turns = app.chat.talk.turns
    await wait_until(pilot, lambda: turns.last is not before and turns.last and turns.last.done)
    await wait_until(pilot, lambda: not turns._storing)
    await pilot.pause()


async def streaming(pilot: Pilot[None], text: str) -> Turns:
    """Type a message, send it, and wait until something of its reply is there."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    app.chat.composer.insert(text)
    await pilot.press("enter")
    turns = app.chat.talk.turns
    await wait_until(pilot, lambda: turns.live and turns.live.pieces)
    return turns


async def offered(pilot: Pilot[None]) -> None:
    """Let the completions of what was typed come in sight."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    box = app.chat.composer
    await wait_until(pilot, lambda: box.draft.completing and box._offered_for == box.draft.begun)


async def settle(pilot: Pilot[None]) -> None:
    """Let the last turn be stored and listed."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    chat, turns = app.chat, app.chat.talk.turns
    await wait_until(pilot, lambda: turns.live or turns.last is None or turns.last.reply)
    await wait_until(pilot, lambda: turns.live or turns.last is None or chat.history.shown)
    await wait_until(pilot, lambda: chat.talk.warm)
    await pilot.pause()


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Chat:
    """Makes the application: `chat(engine, demo=False, theme="llmroute-light")`."""
    monkeypatch.setenv("LLMROUTE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("TOLD_SECONDS", "TROUBLE_SECONDS"):  # a slow machine finds them all the same
        monkeypatch.setattr(f"tui.screens.base.{name}", 600)
    monkeypatch.setattr("tui.widgets.actions.TAKEN_SECONDS", 0)  # a test reads at once

    def make(engine: FakeEngine | None = None, *, demo: bool = True, **flags: object) -> ChatApp:
        program = Program.open(demo=demo, **flags)
        sessions = Sessions(program.paths.sessions, clock=lambda: NOON)
        return ChatApp(program, engine or FakeEngine(), lambda: sessions, clock=lambda: NOON)

    return make


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has had their first turns: no hint comes between other words."""
    monkeypatch.setattr("tui.hints.HINTS", ())


class Terminal(io.StringIO):
    """Standard input that nobody pipes into."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; its exit code, standard output and standard error."""
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stdin", Terminal())

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["llmroute", *words])
        try:
            cli.main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
