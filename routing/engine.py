"""One turn, start to end: decide, stream, bill. In this process, or as a child process.

`Engine` is a plain async generator of events. `python -m routing.engine` serves the same engine
over its pipes, one JSON line a call (see `routing.wire`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING

import msgspec

from routing.battles import Battle
from routing.cache import stay, switch_of
from routing.chat import stream, warm_up
from routing.conversation import Delta, Usage
from routing.cost import bill
from routing.decide import Decision, kept_to, pinned
from routing.errors import CutError, EngineError, RoutingError
from routing.events import (
    Decided,
    EngineOptions,
    Event,
    Finished,
    Metered,
    Notice,
    Readiness,
    TurnRequest,
)
from routing.models import Model, Pool, context_of
from routing.query import query_of
from routing.tokens import rough_tokens
from routing.wire import (
    NO_CALL,
    Call,
    Done,
    Number,
    WantedShare,
    as_failure,
    encode_answer,
)

if TYPE_CHECKING:
    from routing.library import Library

METER_SECONDS = 0.25


class Engine:
    """Decides, streams and bills turns; learns the person's own battles."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self._opening: asyncio.Task[Library] | None = None

    async def ready(self) -> Readiness:
        """What the engine decides with, once its router is warm.

        Trouble with the router is told, not raised: pinned turns need none.
        """
        start = time.perf_counter()
        try:
            library = await self._library()
        except RoutingError as error:
            return Readiness(self.options.router, self.options.embedder, 0, 0, 0.0, str(error))
        return Readiness(
            router=self.options.router,
            embedder=self.options.embedder,
            battles=library.battles,
            mine=len(library.mine),
            warm_seconds=time.perf_counter() - start,
        )

    async def use(self, router: str) -> Readiness:
        """Decide by the router of that name from now on.

        Raises:
            RoutingError: it cannot be loaded; the former one goes on deciding.
        """
        options = replace(self.options, router=router)
        opening = asyncio.create_task(asyncio.to_thread(_open_library, options))
        await asyncio.shield(opening)
        self.options, self._opening = options, opening
        return await self.ready()

    async def decide(self, request: TurnRequest) -> Decision:
        """Where the turn goes; no model is called.

        Raises:
            RoutingError: no router could be loaded, or it refused the prompt.
        """
        if request.pin is not None:
            return _with_switch(pinned(request.pool, request.pin), request)
        library = await self._library()
        query = query_of(request.turns)
        decision = await asyncio.to_thread(
            library.decide, query.text, request.pool, request.share, request.threshold
        )
        return _with_switch(replace(decision, earlier=query.earlier), request)

    async def turn(self, request: TurnRequest) -> AsyncGenerator[Event]:
        """The events of one turn: where it goes, the reply as it comes, and the bill.

        Raises:
            RoutingError: no decision could be taken, or the model did not answer.
        """
        decision = await self.decide(request)
        model = request.pool.find(decision.model)
        yield Decided(decision, context_of(model))
        meter = Meter(request, model)
        pieces = stream(
            model,
            request.turns,
            key=request.keys.get(model.name),
            timeout=self.options.timeout,
            retries=self.options.retries,
            decision=decision,
        )
        async with aclosing(pieces):
            try:
                async for piece in pieces:
                    if isinstance(piece, Delta):
                        yield piece
                        if estimate := meter.after(piece):
                            yield estimate
                    else:
                        yield Finished(piece, bill(piece.usage, request.pool, model))
            except CutError as error:  # what came of the reply is paid for all the same
                usage = error.usage or meter.usage()
                yield Metered(usage, bill(usage, request.pool, model))
                raise

    async def threshold(self, pool: Pool, share: float) -> float:
        """The threshold that sends that share of prompts to the pool's strongest model.

        Raises:
            RoutingError: no router could be loaded.
        """
        library = await self._library()
        return await asyncio.to_thread(library.threshold, pool, share)

    async def learn(self, battle: Battle) -> None:
        """Add one of the person's own battles to the live index and to their file.

        Raises:
            RoutingError: no router could be loaded.
            DataError: the file of own battles cannot be written.
        """
        await asyncio.to_thread((await self._library()).learn, battle)

    async def forget(self, battle_id: str) -> None:
        """Take one of the person's own battles back.

        Raises:
            DataError: there is no such battle, or the file cannot be written.
        """
        await asyncio.to_thread((await self._library()).forget, battle_id)

    async def _library(self) -> Library:
        failed = self._opening and self._opening.done() and self._opening.exception()
        if self._opening is None or failed:  # what stood in its way may be gone
            self._opening = asyncio.create_task(asyncio.to_thread(_open_library, self.options))
        return await asyncio.shield(self._opening)


class Meter:
    """Estimates the running bill of a reply while it streams."""

    def __init__(self, request: TurnRequest, model: Model) -> None:
        self.request = request
        self.model = model
        self.characters = 0
        self._told = 0.0

    def after(self, delta: Delta) -> Metered | None:
        """The estimate after one more piece; None where the last one is fresh enough."""
        self.characters += len(delta.text)
        if time.monotonic() - self._told < METER_SECONDS:
            return None
        self._told = time.monotonic()
        return self.estimate()

    def estimate(self) -> Metered:
        """Usage and bill as far as the reply has come."""
        usage = self.usage()
        return Metered(usage, bill(usage, self.request.pool, self.model))

    def usage(self) -> Usage:
        """Tokens by the number of characters."""
        asked = sum(len(turn.text) for turn in self.request.turns)
        return Usage(
            prompt_tokens=rough_tokens(asked),
            completion_tokens=rough_tokens(self.characters),
            estimated=True,
        )


def _with_switch(decision: Decision, request: TurnRequest) -> Decision:
    """The decision with what it loses of a cache; the other one where the person has set that."""
    pool, held = request.pool, request.held
    switch = switch_of(pool.find(decision.model), pool, held)
    if switch is None:
        return decision
    if request.cache_aware and not decision.pinned:
        kept = stay(switch, pool, held, rough_tokens(len(request.turns[-1].text)))
        if kept:
            return kept_to(decision, switch, kept, pool)
    return replace(decision, switch=switch)


def _open_library(options: EngineOptions) -> Library:
    from routing.library import Library

    return Library.open(options)


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
