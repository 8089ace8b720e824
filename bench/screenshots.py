"""Pictures of the real screen for the README: `make screenshots` writes assets/pictures/*.svg."""

from __future__ import annotations

import asyncio
import html
import os
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from tui.app import ChatApp
from tui.engine_client import EngineClient
from tui.program import Program
from tui.sessions import Sessions

PICTURES = Path(__file__).parent.parent / "assets" / "pictures"
SIZE = (118, 52)
PROMPTS = (
    "what's a good name for a grey cat?",
    "Prove that a scheduler with one global lock order cannot deadlock.",
)
ANOTHER = "Prove that a scheduler with one global lock order cannot starve a task."
SECONDS = 60.0


async def main() -> None:
    """Take every picture, each of a chat with the demo pair in a folder of its own."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLMROUTE_HOME"] = home
        await _welcome()
        await _chat()


async def _welcome() -> None:
    app = _app(demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: "none answers" in _text(app))
        _save(app, "welcome")


async def _chat() -> None:
    app = _app(demo=True)
    async with app.run_test(size=SIZE) as pilot:
        for number, prompt in enumerate(PROMPTS, 1):
            await _type(pilot, prompt)
            await _until(pilot, partial(_done, app, number))
        app.chat.talk.transcript.scroll_home(animate=False)
        await pilot.pause()
        _save(app, "chat")
        await pilot.press("ctrl+t")
        await _until(pilot, lambda: getattr(app.screen, "history", None) is not None)
        await pilot.press(*["left"] * 8)
        _save(app, "threshold")
        await pilot.press("escape", "alt+up", "alt+up")
        before = app.chat.talk.turns.last
        await pilot.press("e")
        await _until(pilot, lambda: app.chat.editing is not None)
        app.chat.composer.clear()
        await _type(pilot, ANOTHER)
        turns = app.chat.talk.turns
        await _until(pilot, lambda: turns.last is not before and turns.last and turns.last.done)
        await pilot.press("alt+up", "alt+up")
        await _until(pilot, lambda: "<2/2>" in _text(app))
        _save(app, "branch")


async def _type(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*[{" ": "space"}.get(letter, letter) for letter in text], "enter")


def _app(*, demo: bool) -> ChatApp:
    program = Program.open(demo=demo)
    engine = EngineClient(program.engine_options(), program.paths.log)
    return ChatApp(program, engine, lambda: Sessions(program.paths.sessions))


def _done(app: ChatApp, count: int) -> bool:
    ledger = app.chat.talk.turns.ledger
    return ledger.weak_turns + ledger.strong_turns == count


def _text(app: ChatApp) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", app.export_screenshot())).replace("\xa0", " ")


async def _until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await pilot.pause(0.1)


def _save(app: ChatApp, name: str) -> None:
    svg = re.sub(r"@font-face\s*{[^}]*}", "", app.export_screenshot(title="llmroute"))
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"assets/pictures/{name}.svg")


if __name__ == "__main__":
    asyncio.run(main())
