"""The real program in a real terminal: started, typed to, watched as it streams, left."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.servers import ScriptedServer, pieces
from tui.sessions import Sessions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

SECONDS = 90
ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[A-Za-z]|\][^\x07]*\x07|[=>])")
REPLY = "Suppose two tasks wait for each other.\n\n" + "more of it " * 30 + "\n\nA contradiction."


class Real:
    """The chat in a terminal of its own, and all that it has written there."""

    def __init__(self, home: Path, *before: str) -> None:
        self._end, slave = pty.openpty()
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 110, 0, 0))
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "tui.cli", "chat"],
            env=os.environ | {"LLMROUTE_HOME": str(home), "TERM": "xterm-256color"},
            preexec_fn=partial(os.login_tty, slave),
        )
        os.close(slave)
        self.written = b""

    @property
    def shown(self) -> str:
        return self.shown_since(0)

    def shown_since(self, start: int) -> str:
        return ESCAPES.sub(b"", self.written[start:]).decode(errors="replace")

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < deadline, self.shown[-3000:]
            if select.select([self._end], [], [], 0.05)[0]:
                self.written += os.read(self._end, 65536)

    def end(self) -> int:
        """The exit code, once the program has closed the terminal."""
        with suppress(OSError):
            self.until(lambda: False)
        return self.process.wait(SECONDS)

    def hang_up(self) -> None:
        """Take the terminal away."""
        os.close(self._end)
        self._end = -1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self._end >= 0:
            os.close(self._end)


def test_chat_starts_streams_keeps_and_leaves(tmp_path: Path, serve: Callable[..., ScriptedServer]):
    server = serve(reply=REPLY, tokens_per_second=40)
    tables = "".join(
        f'[models."openai/{tier}"]\napi_base = "{server.url}"\n' for tier in ("strong", "weak")
    )
    pair = 'strong = "openai/strong"\nweak = "openai/weak"\n'
    (tmp_path / "settings.toml").write_text(pair + tables)
    run = Real(tmp_path)
    try:
        run.until(lambda: "type a mess" in run.shown)
        run.type("/weak prove it")
        run.until(lambda: "prove it" in run.shown)
        run.type("\r")
        run.until(lambda: "Suppose two tasks" in run.shown)
        assert run.shown.index("(pinned)") < run.shown.index("Suppose two tasks")
        assert "esc stops" in run.shown
        assert "A contradiction" not in run.shown
        sessions = Sessions(tmp_path / "sessions")
        [info] = sessions.list()
        assert sessions.read(info.id).branch()[0].text == "prove it"  # on disk before the reply is
        run.until(lambda: "A contradiction" in run.shown)
        run.until(lambda: sessions.read(info.id).branch()[-1].state == "done")
        run.type("\x03")
        run.until(lambda: "again to quit" in run.shown)
        run.type("\x03")
        assert run.end() == 0
    finally:
        run.close()
    assert b"\x1b[?1049l" in run.written  # the terminal is as it was
    assert "Traceback" not in run.shown
    assert sessions.read(info.id).branch()[-1].text == REPLY
    assert sessions.read(info.id).branch()[-1].usage.completion_tokens == len(pieces(REPLY))


def test_chat_ends_with_its_terminal_though_nobody_passes_the_hangup_on(tmp_path: Path):
    run = Real(tmp_path, "sh", "-c", 'trap "" HUP; "$@"; echo $? > "$LLMROUTE_HOME/code"', "sh")
    try:
        run.until(lambda: "type a mess" in run.shown)
        run.hang_up()
        run.process.wait(SECONDS)
    finally:
        run.close()
    assert (tmp_path / "code").read_text() == "0\n"


@pytest.mark.skipif(not shutil.which("bash"), reason="needs a shell with jobs")
def test_chat_goes_back_to_its_shell_and_is_drawn_whole_when_it_comes_back(tmp_path: Path):
    shell = ("bash", "--norc", "-ic", '"$@"; echo back in the shell; fg; exit $?', "bash")
    real = Real(tmp_path, *shell)
    try:
        real.until(lambda: "type a message" in real.shown)
        real.type("\x1bz")
        real.until(lambda: "back in the shell" in real.shown)
        before = len(real.written)
        words = ("llmroute", "HISTORY", "spent")
        real.until(lambda: all(word in real.shown_since(before) for word in words))
        real.type("\x03")
        real.until(lambda: "Press ctrl+c again" in real.shown)
        real.type("\x03")
        assert real.end() == 0
    finally:
        real.close()


def test_chat_that_no_shell_waits_for_stays(tmp_path: Path):
    real = Real(tmp_path)
    try:
        real.until(lambda: "type a message" in real.shown)
        real.type("\x1bz")
        real.until(lambda: "There is no shell to go back to" in real.shown)
    finally:
        real.close()
