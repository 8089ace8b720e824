"""Trained routers on disk: a folder of weights, and a manifest that says what they are.

A checkpoint is put in place whole, and checked whole when it is loaded. Reading a manifest loads
nothing heavy.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from routing.battles import Battle
from routing.errors import DataError, RouterError
from routing.files import file_digest

FORMAT = 1
MANIFEST = "manifest.json"
FOLDER = "trained"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint's manifest states.

    Attributes:
        router: its name in `ROUTERS`.
        embedder: whose vectors it reads; "" where it reads the text itself.
        base: the model that it was trained from, or "".
        models: the models that its battles named, in the order of its table where it has one.
        strong: those that may take the strong seat; `weak` likewise.
        battles, digest: how many it learnt from, and their sha256.
        held_out_loss: nats, at the best step.
        steps: how many led to these weights; epochs: the same in passes over the battles.
        created: when, ISO 8601 in UTC; created_by: which version of this program.
        files: name -> sha256 of every other file in the folder.
    """

    format: int = FORMAT
    router: str
    embedder: str = ""
    base: str = ""
    models: tuple[str, ...]
    strong: tuple[str, ...]
    weak: tuple[str, ...]
    battles: int
    digest: str
    seed: int
    held_out_loss: float
    steps: int
    epochs: float
    created: str = ""
    created_by: str = ""
    files: dict[str, str] = {}


def checkpoint_folder(folder: Path, router: str) -> Path:
    """Where the router of that name keeps its checkpoint, below the library's folder."""
    return folder / FOLDER / router


def train_command(router: str) -> str:
    """What the user runs to train that router."""
    return f"llmroute router train {router}"


def battles_digest(battles: Sequence[Battle]) -> str:
    """sha256 over the battles in their order, as far as trained routers read them."""
    digest = hashlib.sha256()
    for battle in battles:
        told = msgspec.to_builtins(battle)
        del told["both_bad"], told["earlier"]  # trained routers do not read these
        digest.update(msgspec.json.encode(told))
    return digest.hexdigest()


def save(folder: Path, manifest: Manifest, write: Callable[[Path], None]) -> Manifest:
    """Replace the folder with a checkpoint; the manifest as written.

    `write` puts the weights into the folder that it is given.

    Raises:
        DataError: it cannot be written; what was there is still there.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            write(fresh)
            manifest = msgspec.structs.replace(
                manifest,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                created_by=f"llmroute {metadata.version('llmroute')}",
                files=_digests(fresh),
            )
            encoded = msgspec.json.format(msgspec.json.encode(manifest))
            (fresh / MANIFEST).write_bytes(encoded)
            put(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return manifest


def check_writable(folder: Path) -> None:
    """Refuse a folder whose checkpoint could not be put in place, before hours go into one.

    Raises:
        DataError: its parent cannot be made or written, or it is a file.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.")).rmdir()
    except OSError as error:
        raise _unwritable(folder, error) from error


def check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a checkpoint: it would be lost.

    Raises:
        DataError: it does; the message names what.
    """
    ours: set[str] = set()
    if (folder / MANIFEST).exists():
        ours = {MANIFEST, *any_manifest(folder).files}
    files = (path for path in folder.rglob("*") if not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in files)
    if foreign := next((name for name in names if name not in ours), ""):
        raise DataError(
            f"{folder}: holds {foreign}, which is of no checkpoint and would be lost",
            hint="Name an empty folder, or a new one.",
        )


def any_manifest(folder: Path, router: str = "") -> Manifest:
    """What the checkpoint in that folder is, of whichever router; its weights are not looked at.

    `router` is the one that is expected, for the hint.

    Raises:
        DataError: its manifest is not there, or cannot be read.
    """
    path = folder / MANIFEST
    hint = _again(router) if router else ""
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"{path}: no manifest of a checkpoint, or damaged", hint=hint, detail=str(error)
        ) from error
    if manifest.format != FORMAT:
        raise DataError(
            f"{path}: checkpoint format {manifest.format}, expected {FORMAT}", hint=hint
        )
    return manifest


def read_manifest(folder: Path, router: str) -> Manifest:
    """What the checkpoint of that router in that folder is; its weights are not looked at.

    Raises:
        RouterError: there is none, or it is another router's.
        DataError: its manifest cannot be read.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise RouterError(
            f"the {router} router is not trained: there is no {path}",
            hint=f"Train it: {train_command(router)}",
        )
    manifest = any_manifest(folder, router)
    if manifest.router != router:
        raise RouterError(
            f"{folder}: a checkpoint of the {manifest.router} router, expected {router}",
            hint=_again(router),
        )
    return manifest


def check(folder: Path, router: str, embedder: str | None = None) -> Manifest:
    """The manifest of a checkpoint whose every file is as it was written.

    `embedder` is the one in use, for a router that reads its vectors.

    Raises:
        RouterError: there is none, or it is another router's or another embedder's.
        DataError: it is damaged.
    """
    manifest = read_manifest(folder, router)
    if embedder is not None and manifest.embedder != embedder:
        raise RouterError(
            f"{folder}: the {router} router was trained on vectors of "
            f"{manifest.embedder or 'no embedder'}, the embedder in use is {embedder}",
            hint=f"Train it again ({train_command(router)}), or set the embedder back.",
        )
    found = _digests(folder)
    for name, digest in manifest.files.items():
        if found.get(name) != digest:
            state = "damaged: its digest is another" if name in found else "missing"
            raise DataError(f"{folder / name}: {state}", hint=_again(router))
    return manifest


def put(fresh: Path, folder: Path) -> None:
    """Replace a folder with a fresh one; the old one is set aside until that is done.

    Raises:
        OSError: it cannot; the old one is still there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = folder.with_name(f".{folder.name}.former")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"{folder}: the checkpoint cannot be written: {error.strerror}", detail=str(error)
    )


def _again(router: str) -> str:
    return f"Train it again: {train_command(router)}"


def _digests(folder: Path) -> dict[str, str]:
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    return {
        name: file_digest(path)
        for name, path in files.items()
        if path.is_file() and name != MANIFEST
    }
