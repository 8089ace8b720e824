"""What can go wrong between the program and its user, as one family of exceptions.

AppError
├── SettingsError    a setting is not as expected
├── KeysError        an API key cannot be read or kept
└── StoreError       a conversation cannot be read or written
"""

from __future__ import annotations

from collections.abc import Mapping


def red(environment: Mapping[str, str]) -> str | None:
    """The style of errors; None under NO_COLOR."""
    return None if environment.get("NO_COLOR") else "red"


def sentence(said: object) -> str:
    """The text as a sentence, with a full stop at its end."""
    text = str(said)
    return f"{text}." if text and (text[-1].isalnum() or text[-1] in ")]”\"'") else text


def in_line(said: object, hint: str) -> str:
    """The message and its hint as sentences on one line."""
    return f"{sentence(said)} {hint}".strip() if hint else str(said)


class AppError(Exception):
    """Root of the family. `hint` is what the user can do next, one sentence, or ""."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def from_disk(error: OSError) -> AppError:
    """An AppError for a file system error that was not handled more specifically."""
    where = f"{error.filename}: " if error.filename else ""
    return AppError(
        f"{where}{error.strerror or error}", hint="llmroute doctor shows the folders in use."
    )


class UsageError(AppError):
    """The command cannot run as it was given."""


class SettingsError(AppError):
    """A setting is not as expected; the message names where, the value and what was expected."""


class KeysError(AppError):
    """An API key cannot be read or kept."""


class StoreError(AppError):
    """A conversation cannot be read or written; what was stored before is unharmed."""
