"""A session's file as a TinyDB storage that is written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from tinydb.storages import Storage

from routing.files import replace_file
from tui.errors import StoreError
from tui.sessions import schema
from tui.sessions.conversation import Conversation
from tui.sessions.lock import Lock
from tui.sessions.message import utc_now
from tui.sessions.schema import DamagedError, Tables

_MESSAGE_ID = re.compile(rb'"id":"(\d{8}T\d{12}-[0-9a-f]{8})"')

OPEN_ELSEWHERE = "is open in another window"
FORK = "Fork it to continue in a copy, or close the other window."

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Damage:
    """A session's file could not be read and its backup was taken.

    Attributes:
        aside: where the unreadable file lies now; None where it could not be moved.
        missing: ids of messages that can be made out in the unreadable file and that the backup
            does not have. What was cut off cannot be made out: the last change may be missing too.
    """

    aside: Path | None
    missing: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.missing)
        lost = f"{count} message(s) are missing" if count else "the last change may be missing"
        where = f"; the damaged file is kept as {self.aside.name}" if self.aside else ""
        return f"The session's file was damaged and its backup was taken: {lost}{where}."


class SessionStorage(Storage):
    """One session's file, its backup, and damaged earlier versions set aside.

    A write serialises first, goes to a file of its own, and takes the session's place in one step,
    so that the path always holds the old content or the new one. The content before
    the last write stays beside it as the backup. Only the holder of the session's lock writes.

    Args:
        durable: wait until the disk has it.
    """

    def __init__(self, path: Path, lock: Lock, *, durable: bool = True) -> None:
        self.path = path
        self.lock = lock
        self.durable = durable
        self.damage: Damage | None = None
        self._content: bytes | None = None
        self._pending: Tables | None = None

    @property
    def backup(self) -> Path:
        """Where the content before the last write is kept."""
        return backup_of(self.path)

    def load(self) -> Conversation:
        """The conversation in the file, or in its backup where the file is damaged.

        The holder of the lock moves a damaged file aside and puts the backup in its place.

        Raises:
            StoreError: there is no such file, it cannot be read, or neither can its backup.
        """
        content = self._read()
        try:
            conversation = schema.conversation(content)
        except DamagedError as error:
            content = self._recover(content, error)
            conversation = schema.conversation(content)
        self._content = content
        return conversation

    def read(self) -> Tables | None:
        """The tables as they were last read or written; None before the first write."""
        if self._pending is not None:
            return self._pending
        return None if self._content is None else schema.tables(self._content)

    def write(self, data: Tables) -> None:
        """Put the tables in place of the file's; in a `batch`, when it ends.

        Raises:
            StoreError: the disk is full or refuses; the old content is still there.
        """
        if self._pending is not None:
            self._pending = data
        else:
            self._put(msgspec.json.encode(data))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Several operations that become one write, or none where one of them fails."""
        self._pending = self.read() or {}
        try:
            yield
            content = msgspec.json.encode(self._pending)
        finally:
            self._pending = None
        self._put(content)

    def missing(self) -> StoreError:
        """What to raise where the file is not there."""
        return StoreError(
            f"There is no session {self.path.stem}.", hint="llmroute sessions list shows them all."
        )

    def close(self) -> None:
        """Let another one write."""
        self.lock.release()

    def _put(self, content: bytes) -> None:
        try:
            if not self.lock.acquire():
                raise StoreError(f"Session {self.path.stem} {OPEN_ELSEWHERE}.", hint=FORK)
            self._keep_backup()
            replace_file(self.path, content, durable=self.durable)
        except OSError as error:
            raise _not_stored(self.path, error) from error
        self._content = content

    def _keep_backup(self) -> None:
        if not self.path.exists():
            return
        name = self.path.with_name(f".{self.backup.name}.{secrets.token_hex(4)}")
        try:
            _twin(self.path, name)
            os.replace(name, self.backup)
        finally:
            # link and rename of one file on itself leave both names
            name.unlink(missing_ok=True)

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError as error:
            raise self.missing() from error
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from error

    def _recover(self, damaged: bytes, reason: DamagedError) -> bytes:
        """The backup's content, after the damaged file was moved aside."""
        saved = readable(self.backup)
        aside = self._move_aside(saved) if self.lock.held else None
        if saved is None:
            where = f"it was moved to {aside}" if aside else "it was left as it is"
            raise StoreError(
                f"Session {self.path.stem} is damaged and has no readable backup; {where}.",
                hint=f"What stands in the way: {reason}.",
            ) from reason
        kept = set(_MESSAGE_ID.findall(saved))
        seen = dict.fromkeys(_MESSAGE_ID.findall(damaged))
        missing = tuple(found.decode() for found in seen if found not in kept)
        self.damage = Damage(aside, missing)
        return saved

    def _move_aside(self, saved: bytes | None) -> Path:
        aside = free_name(self.path, utc_now())
        try:
            _twin(self.path, aside)
            if saved is None:
                self.path.unlink()
            else:
                replace_file(self.path, saved, durable=self.durable)
        except OSError as error:
            raise _not_stored(self.path, error) from error
        return aside


def backup_of(path: Path) -> Path:
    """Where the backup of a session's file is kept."""
    return path.with_name(path.name + ".bak")


def way_out(trouble: str, folder: Path) -> str:
    """What can be done about a session in that folder that can only be read."""
    return FORK if OPEN_ELSEWHERE in trouble else f"Check the folder {folder}."


def free_name(path: Path, moment: datetime) -> Path:
    """A name for the damaged file at `path` that no other file has."""
    return path.with_name(f"{path.name}.corrupt-{moment:%Y%m%dT%H%M%S%f}")


def readable(path: Path) -> bytes | None:
    """The content of a file that holds a session; None where it does not."""
    with suppress(OSError, DamagedError):
        content = path.read_bytes()
        schema.conversation(content)
        return content
    return None


def _twin(path: Path, twin: Path) -> None:
    """Give the file a second name, or where the file system has none of those, a copy."""
    try:
        os.link(path, twin)
    except OSError:
        shutil.copyfile(path, twin)
        twin.chmod(0o600)


def _not_stored(path: Path, error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StoreError(
            "The disk is full: the last change is not stored yet. What was stored before is whole.",
            hint="Free some space; the next change stores this one too.",
        )
    return StoreError(
        f"{path.name} cannot be written ({error.strerror}): the last change is not stored yet.",
        hint=f"Check the folder {path.parent}.",
    )
