"""`llmroute doctor`: what the program found on this machine, and whether it can work."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tui.commands.options import AsJson
from tui.errors import KeysError, SettingsError
from tui.program import Program


def doctor(
    *,
    as_json: AsJson = False,
    engine: Annotated[bool, typer.Option(help="Start the engine and route a prompt.")] = True,
) -> None:
    """Check paths, settings, keys and the engine. Keys are never shown.

    What is wrong is reported, and the rest is checked all the same; the exit code is 1 then.
    """
    import asyncio

    program, trouble = _program()
    found: dict[str, dict[str, Any]] = {
        "version": _versions(),
        "paths": _paths(program),
        "settings": _settings(program) | trouble,
        "keys": _keys(program),
    }
    if engine:
        found["engine"] = asyncio.run(_engine(program))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    raise typer.Exit(1 if any(section.get("trouble") for section in found.values()) else 0)


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
        return program, {"trouble": f"{error} {error.hint}".strip()}
    return program, {}


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("llmroute", "textual", "litellm", "torch", "transformers", "faiss-cpu")
    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"python": python} | {name: version(name) for name in names}


def _paths(program: Program) -> dict[str, str]:
    places = {name: getattr(program.paths, name) for name in program.paths.__slots__}
    return {name: f"{path} ({_state(path)})" for name, path in places.items()}


def _state(path: Path) -> str:
    if not path.exists():
        return "not there yet"
    return "ok" if os.access(path, os.R_OK | os.W_OK) else "cannot be written"


def _settings(program: Program) -> dict[str, str]:
    import msgspec

    values = msgspec.to_builtins(program.settings)
    origins = program.loaded.origins
    return {name: f"{value!r} ({origins.get(name, 'default')})" for name, value in values.items()}


def _keys(program: Program) -> dict[str, str]:
    from routing.models import key_name_of

    names = {key_name_of(model) for model in program.pool.models} if program.pool else set()
    names |= {name for name in program.environment if name.endswith("_API_KEY")}
    found: dict[str, str] = {}
    for name in sorted(filter(None, names)):
        try:
            key = program.keyring.find(name)
            found[name] = key.origin if key else "not set"
        except KeysError as error:
            found |= {name: "cannot be read", "trouble": f"{error} {error.hint}".strip()}
    return found


async def _engine(program: Program) -> dict[str, Any]:
    """What the real child process says: its readiness and where one prompt would go."""
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
        if not readiness.trouble:
            decision = await client.decide(request)
            answer |= {"probe": decision.reason, "decision_ms": round(decision.decision_ms, 1)}
        answer |= {"said": " ".join(said)} if said else {}
    except RoutingError as error:
        answer = {"trouble": f"{error} See {program.paths.log}."}
    finally:
        await client.close()
    return answer


def _print(found: dict[str, dict[str, Any]]) -> None:
    from tui.tables import print_facts

    for section, values in found.items():
        print_facts(section, {name: str(value) or "none" for name, value in values.items()})
