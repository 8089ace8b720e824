"""The battles that one person's router knows, on disk: starter, imported and their own.

    FOLDER/battles/NAME.jsonl   imported sets
    FOLDER/mine.jsonl           the person's own, each with an id so that it can be forgotten
    FOLDER/...                  what the router keeps of them: see `routing.index`
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from routing.battles import Battle, BattleFile, read_battles, starter_battles, write_battles
from routing.errors import DataError

STARTER, MINE = "starter", "mine"


def read_sets(folder: Path) -> dict[str, tuple[Battle, ...]]:
    """Every set of battles by name, the starter battles first and the person's own last.

    Raises:
        DataError: a file is malformed.
    """
    imported = sorted(_sets(folder).glob("*.jsonl"))
    return (
        {STARTER: starter_battles()}
        | {path.stem: read_battles(path, path.stem).battles for path in imported}
        | {MINE: read_mine(folder)}
    )


def import_set(folder: Path, file: Path, name: str) -> BattleFile:
    """Take a file's battles in under that name; what was read, and what was left out and why.

    Raises:
        DataError: the file has no good row, the name is not one, or is taken.
    """
    target = _path(folder, name)
    if target.exists():
        raise DataError(
            f"a set named {name!r} is there already",
            hint=f"Remove it first (llmroute battles remove {name}), or give --name.",
        )
    found = read_battles(file, name)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_battles(target, found.battles)
    return found


def remove_set(folder: Path, name: str) -> None:
    """Take an imported set out again.

    Raises:
        DataError: there is none of that name.
    """
    try:
        _path(folder, name).unlink()
    except FileNotFoundError as error:
        known = ", ".join(sorted(path.stem for path in _sets(folder).glob("*.jsonl"))) or "none"
        raise DataError(f"no imported set is named {name!r}; there are: {known}") from error


def read_mine(folder: Path) -> tuple[Battle, ...]:
    """The person's own battles.

    Raises:
        DataError: the file is malformed.
    """
    path = folder / "mine.jsonl"
    return read_battles(path, MINE).battles if path.exists() and path.stat().st_size else ()


def write_mine(folder: Path, battles: Iterable[Battle]) -> None:
    """Keep the person's own battles, in place of the former ones.

    Raises:
        DataError: the file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_battles(folder / "mine.jsonl", battles)


def _sets(folder: Path) -> Path:
    return folder / "battles"


def _path(folder: Path, name: str) -> Path:
    if not re.fullmatch(r"[\w.-]{1,64}", name) or name in {STARTER, MINE}:
        raise DataError(
            f"{name!r} cannot name a set: expected letters, digits, '.', '-' and '_', "
            f"and neither {STARTER} nor {MINE}"
        )
    return _sets(folder) / f"{name}.jsonl"
