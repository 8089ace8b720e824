"""What the program found on this machine: problems, keys, settings, paths and versions."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from routing.models import key_name_of
from tui.errors import KeysError, in_line
from tui.program import Program

if TYPE_CHECKING:
    from routing.models import Pool


CLOSED = "cannot be written"


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, and what stands in the way of using it; "" for nothing."""

    path: str
    state: str

    def __str__(self) -> str:
        return f"{self.path} ({self.state})" if self.state else self.path


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting's value and where it was set."""

    value: object
    origin: str

    def __str__(self) -> str:
        """As it would stand in the settings file, tables on one line."""
        value = self.value
        shown = json.dumps(value, ensure_ascii=False) if value not in (None, {}) else "not set"
        return f"{shown} ({self.origin})"


def diagnose(program: Program, engine: str = "") -> dict[str, dict[str, str]]:
    """Everything in sections, as people read it: first what is to fix.

    `engine` is its state, where that is known.
    """
    found = sections(program)
    told = {"to fix": problems(program, found)}
    known = {"engine": {"state": engine}} if engine else {}
    return {name: in_words(section) for name, section in {**told, **known, **found}.items()}


def sections(program: Program) -> dict[str, Mapping[str, object]]:
    """Everything but the engine, by what it is about; the foremost first."""
    return {
        "keys": known_keys(program, program.pool),
        "settings": settings_in_force(program),
        "paths": places(program),
        "version": versions(),
    }


def problems(program: Program, found: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Problems that keep the program from working, each with its remedy."""
    wrong = {name: str(facts["trouble"]) for name, facts in found.items() if facts.get("trouble")}
    for name, place in found["paths"].items():
        if isinstance(place, Place) and place.state == CLOSED:
            wrong[name] = f"{place.path} {CLOSED}: it must belong to you and be writable."
    for model in () if "keys" in wrong or program.pool is None else program.pool.models:
        if not program.keyring.serves(model):
            key = key_name_of(model)
            wrong[model.name] = f"{key} is not set. llmroute keys set {key} asks for it."
    return wrong


def in_words(found: Mapping[str, object]) -> dict[str, str]:
    """Each fact as one text; "none" for what is empty."""
    return {name: str(fact) or "none" for name, fact in found.items()}


def versions() -> dict[str, str]:
    """Versions of Python, this program and its main dependencies."""
    from importlib.metadata import version

    names = ("llmroute", "textual", "litellm", "torch", "transformers", "faiss-cpu")
    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"python": python} | {name: version(name) for name in names}


def places(program: Program) -> dict[str, Place]:
    """Each folder and file of the program."""
    found = {name: getattr(program.paths, name) for name in program.paths.__slots__}
    return {name: Place(str(path), _state(path)) for name, path in found.items()}


def _state(path: Path) -> str:
    if not path.exists():
        around = next(folder for folder in path.parents if folder.exists())
        return "not there yet" if os.access(around, os.W_OK) else CLOSED
    is_file = bool(path.suffix)
    return "" if is_file != path.is_dir() and os.access(path, os.R_OK | os.W_OK) else CLOSED


def settings_in_force(program: Program) -> dict[str, SettingInForce]:
    """Each setting with where it was set."""
    import msgspec

    values = msgspec.to_builtins(program.settings)
    origins = program.loaded.origins
    return {
        name: SettingInForce(value, origins.get(name, "default")) for name, value in values.items()
    }


def known_keys(program: Program, pool: Pool | None) -> dict[str, str]:
    """Where each key was found that the models need or some place holds; never the key."""
    needed = {key_name_of(model) for model in pool.models} if pool else set()
    names = {name for name, key in program.environment.items() if key and name.endswith("_API_KEY")}
    found: dict[str, str] = {}
    try:
        names |= program.keyring.kept()
    except KeysError as error:
        found["trouble"] = in_line(error, error.hint)
    for name in sorted(filter(None, names | needed)):
        try:
            key = program.keyring.find(name)
            found[name] = key.origin if key else "not set"
        except KeysError as error:
            found |= {name: "cannot be read", "trouble": in_line(error, error.hint)}
    return found
