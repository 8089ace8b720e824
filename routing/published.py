"""Published sets of battles and trained routers, fetched from the hub."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from routing import hub
from routing.battle_files import BattleFile, collect_battles
from routing.checkpoints import MANIFEST, Manifest, any_manifest, check, checkpoint_folder, put
from routing.errors import DataError, RouterError
from routing.routers import TRAINED
from routing.rows import Row

IDENTIFIER = re.compile(r"[\w.-]+/[\w.-]+")
UNSAFE = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".py"})  # code, or pickles


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set of battles lies on the hub."""

    dataset: str
    split: str = "train"


SETS: Mapping[str, Source] = {"arena": Source("lmsys/lmsys-arena-human-preference-55k")}


def pull_battles(name: str) -> BattleFile:
    """The battles of the set of that name, or of a data set of the arena's columns by its id.

    Raises:
        ValueError: it is neither.
        DataError: the hub cannot be reached or lacks it, or no row of it is a battle.
    """
    source = SETS.get(name) or (Source(name) if IDENTIFIER.fullmatch(name) else None)
    if source is None:
        raise ValueError(f"no set is called {name!r}; there are {', '.join(SETS)}, or OWNER/NAME")
    found = collect_battles(_numbered(source), name)
    if not found.battles:
        first = found.rejected[0].reason if found.rejected else "it is empty"
        raise DataError(f"{source.dataset}: no row is a battle: {first}")
    return found


def pull_router(
    repository: str, folder: Path, *, embedder: str, revision: str = "main", replace: bool = False
) -> Manifest:
    """What the checkpoint says of itself that now lies where the chat reads it.

    `folder` is the library's. Every file is compared with the checkpoint's manifest before it
    takes its place; files that could hold code are refused.

    Raises:
        DataError: the hub cannot be reached or lacks it, or it is no checkpoint, or a damaged one.
        RouterError: it is of an unknown router or another embedder, or a trained one is there and
            may not be replaced.
    """
    if not IDENTIFIER.fullmatch(repository):
        raise DataError(f"{repository!r} is no repository; expected OWNER/NAME")
    fresh = _fresh(folder)
    try:
        hub.download(repository, [MANIFEST], fresh, revision)
        manifest = any_manifest(fresh)
        target = checkpoint_folder(folder, manifest.router)
        _check_wanted(manifest, repository, taken=target.exists() and not replace)
        hub.download(repository, list(manifest.files), fresh, revision)
        check(fresh, manifest.router, embedder if manifest.embedder else None)
        put(fresh, target)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def _fresh(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(dir=folder, prefix=".pulled."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from error


def _numbered(source: Source) -> Iterator[Row]:
    yield from enumerate(hub.dataset_rows(source.dataset, source.split), start=1)


def _check_wanted(manifest: Manifest, repository: str, *, taken: bool) -> None:
    """Check that a checkpoint can be used before its weights are fetched."""
    if manifest.router not in TRAINED:
        raise RouterError(
            f"{repository} holds a router of the kind {manifest.router!r}; "
            f"known: {', '.join(TRAINED)}"
        )
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.suffix in UNSAFE:
            raise DataError(
                f"{repository}: its manifest names {name!r}, which is not fetched: weights come as "
                "safetensors, beside JSON and texts"
            )
    if taken:
        raise RouterError(
            f"a trained {manifest.router} router already exists",
            hint="--replace puts the pulled one in its place.",
        )
