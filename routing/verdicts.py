"""What strong model, weak model and judge said, on disk as soon as it is known.

One file a set, JSON lines: first who is asked, then every reply under its prompt's digest. A line
that was cut by force is left out on reading, and asked for again. No key stands in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import Literal, Self

import msgspec

from routing.conversation import Usage
from routing.errors import DataError

Role = Literal["strong", "weak", "judge"]

FORMAT = 1


class Said(msgspec.Struct, frozen=True):
    """One reply."""

    role: Role
    text: str
    usage: Usage


class _Line(msgspec.Struct, frozen=True):
    prompt: str
    said: Said


class _Header(msgspec.Struct, frozen=True):
    """Who is asked and how; `question` is the digest of what the judge is asked."""

    format: int
    models: dict[Role, str]
    question: str


class Verdicts:
    """The replies so far of one set; a context manager that holds the file's lock.

    Args:
        path: the file; made when it is not there.
        models: names by role.
        question: what the judge is asked, before the prompt and the answers are put in.

    Raises:
        DataError: on entering, where the file is of other models or another question, or another
            program has it.
    """

    def __init__(self, path: Path, models: Mapping[Role, str], question: str) -> None:
        from filelock import FileLock

        self.path = path
        self._header = _Header(FORMAT, dict(models), _digest(question))
        self._said: dict[tuple[str, Role], Said] = {}
        self._lock = FileLock(path.with_suffix(".lock"), timeout=0, mode=0o600)
        self._file: BufferedWriter | None = None

    def __enter__(self) -> Self:
        from filelock import Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock.acquire()
            self._open()
        except Timeout as error:
            raise DataError(f"{self.path}: another program is judging this set") from error
        except OSError as error:
            self._close()
            raise DataError(f"{self.path}: cannot be written: {error.strerror}") from error
        except DataError:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def get(self, prompt: str, role: Role) -> Said | None:
        """What the model in that role said of the prompt; None where it was not asked yet."""
        return self._said.get((_digest(prompt), role))

    def keep(self, prompt: str, said: Said) -> None:
        """Put a reply on its way to the disk.

        Raises:
            DataError: the disk refuses.
        """
        assert self._file is not None, "verdicts are kept in a with statement"
        digest = _digest(prompt)
        self._said[digest, said.role] = said
        try:
            self._write(_Line(digest, said))
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be written: {error.strerror}",
                hint="Free some space and run the same command again; it goes on from here.",
            ) from error

    def completion_tokens(self, role: Role) -> list[int]:
        """How many tokens each reply in that role took."""
        return [said.usage.completion_tokens for (_, of), said in self._said.items() if of == role]

    def _open(self) -> None:
        known = self.path.read_bytes() if self.path.exists() else b""
        head, *lines = known.split(b"\n")
        if known:
            self._check(head)
        for line in filter(None, lines):
            try:
                found = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError:  # cut by force: it is asked for again
                continue
            self._said[found.prompt, found.said.role] = found.said
        self._file = self.path.open("ab")
        self.path.chmod(0o600)
        if not known:
            self._write(self._header)
        elif not known.endswith(b"\n"):
            self._file.write(b"\n")

    def _check(self, head: bytes) -> None:
        try:
            kept = msgspec.json.decode(head, type=_Header)
        except msgspec.MsgspecError as error:
            raise DataError(
                f"{self.path}, line 1: not the beginning of a judged set",
                hint="Give another --name, or move the file away.",
                detail=str(error),
            ) from error
        if kept == self._header:
            return
        asked = ", ".join(f"{role} {name}" for role, name in kept.models.items())
        raise DataError(
            f"{self.path} holds replies of {asked}, or to another question",
            hint="Give another --name for other models.",
        )

    def _close(self) -> None:
        if self._file:
            with suppress(OSError):  # told already, where a line was refused
                self._file.close()
        self._lock.release()

    def _write(self, line: msgspec.Struct) -> None:
        assert self._file is not None
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
