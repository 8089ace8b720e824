"""Writing a message in the user's own editor."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tui.errors import UsageError

FALLBACK = "notepad" if os.name == "nt" else "vi"


def edit(text: str, environment: Mapping[str, str]) -> str:
    """The text as the user left it in $VISUAL or $EDITOR. Waits until they close it.

    The file that the editor works on is the user's alone, and gone afterwards.

    Raises:
        UsageError: the editor cannot be started, ended in an error, or left no text behind.
    """
    command = environment.get("VISUAL") or environment.get("EDITOR") or FALLBACK
    with tempfile.TemporaryDirectory(prefix="llmroute-") as folder:  # mode 0700
        file = Path(folder) / "message.md"
        file.write_text(text, encoding="utf-8")
        try:
            with _interrupts_left_to_it():
                done = subprocess.run([*shlex.split(command), str(file)], check=False)
            if done.returncode:
                raise UsageError(
                    f"{command!r} ended with {done.returncode}; your text is as it was."
                )
            return file.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, ValueError) as error:
            hint = "EDITOR names the one to use, for example: export EDITOR=nano"
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"The editor {command!r} did not work: {why}", hint=hint) from error


@contextmanager
def _interrupts_left_to_it() -> Iterator[None]:
    """Leave Ctrl+C in the terminal to the editor."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
