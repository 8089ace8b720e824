"""An hour of use in short: hundreds of turns through the real program, and all that can befall it.

    python -m bench.endurance [TURNS]

The program runs in a terminal, its engine beside it, its models at a scripted server on loopback.
Between turns the terminal changes its size, messages are edited into branches and answered again,
conversations are searched, forked and begun. The engine is killed in mid-stream, the disk is full
for a while, and at the end the terminal is closed in mid-stream and the program opened again.

Then everything is counted: each message that was sent has to be stored with the reply that the
server gave it, no trace may be on the screen or in the log, and memory may not grow by much.
"""

from __future__ import annotations

import os
import platform
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from bench.terminal import SIZE, Terminal
from tests.servers import ScriptedServer, pieces
from tui.sessions import Message, Sessions
from tui.widgets.actions import TAKEN_SECONDS

TURNS = 300
SEED = 5
SECONDS = 60.0  # for anything to happen
SIZES = ((34, 110), (20, 60), (50, 160), (30, 89), (24, 80))
TOPICS = (
    "hello there, how are you?",
    "prove that this scheduler cannot deadlock",
    "what is the capital of Peru?",
    "design a lock-free queue and argue its progress guarantees",
    "thanks!",
)
REPLY = """Reply {n}: a *few* words, then some `code` and a table.

| number | of turn |
|---|---|
| {n} | 東京 |

```python
total_{n} = weigh({n})
```

The end of {n}."""


@dataclass
class Hour:
    """The program as it is used, and what it ought to have kept.

    Attributes:
        said: what was sent, and what the server answered; None where the reply was cut short.
        memory: MiB of the process that draws, and with its engine, by the number of turns.
    """

    server: ScriptedServer
    home: Path
    turns: int
    said: dict[str, str | None] = field(default_factory=dict)
    memory: dict[int, tuple[float, float]] = field(default_factory=dict)
    traces: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))

    def __post_init__(self) -> None:
        served = "".join(
            f'[models."openai/{name}"]\napi_base = "{self.server.url}"\n'
            for name in ("strong", "weak")
        )
        pair = 'strong = "openai/strong"\nweak = "openai/weak"\n'
        (self.home / "settings.toml").write_text(pair + served)
        self.sessions = Sessions(self.home / "sessions")
        self.start()

    def start(self) -> None:
        """Open the program, and wait until it can be typed into."""
        command = [sys.executable, "-m", "tui.cli", "chat"]
        self.terminal = Terminal(command, self.home)
        self.terminal.wait_for("type a mess", SECONDS)

    def live(self) -> None:
        """All of it, from the first turn to the second opening."""
        befalls = {self.turns * 2 // 5: self.lose_engine, self.turns * 3 // 5: self.fill_disk}
        measured = {self.turns // 6, self.turns // 2, self.turns}
        for n in range(1, self.turns + 1):
            self.say(n)
            self.between(n)
            if n in befalls:
                befalls[n]()
            if n in measured:
                self.memory[n] = self.terminal.memory(), self.terminal.memory(deep=True)
        self.close_terminal()

    def say(self, n: int) -> None:
        """One turn from the message to the stored reply."""
        text, reply = self.words(n)
        self.send(text)
        self.until_stored(text, reply)

    def words(self, n: int) -> tuple[str, str]:
        """What is said in a turn, and what the server answers from now on."""
        self.server.reply = REPLY.format(n=n)
        return f"Turn {n}: {self.chance.choice(TOPICS)}", self.server.reply

    def send(self, text: str) -> None:
        """Type a message and press Enter."""
        self.terminal.type(text)
        self.terminal.read_for(0.05)
        self.terminal.type("\r")

    def until_stored(self, text: str, reply: str | None, state: str = "done") -> None:
        """Wait until another program would find the message and its reply."""
        self.said[text] = reply

        def stored() -> bool:
            said = self.newest()[-2:]
            return (
                len(said) == 2
                and said[0].text == text
                and said[1].state == state
                and (reply is None or said[1].text == reply)
            )

        self.wait(stored, f"{text!r} with its reply, {state}")

    def newest(self) -> list[Message]:
        """The branch in sight of the conversation that was changed last."""
        newest = next(self.sessions.conversations(), None)
        return newest.branch() if newest else []

    def wait(self, happened: Callable[[], object], what: str) -> None:
        """Read the screen until that is true."""
        try:
            self.terminal.wait_until(happened, SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f"{what}: {error}") from error
        self.traces += "Traceback" in self.terminal.shown

    def between(self, n: int) -> None:
        """What one does between turns."""
        if n % 7 == 0:
            self.terminal.resize(*self.chance.choice(SIZES))
        if n % 10 == 0:
            self.edit(n)
        if n % 15 == 0:
            self.search(n)
        if n % 20 == 0:
            self.answer_again(n)
        if n % 40 == 0:
            self.walk()
        if n % 60 == 0:
            self.send(self.chance.choice(("/fork", "/new")))
            self.terminal.read_for(1.0)

    def edit(self, n: int) -> None:
        """Send another version of the last message, as a branch."""
        text = self.newest()[-2].text
        self.send("/edit")
        self.wait(lambda: "another version" in self.terminal.shown, "the message to edit")
        self.server.reply = reply = REPLY.format(n=f"{n} again")
        self.send(" Once more.")
        self.until_stored(f"{text} Once more.", reply)

    def search(self, n: int) -> None:
        """Look for a turn in all conversations, and come back."""
        self.terminal.type("\x13")
        self.terminal.read_for(0.1)
        self.terminal.type(f"Turn {n // 2}")
        self.terminal.read_for(0.5)
        self.terminal.type("\x15")
        self.back()

    def answer_again(self, n: int) -> None:
        """Have the last message answered by the strong model too."""
        self.server.reply = reply = REPLY.format(n=f"{n} by the strong model")
        text = self.newest()[-2].text
        self.send("/again")
        self.until_stored(text, reply)

    def walk(self) -> None:
        """Go up some messages and back."""
        self.terminal.type("\x1b[1;3A" * 6)
        self.terminal.read_for(0.5)
        self.back()

    def back(self) -> None:
        """Press Esc, twice and slowly: what comes right after it makes it alt."""
        for _ in range(2):
            self.terminal.type("\x1b")
            self.terminal.read_for(0.8)

    def lose_engine(self) -> None:
        """Kill the engine while a reply streams; have the message answered by the next one."""
        text, _ = self.words(0)
        half = self.break_off(text)
        for child in self.terminal.children():
            os.kill(child, signal.SIGKILL)
        self.until_stored(text, None, "cut")
        assert self.newest()[-1].text == half
        self.server.script = ["ok"]
        self.send("/retry")
        self.until_stored(text, self.server.reply)

    def fill_disk(self) -> None:
        """Send a message that the disk refuses, and once more when there is room again."""
        self.terminal.resize(*SIZE)  # a narrow one breaks the line that is waited for
        limits = resource.prlimit(self.terminal.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.terminal.pid, resource.RLIMIT_FSIZE, (64, limits[1]))
        text, reply = self.words(-1)
        self.send(text)
        self.wait(lambda: "could not be saved" in self.terminal.shown, "the card of a full disk")
        resource.prlimit(self.terminal.pid, resource.RLIMIT_FSIZE, limits)
        self.terminal.read_for(TAKEN_SECONDS * 2)
        self.terminal.type("r")
        self.until_stored(text, reply)

    def close_terminal(self) -> None:
        """Close the terminal while a reply streams; open the program and go on with that reply."""
        text, _ = self.words(-2)
        half = self.break_off(text)
        code = self.terminal.close(SECONDS)
        print(f"the terminal was closed: the program ended with {code}")
        prompt, reply = self.newest()[-2:]
        assert (prompt.text, reply.text, reply.state) == (text, half, "cut")
        self.server.script = ["ok"]
        self.start()
        for key in ("\x13", "\r", "\r"):  # the search box, the list, its first line
            self.terminal.read_for(1.0)
            self.terminal.type(key)
        self.terminal.wait_for("continue the reply", SECONDS)
        self.terminal.read_for(TAKEN_SECONDS * 2)
        self.server.reply = "The rest."
        self.terminal.type("c")
        self.wait(lambda: self.newest()[-1].text == "The rest.", "the rest of the reply")
        self.said[text] = half

    def break_off(self, text: str) -> str:
        """Send a message whose reply stays half-way; that half, once it is shown."""
        self.server.script = ["hang_mid"]
        self.server.waiting.clear()
        self.said[text] = None
        self.send(text)
        self.wait(self.server.waiting.is_set, "half a reply")
        words = pieces(self.server.reply)
        self.terminal.read_for(0.5)
        return "".join(words[: len(words) // 2])

    def lost(self) -> list[str]:
        """What was sent and is not stored, or stands before another reply."""
        pairs = {
            (conversation.messages[m.parent].text, m.text)
            for conversation in self.sessions.conversations()
            for m in conversation.messages.values()
            if m.role == "assistant" and m.parent
        }
        texts = {text for text, _ in pairs}
        return [
            text
            for text, reply in self.said.items()
            if text not in texts or (reply is not None and (text, reply) not in pairs)
        ]


def main(turns: int) -> int:
    """Print what was counted; 1 where something was lost."""
    began = monotonic()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, ScriptedServer() as server:
        hour = Hour(server, Path(folder), turns)
        try:
            hour.live()
        finally:
            hour.terminal.close()
        lost = hour.lost()
        log = Path(folder) / "llmroute.log"
        logged = log.read_text(errors="replace").count("Traceback") if log.exists() else 0
    print(
        f"{turns} turns, {len(hour.said)} messages, {len(server.requests)} requests, "
        f"{monotonic() - began:.0f} s"
    )
    print(f"lost: {len(lost)} {lost or ''}")
    print(f"traces: {hour.traces} on the screen, {logged} in the log")
    for n, (own, whole) in hour.memory.items():
        print(f"after {n:3} turns: {own:.1f} MiB; with the engine {whole:.1f} MiB")
    return 1 if lost or hour.traces or logged else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS))
