"""The engine as a child process: `python -m routing.server OPTIONS` serves it over its pipes.

One JSON line is a call, one an answer (see `routing.wire`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import IO

import msgspec

from routing.battles import Battle
from routing.chat import warm_up
from routing.engine import Engine
from routing.errors import EngineError, RoutingError
from routing.events import EngineOptions, Notice, TurnRequest
from routing.models import Pool
from routing.wire import (
    NO_CALL,
    Call,
    Done,
    Number,
    Outdone,
    WantedShare,
    as_failure,
    encode_answer,
)


class Server:
    """The engine behind a pipe: one JSON line a call, its answers as they come."""

    def __init__(self, engine: Engine, output: IO[bytes]) -> None:
        self.engine = engine
        self.output = output
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def serve(self, calls: AsyncIterator[bytes]) -> None:
        """Answer calls until the pipe is closed."""
        notices = _Notices(asyncio.get_running_loop(), self.notify)
        logging.getLogger("routing").addHandler(notices)
        warming = asyncio.create_task(self._warm())
        async for line in calls:
            call = msgspec.json.decode(line, type=Call)
            if call.verb == "cancel":
                if task := self._calls.get(call.id):
                    task.cancel()
                continue
            task = asyncio.create_task(self._answer(call))
            self._calls[call.id] = task
            task.add_done_callback(partial(self._forget, call.id))
        for task in (warming, *self._calls.values()):
            task.cancel()
        logging.getLogger("routing").removeHandler(notices)

    def notify(self, text: str) -> None:
        """Say something that answers no call."""
        self.output.write(encode_answer(NO_CALL, Notice(text)))

    def _forget(self, call_id: int, _: asyncio.Task[None]) -> None:
        self._calls.pop(call_id, None)

    async def _warm(self) -> None:
        """Load the router, then what replies need: a first turn needs them in this order."""
        try:
            await self.engine.ready()
            await asyncio.to_thread(warm_up)
        except Exception:  # the call that needs it will raise it again
            logging.exception("warming up failed")

    async def _answer(self, call: Call) -> None:
        try:
            async for answer in self._answers(call):
                self.output.write(encode_answer(call.id, answer))
        except RoutingError as error:
            self.output.write(encode_answer(call.id, as_failure(error)))
        except Exception as error:  # the process's edge: no call stays unanswered
            logging.exception("the call %s failed", call.verb)
            failed = EngineError("The engine failed.", detail=f"{type(error).__name__}: {error}")
            self.output.write(encode_answer(call.id, as_failure(failed)))

    async def _answers(self, call: Call) -> AsyncIterator[object]:
        match call.verb:
            case "ready":
                yield await self.engine.ready()
            case "use":
                yield await self.engine.use(msgspec.json.decode(call.body, type=str))
            case "turn":
                request = msgspec.json.decode(call.body, type=TurnRequest)
                async with aclosing(self.engine.turn(request)) as events:
                    async for event in events:
                        yield event
                yield Done()
            case "decide":
                yield await self.engine.decide(msgspec.json.decode(call.body, type=TurnRequest))
            case "threshold":
                wanted = msgspec.json.decode(call.body, type=WantedShare)
                yield Number(await self.engine.threshold(wanted.pool, wanted.share))
            case "outdone":
                pool = msgspec.json.decode(call.body, type=Pool)
                yield Outdone(dict(await self.engine.outdone(pool)))
            case "learn":
                await self.engine.learn(msgspec.json.decode(call.body, type=Battle))
                yield Done()
            case "forget":
                await self.engine.forget(msgspec.json.decode(call.body, type=str))
                yield Done()
            case _:
                raise EngineError(f"the engine knows no verb {call.verb!r}")


class _Notices(logging.Handler):
    """What the router logs, from whichever thread, is told in the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.loop = loop
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self.loop.call_soon_threadsafe(self.tell, record.getMessage())


async def _serve(options: EngineOptions, output: IO[bytes]) -> None:
    await Server(Engine(options), output).serve(_lines(sys.stdin.buffer))


async def _lines(pipe: IO[bytes]) -> AsyncIterator[bytes]:
    """The pipe's lines, read in a thread: not every system's event loop can wait for a pipe."""
    while line := await asyncio.to_thread(pipe.readline):
        yield line


def main() -> None:
    """Serve the engine that the first argument describes until the pipe is closed."""
    options = msgspec.json.decode(sys.argv[1], type=EngineOptions)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    # What a library prints belongs to the log, not between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    asyncio.run(_serve(options, output))


if __name__ == "__main__":
    main()
