"""The folder of all sessions: make, open, list, search, fork, delete and bring back."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from tui.errors import StoreError, UsageError
from tui.sessions.conversation import Conversation, SessionInfo
from tui.sessions.index import Index, signatures
from tui.sessions.lock import Lock
from tui.sessions.message import Message, clean, new_id, short, timestamp, utc_now
from tui.sessions.search import Hit, search
from tui.sessions.session import Clock, Session
from tui.sessions.storage import OPEN_ELSEWHERE, SessionStorage, backup_of, way_out

TRASH_KEPT = timedelta(days=30)
NAMED = 5  # sessions that an error names
LEFTOVERS_KEPT = timedelta(days=1)

_ID = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}")


class Sessions:
    """The sessions in a folder. Making one touches nothing; the folder is made when it is needed.

    Args:
        instructions: what a new session tells its model before the first message.
        clock: tells the present moment, for names and for the times of messages.
    """

    def __init__(self, folder: Path, *, instructions: str = "", clock: Clock = utc_now) -> None:
        self.folder = folder
        self.instructions = clean(instructions)
        self._clock = clock
        self._trash = folder / "trash"
        self._locks = folder / "locks"
        self._index = Index(folder, self._trash, self._lock("index"))

    def create(self, title: str = "", *, temporary: bool = False) -> Session:
        """A new session. Its file comes with its first message; a temporary one never has one."""
        now = self._clock()
        session_id, moment = new_id(now), timestamp(now)
        conversation = Conversation(
            session_id, "", moment, moment, instructions=self.instructions
        ).renamed(title)
        storage = None if temporary else self._storage(session_id)
        return Session(conversation, storage, clock=self._clock)

    def open(self, session_id: str) -> Session:
        """The session, opened for writing, or read only if another window holds it.

        A reply that was streaming when the program died is marked as cut.

        Raises:
            StoreError: there is no such session, or neither its file nor its backup can be read.
        """
        storage = self._storage(session_id)
        if not storage.path.exists():
            raise storage.missing()
        trouble = _acquire(storage.lock)
        try:
            conversation = storage.load()
        except StoreError:
            storage.close()
            raise
        return Session(conversation, storage, trouble=trouble, clock=self._clock)

    def read(self, session_id: str) -> Conversation:
        """What the session holds now; nothing is locked, repaired or changed.

        Raises:
            StoreError: there is no such session, or neither its file nor its backup can be read.
        """
        return self._storage(session_id).load()

    def conversations(self) -> Iterator[Conversation]:
        """Every session that can be read, the last changed one first."""
        for path in self._newest_first():
            try:
                yield self.read(path.stem)
            except StoreError:  # the list names it
                continue

    def messages(self) -> Iterator[Message]:
        """Every message of every session that can be read, the last changed session first."""
        for conversation in self.conversations():
            yield from conversation.messages.values()

    def fork(self, session: Session, at: str | None = None) -> Session:
        """A stored copy of the branch up to the message `at`, or of the whole branch in sight.

        What the copied replies cost stays with the session that paid for them. The fork of a
        temporary session keeps it.

        Raises:
            StoreError: the copy cannot be written, or there is nothing to copy.
            ValueError: there is no message `at`.
        """
        source = session.conversation
        if at is not None and at not in source.messages:
            raise ValueError(f"session {source.id} has no message {at!r}")
        if source.head is None:
            raise StoreError("There is nothing to fork yet: the session has no message.")
        now = self._clock()
        copy = source.forked(new_id(now), at, now, None if session.temporary else source.id)
        fork = Session(copy, self._storage(copy.id), clock=self._clock)
        try:
            fork.save()
        except StoreError:
            fork.close()
            raise
        return fork

    def list(self, *, trash: bool = False) -> list[SessionInfo]:
        """One row for each session, the last changed first; with `trash`, the trash's too."""
        rows = [info for info in self._index.rows() if trash or not info.deleted]
        return sorted(rows, key=lambda info: (info.updated, info.id), reverse=True)

    def find(self, name: str, *, trash: bool = False) -> SessionInfo:
        """The one session that the name means: its id, a part of it, or of its title.

        With `trash` it is one that was thrown away.

        Raises:
            UsageError: none does, or several do.
        """
        rows = [row for row in self.list(trash=trash) if row.deleted == trash]
        found = [row for row in rows if row.id == name] or [
            row for row in rows if name in row.id or name.lower() in row.title.lower()
        ]
        if not found:
            where = " in the trash" if trash else ""
            raise UsageError(
                f"No session{where} is called {name!r}.",
                hint=f"llmroute sessions list{' --trash' if trash else ''}",
            )
        if len(found) > 1:
            some = ", ".join(short(row.id) for row in found[:NAMED])
            more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
            raise UsageError(f"{name!r} means {len(found)} sessions: {some}{more}")
        return found[0]

    def search(self, query: str, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Hit]:
        """The titles and messages that hold every word of the query, newest session first.

        `stop` is asked before each session; True ends the search.
        """
        return search(self._newest_first(), query, stop)

    def rename(self, session_id: str, title: str) -> None:
        """Give a session that is not open that title.

        Raises:
            StoreError: another window holds it, or it cannot be read or written.
        """
        session = self.open(session_id)
        try:
            session.rename(title)
        finally:
            session.close()

    def delete(self, session_id: str) -> None:
        """Move a session that is not open to the trash; `restore` brings it back.

        Raises:
            StoreError: another window holds it, or there is no such session.
        """
        self._move(session_id, self.folder, self._trash)
        os.utime(self._trash / f"{session_id}.json")  # counts the days until it is purged

    def restore(self, session_id: str) -> None:
        """Bring a session back from the trash.

        Raises:
            StoreError: it is not in the trash.
        """
        self._move(session_id, self._trash, self.folder)

    def purge(self, kept: timedelta = TRASH_KEPT) -> int:
        """How many sessions were removed for good: those that lay in the trash for that long.

        What killed programs left half written is removed too, and locks without a session.
        """
        now = self._clock()
        _remove(self.folder.glob(".*.json*.*"), now - LEFTOVERS_KEPT)
        _remove(self._trash.glob("*.json.bak"), now - kept)
        removed = _remove(self._trash.glob("*.json"), now - kept)
        for path in filter(self._unused, self._locks.glob("*.lock")):
            lock = Lock(path)
            if not _acquire(lock):
                _remove([path], now - LEFTOVERS_KEPT)
            lock.release()
        return removed

    def _move(self, session_id: str, source: Path, target: Path) -> None:
        path = source / self._file(session_id).name
        new = target / path.name
        lock = self._lock(session_id)
        if trouble := _acquire(lock):
            raise StoreError(trouble, hint=way_out(trouble, self.folder))
        try:
            if new.exists() or not path.exists():
                raise StoreError(f"There is no session {session_id} in {source.name}.")
            target.mkdir(mode=0o700, exist_ok=True)
            if backup_of(path).exists():
                os.replace(backup_of(path), backup_of(new))
            os.replace(path, new)
        except OSError as error:
            raise StoreError(f"Session {session_id} cannot be moved: {error.strerror}.") from error
        finally:
            lock.release()

    def _newest_first(self) -> Iterator[Path]:
        files = signatures(self.folder)  # which begin with the time of the last change
        return (self.folder / name for name in sorted(files, key=files.__getitem__, reverse=True))

    def _storage(self, session_id: str) -> SessionStorage:
        return SessionStorage(self._file(session_id), self._lock(session_id))

    def _file(self, session_id: str) -> Path:
        if not _ID.fullmatch(session_id):
            raise StoreError(f"{clean(session_id)!r} is not the id of a session.")
        return self.folder / f"{session_id}.json"

    def _lock(self, name: str) -> Lock:
        return Lock(self._locks / f"{name}.lock")

    def _unused(self, lock: Path) -> bool:
        name = f"{lock.stem}.json"
        return not ((self.folder / name).exists() or (self._trash / name).exists())


def _acquire(lock: Lock) -> str:
    """Why the session cannot be written, or "" now that it can."""
    try:
        return "" if lock.acquire() else f"It {OPEN_ELSEWHERE}."
    except OSError as error:
        return f"Its folder cannot be written ({error.strerror})."


def _remove(files: Iterable[Path], before: datetime) -> int:
    """How many of the files were removed: those not changed since."""
    removed = 0
    for file in list(files):
        with suppress(OSError):
            if file.stat().st_mtime < before.timestamp():
                file.unlink()
                removed += 1
    return removed
