"""Pictures of the real screen for the README: `make screenshots` writes assets/pictures/*.svg."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from tui.app import ChatApp
from tui.engine_client import EngineClient
from tui.program import Program
from tui.sessions import Sessions

PICTURES = Path(__file__).parent.parent / "assets" / "pictures"
SIZE = (130, 58)
PROMPTS = (
    "Prove that a scheduler with one global lock order cannot deadlock.",
    "what's a good name for a grey cat?",
)
SECONDS = 120.0


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
            await pilot.press(*[{" ": "space"}.get(letter, letter) for letter in prompt])
            await pilot.press("enter")
            await _until(pilot, lambda count=number: _text(app).count("ctx") and _done(app, count))
        _save(app, "chat")


def _app(*, demo: bool) -> ChatApp:
    program = Program.open(demo=demo)
    engine = EngineClient(program.engine_options(), program.paths.log)
    return ChatApp(program, engine, lambda: Sessions(program.paths.sessions))


def _done(app: ChatApp, count: int) -> bool:
    ledger = app.chat.talk.turns.ledger
    return ledger.weak_turns + ledger.strong_turns == count


def _text(app: ChatApp) -> str:
    return re.sub(r"<[^>]+>", "", app.export_screenshot()).replace("&#160;", " ")


async def _until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await pilot.pause(0.1)


def _save(app: ChatApp, name: str) -> None:
    svg = re.sub(r"@font-face\s*{[^}]*}", "", app.export_screenshot(title="llmroute"))
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"assets/pictures/{name}.svg")


if __name__ == "__main__":
    asyncio.run(main())
