"""A program in a terminal of its own, as a user would use it: typed to, read, resized, closed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic

SIZE = (34, 110)  # rows, columns
ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>]*[A-Za-z]|\][^\x07]*\x07|[=>])")
KEPT = 40_000  # bytes of what was shown last
TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """One program, and the terminal that it draws into. Its home is a folder, empty or prepared.

    Attributes:
        pid: of the process that draws.
        heard: is given all that is written to the terminal.
    """

    def __init__(
        self,
        command: Sequence[str],
        home: Path,
        settings: Mapping[str, str] | None = None,
        size: tuple[int, int] = SIZE,
    ) -> None:
        self.heard: Callable[[bytes], object] | None = None
        self._end, slave = pty.openpty()
        self.resize(*size)
        folders = ("HOME", "LLMROUTE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
        self._process = subprocess.Popen(
            command,
            env={
                **os.environ,
                **dict.fromkeys(folders, str(home)),
                "TERM": "xterm-256color",
                **(settings or {}),
            },
            preexec_fn=partial(os.login_tty, slave),  # it is told when the terminal goes
        )
        os.close(slave)
        self.pid = self._process.pid
        self._shown = b""

    @property
    def shown(self) -> str:
        """What was written last, without what moves and colours."""
        return ESCAPES.sub(b"", self._shown).decode(errors="replace")

    def forget(self) -> None:
        """What was shown until now counts no more."""
        self._shown = b""

    def type(self, keys: str) -> None:
        """Type these characters."""
        os.write(self._end, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size; the program is told."""
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, words: str, seconds: float, *, meanwhile: str = "") -> None:
        """Read until the words are shown after now; `meanwhile` is typed every quarter second.

        Raises:
            TimeoutError: they never were.
        """
        self.forget()
        self.wait_until(lambda: words in self.shown, seconds, meanwhile=meanwhile)

    def wait_until(
        self, happened: Callable[[], object], seconds: float, *, meanwhile: str = ""
    ) -> None:
        """Read until that is true.

        Raises:
            TimeoutError: it never was.
        """
        end, typed = monotonic() + seconds, monotonic()
        while not happened():
            if monotonic() > end:
                raise TimeoutError(f"it never happened; on the screen:\n{self._repainted()}")
            if monotonic() > typed + 0.25:
                typed = monotonic()
                self.type(meanwhile)
            self._read()

    def read_for(self, seconds: float) -> None:
        """Take what comes: a terminal that nobody reads stops its program."""
        end = monotonic() + seconds
        while monotonic() < end:
            self._read()

    def close(self, seconds: float = 0.0) -> int:
        """Close the terminal; the code that the program ends with, killed if it goes on for longer.

        It is below zero where a signal ended it.
        """
        with suppress(OSError):  # it is closed already
            os.close(self._end)
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def memory(self, *, deep: bool = False) -> float:
        """MiB that the process holds; with `deep`, those that it started too."""
        return sum(map(_memory, _with_children(self.pid) if deep else [self.pid]))

    def cpu(self, *, deep: bool = False) -> float:
        """CPU seconds that the process took; with `deep`, those that it started too."""
        return sum(map(_cpu, _with_children(self.pid) if deep else [self.pid]))

    def children(self) -> list[int]:
        """The processes that it started."""
        return _with_children(self.pid)[1:]

    def _repainted(self) -> str:
        """The whole screen, which a program draws where its size has changed."""
        rows, columns = SIZE
        for size in ((rows, columns - 1), SIZE):
            self._shown = b""
            self.resize(*size)
            self.read_for(1.0)
        return self.shown

    def _read(self) -> None:
        ready, _, _ = select.select([self._end], [], [], 0.01)
        with suppress(OSError):  # the program has ended
            if ready:
                written = os.read(self._end, 65536)
                self._shown = (self._shown + written)[-KEPT:]
                if self.heard:
                    self.heard(written)


def _with_children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(known for child in listed for known in _with_children(int(child)))]


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS
