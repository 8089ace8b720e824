"""`llmroute doctor`: what the program found on this machine, and whether it can work."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.commands.options import AsJson, flag
from tui.diagnosis import in_words, problems, sections
from tui.errors import SettingsError, in_line
from tui.program import Program

if TYPE_CHECKING:
    from routing.decide import Decision

NO_MODELS = "None are set: llmroute models use STRONG WEAK, or try llmroute chat --demo."


def doctor(
    *,
    as_json: AsJson = False,
    engine: Annotated[bool, flag(about="Start the engine and route a prompt.")] = True,
) -> None:
    """Check paths, settings, keys and the engine. Keys are never shown.

    What is wrong is reported, and the rest is checked all the same; the exit code is 1 then.
    """
    import asyncio

    program, trouble = _program()
    found: dict[str, Mapping[str, object]] = sections(program)
    found["settings"] = {**trouble, **found["settings"]}
    if engine:
        found = {"engine": asyncio.run(_engine(program)), **found}
    wrong = problems(program, found)
    if as_json:
        typer.echo(json.dumps({"problems": wrong, **found}, indent=2, default=asdict))
    else:
        _print(program, wrong, found)
    raise typer.Exit(1 if wrong else 0)


def _program() -> tuple[Program, dict[str, str]]:
    """The program, with the defaults in place of settings that are not as expected."""
    from tui.keymap import check_keymap
    from tui.paths import paths
    from tui.settings import Loaded, Settings

    places = paths(os.environ)
    program = Program(Loaded(Settings(), {}), places, os.environ)
    try:
        program = Program.open()
        check_keymap(program.settings.keys, places.settings)
    except SettingsError as error:
        return program, {"trouble": in_line(error, error.hint)}
    return program, {}


async def _engine(program: Program) -> dict[str, Any]:
    """What the real engine process reports: its readiness and where one prompt would go."""
    import msgspec

    from routing.conversation import Turn
    from routing.errors import RoutingError
    from routing.events import TurnRequest
    from routing.models import DEMO_PAIR
    from tui.engine_client import EngineClient

    client = EngineClient(program.engine_options(), program.paths.log)
    said: list[str] = []
    client.on_notice = said.append
    pool = program.pool or DEMO_PAIR
    request = TurnRequest((Turn("user", "hi, thanks!"),), pool, share=program.settings.share)
    try:
        readiness = await client.start()
        answer: dict[str, Any] = msgspec.to_builtins(readiness)
        answer["warm_seconds"] = round(readiness.warm_seconds, 1)
        if not readiness.trouble:
            decision = await client.decide(request)
            answer |= {"probe": decision.reason, "decision_ms": round(decision.decision_ms, 1)}
            answer |= _outdone(decision)
        answer |= {"said": " ".join(said)} if said else {}
    except RoutingError as error:
        answer = {"trouble": f"{error} See {program.paths.log}."}
    finally:
        await client.close()
    return answer


def _outdone(decision: Decision) -> dict[str, str]:
    """Which models are not worth their price, and why; nothing where all are."""
    from tui.model_check import outdone_words

    outdone = {c.model: c.outdone_by for c in decision.candidates if c.outdone_by}
    strongest = next((c.model for c in decision.candidates if c.tier == "strong"), "")
    return {"outdone": " ".join(outdone_words(outdone, strongest))} if outdone else {}


def _print(
    program: Program, wrong: Mapping[str, str], found: Mapping[str, Mapping[str, object]]
) -> None:
    """Print what is broken first, then the facts, and a reminder of what is broken last."""
    from tui.tables import print_facts

    if wrong:
        print_facts("to fix", wrong)
    elif program.pool is None:
        print_facts("to do", {"models": NO_MODELS})
    for section, facts in found.items():
        print_facts(section, in_words({n: fact for n, fact in facts.items() if n != "trouble"}))
    typer.echo(f"To fix, see above: {', '.join(wrong)}." if wrong else "All is well.")
