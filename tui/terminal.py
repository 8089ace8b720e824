"""The terminal that the chat draws in, which may be closed at any moment."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App


class TerminalDriver(LinuxDriver):
    """Textual's driver, under which a chat ends whose terminal has gone.

    A hangup need not reach the chat: `make`, or a shell, that started it may keep it to itself.
    Textual's own would read the end of the file over and over, and wait for ever for a writer that
    died of what it could not write.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file: Any = _Output(self._file)
        loop = asyncio.get_running_loop()
        watch_terminal(self.fileno, lambda: loop.call_soon_threadsafe(app.exit))


def suspend() -> bool:
    """Give the terminal back to the shell, until that says to go on; False where there is none.

    All of the shell's job is stopped, as its own ctrl+z does it: `make` may have started the chat.
    """
    if not hasattr(signal, "SIGTSTP") or os.getpgrp() == os.getsid(0):
        return False
    os.killpg(os.getpgrp(), signal.SIGTSTP)
    return True


def watch_terminal(file: int, tell_gone: Callable[[], object]) -> Thread:
    """The thread that tells once nobody is at the other end of a terminal any more."""

    def watch() -> None:
        poll = select.poll()
        poll.register(file, 0)  # a hangup is told without being asked for
        if any(event & select.POLLHUP for _, event in poll.poll()):
            with suppress(RuntimeError):  # the loop has ended already
                tell_gone()

    thread = Thread(target=watch, name="terminal", daemon=True)
    thread.start()
    return thread


class _Output:
    """A file that swallows output after the terminal has gone."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()
