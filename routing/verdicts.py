"""What strong model, weak model and judge said, in a journal: one file a set.

JSON lines: first who is asked, then every reply under its prompt's digest. A line that was cut by
force is left out on reading, and asked for again. No key stands in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from routing.conversation import Usage
from routing.errors import DataError
from routing.journal import Journal

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


class Verdicts(Journal):
    """The replies so far of one set; a context manager that holds the file's lock.

    Args:
        path: the file; made when it is not there.
        models: names by role.
        question: what the judge is asked, before the prompt and the answers are put in.

    Raises:
        DataError: on entering, where the file is of other models or another question, or another
            program has it.
    """

    trouble = DataError

    def __init__(self, path: Path, models: Mapping[Role, str], question: str) -> None:
        self._header = _Header(FORMAT, dict(models), _digest(question))
        self._said: dict[tuple[str, Role], Said] = {}
        busy = f"{path}: another program is judging this set"
        super().__init__(path, msgspec.json.encode(self._header), busy)

    def get(self, prompt: str, role: Role) -> Said | None:
        """What the model in that role said of the prompt; None where it was not asked yet."""
        return self._said.get((_digest(prompt), role))

    def keep(self, prompt: str, said: Said) -> None:
        """Put a reply on its way to the disk.

        Raises:
            DataError: the disk refuses.
        """
        digest = _digest(prompt)
        self._said[digest, said.role] = said
        self._append(msgspec.json.encode(_Line(digest, said)))

    def completion_tokens(self, role: Role) -> list[int]:
        """How many tokens each reply in that role took."""
        return [said.usage.completion_tokens for (_, of), said in self._said.items() if of == role]

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

    def _take(self, line: bytes) -> None:
        with suppress(msgspec.MsgspecError):  # cut by force: it is asked for again
            found = msgspec.json.decode(line, type=_Line)
            self._said[found.prompt, found.said.role] = found.said


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
