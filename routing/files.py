"""Atomic file replacement, and a digest that tells whether a file changed."""

from __future__ import annotations

import os
from pathlib import Path

NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)


def replace_file(path: Path, content: bytes, *, durable: bool = True, private: bool = True) -> None:
    """Replace the file's content atomically; only its owner can read it if it is private.

    Whatever happens on the way, the path holds the old content or the new one, never a part.
    `durable` waits until the disk has it.

    Raises:
        OSError: the folder is missing, full or read-only; the old content is still there.
    """
    name = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    handle = os.open(name, NEW, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    if durable:
        _sync_folder(path.parent)


def file_digest(path: Path) -> str:
    """sha256 of the file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    import hashlib  # OpenSSL, which the first paint need not wait for

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # a folder cannot be opened elsewhere
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
