"""Times the store beside stock TinyDB: one message stored, a search, a list. Medians.

Run `python -m bench.store [FOLDER]`; the folder says which disk is measured, by default the one of
temporary files.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from tinydb import TinyDB
from tinydb.storages import JSONStorage

from routing.conversation import Usage
from routing.cost import Bill
from routing.decide import Decision, Neighbour
from tui.screens.sessions import HITS
from tui.sessions import Conversation, Message, Session, Sessions
from tui.sessions.lock import Lock
from tui.sessions.message import new_id, timestamp
from tui.sessions.storage import SessionStorage

SEED = 7
START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [
    f"{a}{b}"
    for a in ("ba", "ke", "lo", "mi", "nu", "ra", "se", "ti")
    for b in ("dor", "fel", "gan", "lim", "nok", "pra", "sut", "vex")
]
RARE = "quokka"


class NoSync(JSONStorage):
    """TinyDB's own storage without its wait for the disk."""

    def write(self, data: dict[str, dict[str, object]]) -> None:
        """Write in place, as it does."""
        self._handle.seek(0)
        self._handle.write(msgspec.json.encode(data).decode())
        self._handle.flush()
        self._handle.truncate()


def main(folder: Path) -> None:
    """Print the table."""
    print(f"{'medians, ms':44}{'llmroute':>10}{'TinyDB':>10}{'TinyDB / llmroute':>20}")
    for count, repeats in ((100, 41), (1000, 15)):
        for durable in (True, False):
            how = "fsync" if durable else "no fsync"
            ours, stock = store(folder, count, repeats, durable=durable)
            row(f"one message into a session of {count:,}, {how}", ours, stock)
    row("search 1,000 sessions x 20 messages, 1 hit", *search(folder, RARE))
    row("search the same, a word in each message", *search(folder, "dor"))
    row("search 10,000 sessions x 4, first 50 hits", hits(folder, "dor"), None)
    row("search the same, 1 hit", hits(folder, RARE), None)
    first, ours, stock = listing(folder, 10_000)
    row("list 10,000 sessions", ours, stock)
    row("list 10,000 sessions, index rebuilt", first, None)


def store(folder: Path, count: int, repeats: int, *, durable: bool) -> tuple[float, float]:
    """Milliseconds to store one message in a session of that many: ours, and stock TinyDB's."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "ours.json"
        storage = SessionStorage(path, Lock(Path(name) / "locks" / "lock"), durable=durable)
        session = Session(conversation(rng, count), storage)
        session.save()
        reply = message(rng, None, "assistant")

        def ours() -> None:
            session.add("assistant", reply.text, state="done", decision=reply.decision)

        with TinyDB(Path(name) / "stock.json", storage=JSONStorage if durable else NoSync) as db:
            rows = [msgspec.to_builtins(m) for m in session.conversation.messages.values()]
            db.table("messages").insert_multiple(rows)
            fields = msgspec.to_builtins(reply)
            times = side_by_side(ours, lambda: db.table("messages").insert(fields), repeats)
        session.close()
    return times


def search(folder: Path, word: str) -> tuple[float, float]:
    """Milliseconds to find every message with the word: ours, and a stock TinyDB a session."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        sessions = Sessions(Path(name))
        for number in range(1000):
            fill(sessions, rng, 20, RARE if number == 500 else "")
        files = sorted(Path(name).glob("[0-9]*.json"))

        def stock() -> int:
            found = 0
            for file in files:
                with TinyDB(file, access_mode="r") as db:
                    found += db.table("messages").count(lambda row: word in row["text"].lower())
            return found

        assert sum(hit.message is not None for hit in sessions.search(word)) == stock()
        return side_by_side(lambda: list(sessions.search(word)), stock, 5)


def hits(folder: Path, word: str) -> float:
    """Milliseconds of what the history does for a word, in 10,000 sessions."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        sessions = Sessions(Path(name))
        for number in range(10_000):
            fill(sessions, rng, 4, RARE if number == 5000 else "")

        def find() -> None:
            found: set[str] = set()
            for hit in sessions.search(word):
                found.add(hit.session)
                if len(found) == HITS:
                    break

        return statistics.median(timed(find) for _ in range(5))


def listing(folder: Path, count: int) -> tuple[float, float, float]:
    """Milliseconds of the first list, of a later one, and of the same rows in a stock TinyDB."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        sessions = Sessions(Path(name))
        for _ in range(count):
            fill(sessions, rng, 4, "")
        first = timed(sessions.list)
        with TinyDB(Path(name) / "stock.db") as db:
            db.insert_multiple(msgspec.to_builtins(info) for info in sessions.list())
        return first, *side_by_side(sessions.list, lambda: TinyDB(Path(name) / "stock.db").all(), 5)


def fill(sessions: Sessions, rng: random.Random, count: int, extra: str) -> None:
    """Put a session of that many messages into the folder, its last reply ending in `extra`."""
    full = conversation(rng, count)
    last = full.messages[full.head or ""]
    full = full.with_message(replace(last, text=f"{last.text} {extra}"))
    lock = Lock(sessions.folder / "locks" / "bench.lock")
    session = Session(
        full, SessionStorage(sessions.folder / f"{full.id}.json", lock, durable=False)
    )
    session.save()
    session.close()


def conversation(rng: random.Random, count: int) -> Conversation:
    """A conversation of that many messages, prompts and replies in turn."""
    moment = timestamp(START)
    made = Conversation(new_id(START + timedelta(seconds=rng.random() * 1e7)), "", moment, moment)
    for number in range(count):
        role = "assistant" if number % 2 else "user"
        made = made.with_message(message(rng, made.head, role))
    return made


def message(rng: random.Random, parent: str | None, role: str) -> Message:
    """A prompt of 30 words, or a reply of 150 with its decision and bill."""
    moment = START + timedelta(microseconds=rng.randrange(10**13))
    prompt = Message(new_id(moment), parent, "user", text(rng, 30), timestamp(moment))
    if role == "user":
        return prompt
    near = tuple(
        Neighbour(text(rng, 12), "strong", "weak", "a", rng.random(), "starter") for _ in range(5)
    )
    return replace(
        prompt,
        role="assistant",
        text=text(rng, 150),
        state="done",
        model="weak",
        decision=Decision("weak", "weak", rng.random(), 0.42, text(rng, 20), near, 0.7),
        usage=Usage(1200, 200),
        bill=Bill(0.0004, 0.0131, {"strong": 0.0131}),
    )


def text(rng: random.Random, words: int) -> str:
    """That many made-up words."""
    return " ".join(rng.choices(WORDS, k=words))


def side_by_side(
    ours: Callable[[], object], stock: Callable[[], object], repeats: int
) -> tuple[float, float]:
    """The medians of both, measured in turn so that a busy machine is unfair to neither."""
    times = [(timed(ours), timed(stock)) for _ in range(repeats)]
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that the work takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def row(what: str, ours: float, stock: float | None) -> None:
    """Print one row."""
    beside = "" if stock is None else f"{stock:10.1f}{stock / ours:19.1f}x"
    print(f"{what:44}{ours:10.1f}{beside}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir()))
