"""How long the chat takes to its first paint, against the smallest Textual application.

    python -m bench.first_paint [runs]

Each run is a process of its own; the two take turns, so that what else the machine does falls on
both. Both run from bytecode, as what is installed does: a first run, which is not counted, writes
it. CPU and wall seconds count from the start of the process to the first paint; memory is the peak
resident set by then. Medians and the ratio are printed.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

RUNS = 7
SIZE = (34, 110)  # rows, columns

MINIMAL = """
from textual.app import App
from textual.widgets import Static

class Minimal(App):
    def compose(self):
        yield Static("hello")

    def on_mount(self):
        self.call_after_refresh(measured, self)

Minimal().run()
"""

CHAT = """
import gc
gc.disable()  # as the command does
import tui.app
from tui.program import Program

class Measured(tui.app.ChatApp):
    def on_mount(self):
        self.call_after_refresh(measured, self)

tui.app.ChatApp = Measured
tui.app.run_chat(Program.open(demo=True))
"""

PROBE = """
import json, os, resource, time

def measured(app):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    row = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.time() - float(os.environ["BEGAN"]),
        "memory": usage.ru_maxrss / 1024,
    }
    os.write(int(os.environ["REPORT"]), json.dumps(row).encode())
    os._exit(0)
"""


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    rows: dict[str, list[dict[str, float]]] = {"minimal": [], "chat": []}
    with tempfile.TemporaryDirectory() as bytecode:
        for number in range(runs + 1):
            for name, program in (("minimal", MINIMAL), ("chat", CHAT)):
                row = _measure(PROBE + program, bytecode)
                if number:
                    rows[name].append(row)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"medians of {runs} runs{'':9}minimal      chat     ratio")
    for name, unit in (("cpu", "s"), ("wall", "s"), ("memory", "MB")):
        small, ours = (statistics.median(row[name] for row in rows[who]) for who in rows)
        print(f"{name:8} {unit:3} {small:21.2f} {ours:9.2f} {ours / small:9.2f}")


def _measure(program: str, bytecode: str) -> dict[str, float]:
    """What one process says of itself, in a terminal of its own."""
    terminal, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    said, report = os.pipe()
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ
            | {
                "LLMROUTE_HOME": home,
                "PYTHONDONTWRITEBYTECODE": "",
                "PYTHONPYCACHEPREFIX": bytecode,
                "BEGAN": str(time.time()),
                "REPORT": str(report),
                "TERM": "xterm-256color",
            },
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=[report],
        )
        for end in (slave, report):
            os.close(end)
        shown = _read_all(terminal)
        process.wait()
    with os.fdopen(said) as answer:
        content = answer.read()
    if not content:
        sys.exit(f"no paint was measured:\n{shown.decode(errors='replace')}")
    row: dict[str, float] = json.loads(content)
    return row


def _read_all(terminal: int) -> bytes:
    """What the process shows until it ends: a terminal that nobody reads stops its program."""
    shown = b""
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return shown


if __name__ == "__main__":
    main()
