"""What can go wrong outside the audit, as one family of exceptions.

    AuditError
    ├── DataError        a question file is not what it should be
    ├── ModelError       a local model cannot be loaded, or does not fit into memory
    ├── EndpointError    an endpoint cannot give what the scoring needs
    ├── BudgetError      the run reached the most that it may cost
    ├── StoreError       the score store cannot be read or belongs to another process
    └── MismatchError    two runs that must not be compared

Every error carries a sentence for the user and a hint at what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class AuditError(Exception):
    """Root of the family.

    Attributes:
        hint: what the user can do next, one sentence, or "".
        detail: what a maintainer would ask for, or "".
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file; lines count from 1, and 0 is the file as a whole."""

    file: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


class DataError(AuditError):
    """A question file is malformed; the message gives file, line, value and what was expected."""

    def __init__(self, place: Place, value: str, expected: str, *, hint: str = "") -> None:
        super().__init__(f"{place}: {value}; expected {expected}", hint=hint)
        self.place = place
        self.value = value
        self.expected = expected


class ModelError(AuditError):
    """A local model cannot be loaded, or does not fit into memory."""


class EndpointError(AuditError):
    """An endpoint cannot give what the scoring needs."""


class BudgetError(AuditError):
    """The run reached the most that it may cost; what was scored is kept."""


class StoreError(AuditError):
    """The score store cannot be read, or another process writes to it."""


class MismatchError(AuditError):
    """Two runs that must not be compared; the message says in what they differ."""
