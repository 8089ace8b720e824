"""What the program found on this machine: its versions, places, settings and keys."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tui.errors import KeysError
from tui.program import Program


def diagnose(program: Program) -> dict[str, dict[str, str]]:
    """Everything but the engine, in sections."""
    return {
        "version": versions(),
        "paths": places(program),
        "settings": settings_in_force(program),
        "keys": known_keys(program),
    }


def versions() -> dict[str, str]:
    """Version of Python, of this program and of what it stands on."""
    from importlib.metadata import version

    names = ("llmroute", "textual", "litellm", "torch", "transformers", "faiss-cpu")
    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"python": python} | {name: version(name) for name in names}


def places(program: Program) -> dict[str, str]:
    """Each folder and file, and what stands in the way of using it."""
    found = {name: getattr(program.paths, name) for name in program.paths.__slots__}
    return {name: f"{path}{_state(path)}" for name, path in found.items()}


def _state(path: Path) -> str:
    if not path.exists():
        return " (not there yet)"
    return "" if os.access(path, os.R_OK | os.W_OK) else " (cannot be written)"


def settings_in_force(program: Program) -> dict[str, str]:
    """Each setting with where it was set."""
    import msgspec

    values = msgspec.to_builtins(program.settings)
    origins = program.loaded.origins
    return {
        name: f"{_setting(value)} ({origins.get(name, 'default')})"
        for name, value in values.items()
    }


def _setting(value: object) -> str:
    """A value as it would stand in the settings file, tables on one line."""
    return json.dumps(value, ensure_ascii=False) if value not in (None, {}) else "not set"


def known_keys(program: Program) -> dict[str, str]:
    """Where each key was found, never the key."""
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
