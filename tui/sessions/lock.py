"""File locks: one for each session, and one for the index."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import FileLock


def make_private(folder: Path) -> None:
    """Create the folder if needed, accessible to its owner only.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # another's folder: theirs to decide
            folder.chmod(0o700)


class Lock:
    """A lock that at most one holder in all processes has; the system frees it if the holder dies.

    The file that stands for it is left behind: removing it would let two holders in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: FileLock | None = None

    @property
    def held(self) -> bool:
        """Whether this is the holder."""
        return self._lock is not None

    def acquire(self, seconds: float = 0) -> bool:
        """Whether this is the holder now; False after waiting that long for another one.

        Raises:
            OSError: the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        if self._lock is not None:
            return True
        make_private(self._path.parent.parent)
        make_private(self._path.parent)
        lock = FileLock(self._path, mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Let others in; nothing where this is not the holder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
