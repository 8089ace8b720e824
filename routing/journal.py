"""An append-only file of results, so that a run that was stopped can be resumed.

The first line says what the file is of. Every line is handed to the operating system whole, so that
`kill -9` costs at most the one being written; the next run begins a new line behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import ClassVar, Self

from filelock import FileLock, Timeout


class Journal(ABC):
    """A file that is only added to; a context manager that reads it, then holds its lock.

    A file that it made, and that no line followed into, is taken away again: it binds nobody.

    On entering it raises its `trouble` where the file cannot be written or another program has it.

    Args:
        path: the file; made where it is not there, for the owner alone.
        head: its first line.
        busy: what to say where another program has it.

    Attributes:
        trouble: makes the exception from a message, `hint` and `detail`.
    """

    trouble: ClassVar[Callable[..., Exception]]

    def __init__(self, path: Path, head: bytes, busy: str) -> None:
        self.path = path
        self._head = head
        self._busy = busy
        self._lock = FileLock(path.with_suffix(".lock"), timeout=0, mode=0o600)
        self._file: BufferedWriter | None = None
        self._is_bare = False

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock.acquire()
        except Timeout as error:
            raise self.trouble(self._busy, detail=str(self.path)) from error
        except OSError as error:
            raise self._refused(error) from error
        try:
            self._open()
        except OSError as error:
            self.__exit__()
            raise self._refused(error) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            with suppress(OSError):  # reported already, if a line was refused
                self._file.close()
            if self._is_bare:
                self.path.unlink(missing_ok=True)
        self._lock.release()

    @abstractmethod
    def _check(self, head: bytes) -> None:
        """Check the first line of a file that is to be continued."""

    @abstractmethod
    def _take(self, line: bytes) -> None:
        """Read a line that is in the file already; cut or damaged lines must be ignored."""

    def _append(self, line: bytes) -> None:
        """Append a line; raise `trouble` if the disk refuses it."""
        if self._file is None:
            raise ValueError(f"{self.path} is not open; use it in a with statement")
        try:
            self._write(line)
            self._is_bare = False
        except OSError as error:
            hint = "Free some space and run the same command again to continue."
            raise self._refused(error, hint) from error

    def _open(self) -> None:
        known = self.path.read_bytes() if self.path.exists() else b""
        if known:
            head, *lines = known.split(b"\n")
            self._check(head)
            for line in filter(None, lines):
                self._take(line)
        self._file = self.path.open("ab")
        self.path.chmod(0o600)
        if not known:
            self._is_bare = True
            self._write(self._head)
        elif not known.endswith(b"\n"):
            self._write(b"")

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        self._file.write(line + b"\n")
        self._file.flush()

    def _refused(self, error: OSError, hint: str = "") -> Exception:
        return self.trouble(f"{self.path}: cannot be written: {error.strerror}", hint=hint)
