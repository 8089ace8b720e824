"""The user's own battles on disk, shared by several windows and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from routing.battle_files import read_battles, write_battles
from routing.battles import MINE, Battle
from routing.errors import DataError

LOCK_SECONDS = 5.0

Signature = tuple[int, int, int]  # time of change in ns, bytes, inode


class OwnBattles:
    """The battles in `mine.jsonl` of a folder, each under an id of its own.

    Args:
        folder: made with the first battle.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{MINE}.jsonl"
        self._seen: Signature | None = None
        self._battles: tuple[Battle, ...] = ()

    def read(self) -> tuple[Battle, ...]:
        """The battles as they are on disk now; the file is read only where it changed.

        Raises:
            DataError: the file is malformed.
        """
        signature = self._signature()
        if signature != self._seen:
            filled = signature is not None and signature[1] > 0
            self._battles = tuple(read_battles(self.path, MINE).battles) if filled else ()
            self._seen = signature
        return self._battles

    def learn(self, battle: Battle) -> None:
        """Put a battle on disk, in place of the one of its id if there is one.

        Raises:
            DataError: the file is malformed or cannot be written.
        """
        with self._changing():
            self._write((*_without(self.read(), battle.battle_id), battle))

    def forget(self, battle_id: str) -> Battle:
        """Remove a battle from disk and return it.

        Raises:
            DataError: there is none of that id, or the file cannot be written.
        """
        with self._changing():
            for battle in self.read():
                if battle.battle_id == battle_id:
                    self._write(_without(self.read(), battle_id))
                    return battle
        raise DataError(f"none of your battles has the id {battle_id!r}")

    def _write(self, battles: Iterable[Battle]) -> None:
        write_battles(self.path, battles)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the file's lock: no other process may change it between reading and replacing."""
        from filelock import FileLock, Timeout

        lock = self.path.with_suffix(".lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(lock, timeout=LOCK_SECONDS, mode=0o600):
                yield
        except Timeout as error:
            raise DataError(f"{self.path}: another program holds it") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error.strerror}") from error

    def _signature(self) -> Signature | None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _without(battles: Iterable[Battle], battle_id: str) -> tuple[Battle, ...]:
    return tuple(battle for battle in battles if battle.battle_id != battle_id)
