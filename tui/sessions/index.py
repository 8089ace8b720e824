"""The index of sessions: one row each in a small file, rebuilt from the sessions when needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from routing.files import replace_file
from tui.errors import StoreError
from tui.sessions import schema
from tui.sessions.conversation import SessionInfo
from tui.sessions.lock import Lock
from tui.sessions.message import timestamp
from tui.sessions.schema import DamagedError
from tui.sessions.storage import backup_of, readable

INDEX_VERSION = 2
LOCK_SECONDS = 2.0


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """What a file said when it was last read, and how to tell whether it is still the same file."""

    signature: tuple[int, int, int]  # time of change in ns, bytes, inode
    info: SessionInfo


class _File(msgspec.Struct):
    version: int
    rows: dict[str, _Row]


@dataclass(frozen=True, slots=True)
class Index:
    """The rows of the sessions in a folder and its trash, kept in a file.

    A row whose session changed since is read again, so the file may be old, wrong or missing.
    """

    folder: Path
    trash: Path
    lock: Lock

    @property
    def file(self) -> Path:
        """Where the rows are kept."""
        return self.folder / "index.json"

    def rows(self) -> list[SessionInfo]:
        """One row for each session that is there now.

        Rows that were read again are put into the index, unless its folder is read only or another
        process holds it; the answer is the same.
        """
        if not self.folder.exists():
            return []
        try:
            held = self.lock.acquire(LOCK_SECONDS)
        except OSError:
            held = False
        try:
            known = self._read()
            rows = self._current(known)
            if held and rows != known:
                self._write(rows)
        finally:
            self.lock.release()
        return [row.info for row in rows.values()]

    def _current(self, known: Mapping[str, _Row]) -> dict[str, _Row]:
        rows = {}
        for folder in (self.folder, self.trash):
            for name, signature in signatures(folder).items():
                deleted = folder == self.trash
                key = f"{self.trash.name}/{name}" if deleted else name
                row = known.get(key)
                if row is None or row.signature != signature:
                    row = _Row(signature, replace(_summary(folder / name), deleted=deleted))
                rows[key] = row
        return rows

    def _read(self) -> dict[str, _Row]:
        with suppress(OSError, msgspec.MsgspecError):
            file = msgspec.json.decode(self.file.read_bytes(), type=_File)
            if file.version == INDEX_VERSION:
                return file.rows
        return {}

    def _write(self, rows: dict[str, _Row]) -> None:
        content = msgspec.json.encode(_File(INDEX_VERSION, rows))
        with suppress(OSError):  # a full disk costs the next look some time, no more
            replace_file(self.file, content, durable=False)


def signatures(folder: Path) -> dict[str, tuple[int, int, int]]:
    """The names of the sessions' files in the folder, each with its signature."""
    found = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and entry.name[0].isdigit():
                with suppress(FileNotFoundError):  # deleted meanwhile
                    stat = entry.stat()
                    found[entry.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _summary(path: Path) -> SessionInfo:
    """The session's row; where it cannot be read, one that says why."""
    try:
        return schema.conversation(path.read_bytes()).info()
    except DamagedError:
        return _from_backup(path)
    except StoreError as error:
        return _unknown(path, str(error))
    except OSError as error:
        return _unknown(path, f"It cannot be read: {error.strerror}.")


def _from_backup(path: Path) -> SessionInfo:
    saved = readable(backup_of(path))
    if saved is None:
        return _unknown(path, "It is damaged and has no readable backup.")
    info = schema.conversation(saved).info()
    return replace(info, trouble="It is damaged; this is from its backup.")


def _unknown(path: Path, trouble: str) -> SessionInfo:
    changed = timestamp(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    return SessionInfo(path.stem, "", created=changed, updated=changed, trouble=trouble)
