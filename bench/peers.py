"""The chat beside elia and oterm: first paint, memory, and a reply from the same local server.

    python -m bench.peers [--install] [FOLDER]

The others are looked for in FOLDER, each in an environment of its own named after its package;
`--install` makes those that are missing. The programs take turns, each in a terminal of 110 x 34
and in an empty home; a first run of each, which is not counted, writes the bytecode. A program
is painted once the words are on its screen that one types beside, and has answered once the
reply's last word is. Memory and CPU seconds are those of the process that draws and, in rows of
their own, of all that it has started too: ours routes, which the others do not.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from urllib.request import Request, urlopen

from bench.terminal import Terminal
from tests.servers import ScriptedServer, pieces

RUNS = 3
SECONDS = 120.0  # until a program that shows nothing is given up
SETTLED = 12.0  # seconds after the first paint until memory is measured and a message is typed
RATE = 500  # tokens a second that the server sends
WHEEL = "\x1b[<65;40;12M" * 10  # turned down, over the conversation
LAST = "theverylastword"
PART = """## Part {n}

Some **words** about `code`, and then some more of them to fill a line and a half of the screen.

- one item
- another *item*

| a | b |
|---|---|
| {n} | two |

```python
total_{n} = weigh({n})
```

"""
REPLY = "".join(PART.format(n=n) for n in range(30)) + LAST


@dataclass(frozen=True)
class Program:
    """How one program is started, when one can type, and what sends a message.

    Attributes:
        prepare: writes into its home what makes it use the server at that address.
        painted: words on its first screen.
        follows: a reply's end stays in sight; else somebody turns the mouse's wheel all the time.
    """

    command: Sequence[str]
    prepare: Callable[[Path, str], None]
    painted: str
    send: str = "\r"
    follows: bool = True


class Measured(dict[str, float]):
    """One run's numbers, by the name of their row."""


def main(words: Sequence[str]) -> None:
    """Print the medians, the programs taking turns."""
    given = [word for word in words if word != "--install"]
    folder = Path(given[0]) if given else Path(tempfile.gettempdir()) / "peers"
    programs = {"llmroute": OURS} | _peers(folder, install="--install" in words)
    taken: dict[str, list[Measured]] = {name: [] for name in programs}
    alone: list[float] = []
    server = ScriptedServer(reply=REPLY, tokens_per_second=RATE, models=["m"])
    with server, tempfile.TemporaryDirectory() as bytecode:
        for number in range(RUNS + 1):
            alone.append(_read_alone(server.url))
            for name, program in programs.items():
                measured = _run(program, server.url, bytecode)
                if number:
                    taken[name].append(measured)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    seconds = statistics.median(alone)
    print(f"the server alone sends the reply's {len(pieces(REPLY)):,} tokens in {seconds:.2f} s")
    print(f"medians of {RUNS} runs".ljust(34) + "".join(f"{name:>10}" for name in programs))
    for row in taken["llmroute"][0]:
        numbers = (statistics.median(run[row] for run in runs) for runs in taken.values())
        print(row.ljust(34) + "".join(f"{number:10.2f}" for number in numbers))


def _read_alone(url: str) -> float:
    """Seconds until the reply is read by who does nothing else."""
    asked = monotonic()
    body = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
    with urlopen(Request(f"{url}/chat/completions", body)) as reply:  # loopback
        reply.read()
    return monotonic() - asked


def _ours(home: Path, url: str) -> None:
    names = ("openai/big", "openai/m")
    served = "".join(f'[models."{name}"]\napi_base = "{url}"\n' for name in names)
    (home / "settings.toml").write_text(f"strong = {names[0]!r}\nweak = {names[1]!r}\n{served}")


def _elia(home: Path, url: str) -> None:
    model = f'[[models]]\nname = "openai/m"\nid = "m"\napi_base = "{url}"\napi_key = "k"\n'
    (home / "elia").mkdir()
    (home / "elia/config.toml").write_text(f'default_model = "m"\n{model}')


def _oterm(home: Path, url: str) -> None:
    """A conversation with the server's model, as its dialogue would have made it; no splash."""
    (home / "oterm").mkdir()
    settings = {"splash-screen": False, "openaiCompatible": {"local": {"base_url": url}}}
    (home / "oterm/config.json").write_text(json.dumps(settings))
    with sqlite3.connect(home / "oterm/store.db") as store:
        store.executescript(OTERM_TABLES)


OTERM_TABLES = """
CREATE TABLE chat (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, model TEXT NOT NULL,
    system TEXT, provider TEXT, parameters TEXT DEFAULT '{}', tools TEXT DEFAULT '[]',
    thinking BOOLEAN DEFAULT 0);
CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id INTEGER NOT NULL,
    author TEXT NOT NULL, text TEXT NOT NULL, images TEXT DEFAULT '[]');
INSERT INTO chat (name, model, provider) VALUES ('bench', 'm', 'openai-compat/local');
PRAGMA user_version = 6657;
"""  # 0.26.1, as oterm packs a version

OURS = Program([sys.executable, "-m", "tui.cli", "chat"], _ours, "type a mess")
PEERS: Mapping[str, tuple[str, Program]] = {  # by package: its command, and how it is used
    "elia-chat": ("elia", Program(["elia"], _elia, "Elia", send="\n")),
    "oterm": ("oterm", Program(["oterm"], _oterm, "submit", follows=False)),
}


def _peers(folder: Path, *, install: bool) -> dict[str, Program]:
    """Those of the others that are in the folder; the rest is told of."""
    found = {}
    for package, (command, program) in PEERS.items():
        home = folder / package
        path = home / "bin" / command
        if install and not path.exists():
            venv.create(home, with_pip=True)
            subprocess.run([home / "bin/pip", "install", "--quiet", package], check=False)
        if path.exists():
            found[command] = replace(program, command=[str(path)])
        else:
            print(f"{command} is not in {path}: `python -m bench.peers --install` gets it there")
    return found


def _run(program: Program, url: str, bytecode: str) -> Measured:
    """Start the program, wait for its first paint, let it settle, have it answer a message."""
    cached = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    with tempfile.TemporaryDirectory() as home:
        program.prepare(Path(home), url)
        began = monotonic()
        terminal = Terminal(program.command, Path(home), cached)
        try:
            return _measure(program, terminal, began)
        finally:
            terminal.close()


def _measure(program: Program, terminal: Terminal, began: float) -> Measured:
    measured = Measured()
    terminal.wait_for(program.painted, SECONDS)
    measured["first paint, s"] = monotonic() - began
    measured["first paint, CPU s"] = terminal.cpu()
    measured["memory at first paint, MiB"] = terminal.memory(deep=True)
    terminal.read_for(SETTLED)
    measured["memory, MiB"] = terminal.memory()
    measured["memory with children, MiB"] = terminal.memory(deep=True)
    terminal.type("hi")
    terminal.read_for(1.0)
    own, whole, asked = terminal.cpu(), terminal.cpu(deep=True), monotonic()
    terminal.type(program.send)
    terminal.wait_for(LAST, SECONDS, meanwhile="" if program.follows else WHEEL)
    measured["reply, s"] = monotonic() - asked
    measured["reply, CPU s"] = terminal.cpu() - own
    measured["reply with children, CPU s"] = terminal.cpu(deep=True) - whole
    measured["memory after it, MiB"] = terminal.memory()
    return measured


if __name__ == "__main__":
    main(sys.argv[1:])
