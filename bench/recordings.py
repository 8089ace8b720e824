"""Recordings of the real program in every state, made in a terminal of its own.

    python -m bench.recordings FOLDER [NAME ...]

Each is a file in asciicast's second version (`asciinema play FOLDER/tour.cast`), with a marker at
each state. Models are the demo pair, or answer by the script of a server on loopback.
"""

from __future__ import annotations

import codecs
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from bench.terminal import SIZE, Terminal
from tests.servers import ScriptedServer
from tui.widgets.actions import TAKEN_SECONDS

SECONDS = 90.0  # for anything to happen
LOOKED_AT = 1.5  # seconds that a state stays in sight
KEY = "sk-recorded"
SMALL = (20, 60)
TALK = "what's a good name for a grey cat?"
PROOF = "Prove that a scheduler with one global lock order cannot deadlock."
REPLY = """Suppose two tasks wait for each other.

| task | holds | waits for |
|---|---|---|
| 1 | `a` | `b` |

```python
acquire(a, b)  # in one order
```

So the order would have a cycle: a contradiction."""
FAULTS = {  # what the server answers, and what the card says of it
    "401": "refused the key",
    "429": "Too many requests",
    "quota": "no credit left",
    "404": "is not known",
    "overflow": "too long",
    "500": "provider failed",
    "reset": "was cut",
    "cut": "was cut",
}


class Recording:
    """The program in a terminal, and the file that keeps what it shows."""

    def __init__(self, file: Path, home: Path, size: tuple[int, int], *options: str) -> None:
        self.began = monotonic()
        self._file = file.open("w", encoding="utf-8")
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rows, columns = size
        self._write({"version": 2, "width": columns, "height": rows, "title": file.stem})
        command = [sys.executable, "-m", "tui.cli", "chat", *options]
        settings = {"OPENAI_API_KEY": KEY, "COLORTERM": "truecolor"}
        self.terminal = Terminal(command, home, settings, size)
        self.terminal.heard = lambda written: self._add("o", self._decoder.decode(written))

    def state(self, name: str) -> None:
        """Mark the state in sight, and stay with it."""
        self._add("m", name)
        print(f"  {monotonic() - self.began:6.1f} s  {name}", flush=True)
        self.terminal.read_for(LOOKED_AT)

    def until(self, words: str, name: str = "") -> None:
        """Wait until that is shown; mark the state where it has a name."""
        self.terminal.wait_until(lambda: words in self.terminal.shown, SECONDS)
        if name:
            self.terminal.read_for(TAKEN_SECONDS * 2)
            self.state(name)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a user does."""
        for key in keys:
            self.terminal.type(key)
            self.terminal.read_for(0.4)

    def say(self, text: str) -> None:
        """Send a message; what was shown before it counts no more."""
        self.press(text)
        self.terminal.forget()
        self.press("\r")

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size."""
        self._add("r", f"{columns}x{rows}")
        self.terminal.resize(rows, columns)
        self.terminal.read_for(1.0)

    def end(self) -> None:
        """Leave the program as a user does, and close the file."""
        self.press("\x03", "\x03", "\x03")
        self.terminal.read_for(1.0)
        self.terminal.close()
        self._file.close()

    def _add(self, kind: str, text: str) -> None:
        self._write([round(monotonic() - self.began, 3), kind, text])

    def _write(self, line: object) -> None:
        self._file.write(f"{json.dumps(line, ensure_ascii=False)}\n")


def tour(file: Path, home: Path) -> None:
    """From the first start to both badges, the panels and a small screen."""
    recording = Recording(file, home, SIZE)
    recording.until("none answers", "first run")
    recording.say("d")
    recording.until("Routing by", "empty")
    recording.say(TALK)
    recording.until("saved", "weak badge")
    recording.say(PROOF)
    recording.until("STRONG")
    recording.until("flips at", "strong badge and why")
    for keys, words, name in (
        (("\x14", "\x1b[D", "\x1b[D"), "strong", "slider"),
        (("\x1b", "\x0b"), "Search", "palette"),
        (("\x1b", "\x06", "cat"), "of", "find"),
        (("\x1b", "\x1b[1;3A"), "copy", "walking"),
        (("\x1b", "\x13", "lock"), "lock", "search of all conversations"),
        (("\x1b", "\x1bOP"), "Keys", "keys"),
        (("\x1b",), "", "back"),
    ):
        recording.press(*keys)
        recording.until(words, name)
    recording.resize(*SMALL)
    recording.state("60x20")
    recording.end()


def faults(file: Path, home: Path) -> None:
    """Streaming, and a card for whatever can go wrong."""
    with ScriptedServer(reply=REPLY, tokens_per_second=15) as server:
        _serve(home, server.url)
        recording = Recording(file, home, SIZE)
        recording.until("Routing by")
        recording.say("/weak Explain it.")
        recording.until("esc stops")
        recording.until("acquire", "streaming")
        recording.until("contradiction", "price unknown")
        for mode, words in FAULTS.items():
            server.script = [mode]
            recording.say(f"/weak What of {mode}?")
            recording.until(words, f"card: {words} ({mode})")
            recording.press("\x1b", "\x15")
        server.script = ["ok"]
        _lose_engine(recording)
        _fill_disk(recording)
        recording.say("/model weak openai/away")
        recording.say("/weak Is anybody there?")
        recording.until("cannot be reached", "card: network")
        recording.press("\x1b", "\x15")
        recording.say("/model weak anthropic/claude-3-5-haiku-latest")
        recording.say("/weak And without a key?")
        recording.until("key is missing", "card: no key")
        recording.end()


def _lose_engine(recording: Recording) -> None:
    recording.say("/weak Tell it once more.")
    recording.until("Suppose")
    for child in recording.terminal.children():
        os.kill(child, signal.SIGKILL)
    recording.until("continue the reply", "card: engine gone, reply kept")
    recording.press("\x1b", "\x15")
    recording.terminal.read_for(10.0)  # until it is there again


def _fill_disk(recording: Recording) -> None:
    pid = recording.terminal.pid
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (64, limits[1]))
    recording.say("/weak Is there room?")
    recording.until("could not be saved", "card: disk full")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    recording.press("r")
    recording.until("contradiction", "saved after all")


def _serve(home: Path, url: str) -> None:
    """Settings of a pair that the server plays, and of a model whose server is away."""
    tables = {"openai/strong": url, "openai/weak": url, "openai/away": "http://127.0.0.1:9/v1"}
    lines = ['strong = "openai/strong"', 'weak = "openai/weak"']
    for model, base in tables.items():
        lines += [f'[models."{model}"]', f'api_base = "{base}"', 'key_name = "OPENAI_API_KEY"']
    (home / "settings.toml").write_text("\n".join(lines))


def _looks(*options: str, size: tuple[int, int] = SIZE) -> Callable[[Path, Path], None]:
    """Records both badges of the demo pair in another look."""

    def record(file: Path, home: Path) -> None:
        recording = Recording(file, home, size, "--demo", *options)
        recording.until("Routing by")
        recording.say(TALK)
        recording.until("[W]")
        recording.until("saved", "weak badge")
        recording.say(PROOF)
        recording.until("[S]", "strong badge")
        recording.end()

    return record


def without_colour(file: Path, home: Path) -> None:
    """NO_COLOR."""
    os.environ["NO_COLOR"] = "1"
    try:
        _looks()(file, home)
    finally:
        del os.environ["NO_COLOR"]


def screen_reader(file: Path, home: Path) -> None:
    """Lines, and nothing drawn."""
    recording = Recording(file, home, SIZE, "--demo", "--screen-reader")
    recording.until("You: ", "ready")
    recording.say(TALK)
    recording.until("stand-in", "a reply")
    recording.say("/why")
    recording.until("It would flip", "why")
    recording.say("/quit")
    recording.end()


RECORDINGS: dict[str, Callable[[Path, Path], None]] = {
    "tour": tour,
    "faults": faults,
    "light": _looks("--theme", "llmroute-light"),
    "contrast": _looks("--theme", "llmroute-contrast"),
    "small": _looks(size=SMALL),
    "without-colour": without_colour,
    "screen-reader": screen_reader,
}


def main(folder: Path, names: list[str]) -> int:
    """Make the named recordings, all where none is named; 2 for an unknown name."""
    if unknown := [name for name in names if name not in RECORDINGS]:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(RECORDINGS)}", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or RECORDINGS:
        file = folder / f"{name}.cast"
        print(file)
        with tempfile.TemporaryDirectory() as home:
            RECORDINGS[name](file, Path(home))
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m bench.recordings FOLDER [NAME ...]")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
