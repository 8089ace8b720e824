"""A reply of 2,000 mixed lines at 500 tokens a second: does the screen keep up, and stay awake?

    python -m bench.streaming [tokens a second]

The chat runs without a terminal, its engine plays the reply back. A task on its event loop asks
to be woken every five milliseconds; how much later it wakes is the lag. Then the conversation
is opened anew, and the chat is left alone for a while to see what it costs when nothing happens.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from itertools import zip_longest
from time import perf_counter, process_time

from textual.pilot import Pilot

from routing.conversation import Delta, Reply, Usage
from routing.cost import Bill
from routing.decide import Decision
from routing.events import Decided, Event, Finished, Readiness, TurnRequest
from routing.models import Pool
from tui.app import ChatApp
from tui.markdown.document import Document
from tui.markdown.leaves import Line
from tui.program import Program
from tui.sessions import Sessions
from tui.widgets.history import History
from tui.widgets.prose import Prose, read
from tui.widgets.reply import Reply as Shown

RATE = 500
LINES = 2000
FENCE = 500
TICK = 0.005
IDLE_SECONDS = 5.0
SIZE = (110, 34)

PARAGRAPH = """## Part {n}

Event loops hand out turns; **nobody** waits for a `lock` there, see [the text](https://a.example).
事件循环按顺序处理任务，没有人等待锁。イベントループは順番に処理します。
- one 🚀 item with an emoji, and *another* thing
- two 👩‍💻 items, wide: 表計算

| part | what | seconds |
|---|:-:|--:|
| {n} | 東京 | 0.{n} |
| {n} | plain | 1.{n} |

> A quote of part {n}.

"""


class Playback:
    """An engine whose every reply is the same text, at that many tokens a second."""

    def __init__(self, text: str, rate: float) -> None:
        self.text = text
        self.tokens = re.findall(r"\s*\S{1,6}|\s+", text)
        self.rate = rate
        self.done_at = 0.0  # when the last token was handed over
        self.due = 0.0  # when it was to be

    async def start(self) -> Readiness:
        """Warm at once."""
        return Readiness("chance", "none", 0, 0, 0.0)

    async def threshold(self, pool: Pool, share: float) -> float:
        """Any."""
        return 0.5

    async def turn(self, request: TurnRequest) -> AsyncIterator[Event]:
        """The route, the tokens when they are due, the bill."""
        yield Decided(
            Decision("demo/weak", "weak", 0.1, 0.5, "Played back."), context_tokens=100_000
        )
        began = perf_counter()
        for number, token in enumerate(self.tokens):
            if (early := began + number / self.rate - perf_counter()) > 0:
                await asyncio.sleep(early)
            yield Delta(token)
        self.done_at, self.due = perf_counter(), began + len(self.tokens) / self.rate
        usage = Usage(10, len(self.tokens))
        yield Finished(Reply(self.text, usage), Bill(0.001, 0.01, {}))

    async def close(self) -> None:
        """Nothing runs."""


def mixed(lines: int = LINES) -> str:
    """Headings, lists, tables, quotes, CJK, emoji, and one code fence of 500 lines."""
    code = "".join(f"    total_{n} = weigh({n}, '重さ')  # part {n}\n" for n in range(FENCE - 2))
    fence = f"```python\n{code}```\n\n"
    text, part = "", 0
    while text.count("\n") + FENCE < lines // 2:
        text, part = text + PARAGRAPH.format(n=part), part + 1
    text += fence
    while text.count("\n") < lines:
        text, part = text + PARAGRAPH.format(n=part), part + 1
    return "\n".join(text.split("\n")[:lines])


async def main(rate: float) -> None:
    """Print what was measured."""
    text = mixed()
    engine = Playback(text, rate)
    program = Program.open(demo=True)
    app = ChatApp(program, engine, lambda: Sessions(program.paths.sessions))  # type: ignore[arg-type]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    async with app.run_test(size=SIZE) as pilot:
        await _until(lambda: app.chat.talk.turns.is_open)
        await _stream(app, pilot, engine)
        await _open(app)
        before = process_time()
        await asyncio.sleep(IDLE_SECONDS)
        share = (process_time() - before) / IDLE_SECONDS
        print(f"idle: {share:.1%} of a core; goal at most 1 %")


async def _stream(app: ChatApp, pilot: Pilot[None], engine: Playback) -> None:
    late: list[float] = []
    ticker = asyncio.create_task(_tick(late))
    cpu = process_time()
    app.chat.composer.insert("go")
    app.chat.composer.send()
    turns = app.chat.talk.turns
    await _until(lambda: turns.last is not None and turns.last.done)
    shown_at = perf_counter()
    cpu = process_time() - cpu
    ticker.cancel()
    late.sort()
    prose = app.chat.query_one(Shown).prose
    await pilot.pause()
    lines, tokens = engine.text.count("\n") + 1, len(engine.tokens)
    print(f"{lines:,} lines, {tokens:,} tokens at {engine.rate:.0f} a second, {cpu:.1f} CPU s")
    print(
        f"last token handed over {engine.done_at - engine.due:.2f} s late, shown "
        f"{shown_at - engine.done_at:.2f} s after that"
    )
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    told = [f"{name} {1000 * late[int(share * len(late))]:.0f}" for name, share in shares.items()]
    print(f"loop lag, ms: {', '.join(told)}, longest {1000 * late[-1]:.0f}; goal p95 at most 100")
    same = _same(prose, engine.text)
    print(f"painted as when read in one piece: {'yes' if same else 'NO'}")


async def _open(app: ChatApp) -> None:
    """Time the way from a choice in the history to the last reply on the screen."""
    session = app.chat.talk.turns.session.id
    app.chat.action_new()
    await _until(lambda: app.chat.talk.turns.session.id != session)
    await _until(lambda: not app.chat.query(Shown))
    began = perf_counter()
    app.chat.history.post_message(History.Opened(session))
    await _until(lambda: any(r.region.height for r in app.chat.query(Shown)))
    print(f"the session opens in {perf_counter() - began:.2f} s; goal at most 1 s")


def _lines(document: Document, width: int) -> list[Line | None]:
    return [document.line(y) for y in range(document.lines(width))]


def _same(prose: Prose, text: str) -> bool:
    """Whether what is shown is what the whole text, read in one piece, would show."""
    width = prose.size.width
    pairs = zip_longest(_lines(prose.document, width), _lines(read(text), width))
    return all(
        a and b and (a.content, a.code, a.joint) == (b.content, b.code, b.joint) for a, b in pairs
    )


async def _tick(late: list[float]) -> None:
    while True:
        due = perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append(perf_counter() - due)


async def _until(happened: Callable[[], object]) -> None:
    while not happened():
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLMROUTE_HOME"] = home
        asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else RATE))
