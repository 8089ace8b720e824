"""CPU seconds of a command from its start to its end, beside an empty Python.

All run from bytecode, as what is installed does: a first run, which is not counted, writes it.

python -m bench.command [runs]
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

RUNS = 7
LLMROUTE = str(Path(sys.executable).with_name("llmroute"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "llmroute --version": [LLMROUTE, "--version"],
    "llmroute sessions list": [LLMROUTE, "sessions", "list"],
    "llmroute ask --dry-run (embeds, decides)": [LLMROUTE, "ask", "--demo", "--dry-run", "hello"],
}


class Took(NamedTuple):
    """Seconds of one run."""

    cpu: float
    wall: float


def main(runs: int = RUNS) -> None:
    """Print medians, the commands taking turns."""
    taken: dict[str, list[Took]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "LLMROUTE_HOME": f"{home}/llmroute",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": f"{home}/bytecode",
        }
        for number in range(runs + 1):
            for name, words in COMMANDS.items():
                took = _run(words, environment)
                if number:
                    taken[name].append(took)
    print(f"{'command':<42} {'CPU s':>6} {'wall s':>7}   median of {runs}")
    for name, rows in taken.items():
        cpu = statistics.median(row.cpu for row in rows)
        wall = statistics.median(row.wall for row in rows)
        print(f"{name:<42} {cpu:>6.2f} {wall:>7.2f}")
    print("goal: --version at most 0.2 CPU s")


def _run(words: list[str], environment: dict[str, str]) -> Took:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        words, env=environment, check=True, stdin=subprocess.DEVNULL, capture_output=True
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(cpu, wall)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
