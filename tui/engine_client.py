"""Starts the engine's child process and speaks to it; a dead engine is started again."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import msgspec

from routing.battles import Battle
from routing.decide import Decision
from routing.errors import EngineError, EngineGoneError
from routing.events import EngineOptions, Event, Notice, Readiness, TurnRequest
from routing.models import Pool
from routing.threads import patient
from routing.wire import (
    MAX_LINE_BYTES,
    Done,
    Failure,
    Outdone,
    WantedShare,
    as_error,
    decode_answer,
    encode_call,
)

MAX_LOG_BYTES = 2**20


class EngineClient:
    """The engine as the terminal process sees it: the same verbs, served by a child process.

    Attributes:
        on_gone: called when the child has ended without being asked to; the next call starts
            another one.
        on_notice: called with what the engine says of itself while it works.
    """

    def __init__(self, options: EngineOptions, log: Path) -> None:
        self.options = options
        self.log = log
        self.on_gone: Callable[[], None] | None = None
        self.on_notice: Callable[[str], None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Any]] = {}

    @property
    def pid(self) -> int | None:
        """The child's process id; None where none runs."""
        return self._process.pid if self._process else None

    async def start(self) -> Readiness:
        """Start the child where none runs; returns when its router is warm.

        Raises:
            EngineError: the child cannot be started, or ended before it was ready.
        """
        readiness: Readiness = await self._ask("ready", None)
        return readiness

    async def use(self, router: str) -> Readiness:
        """Decide by the router of that name from now on, also after the child is restarted.

        Raises:
            RoutingError: it cannot be loaded; the previous one stays in use.
        """
        readiness: Readiness = await self._ask("use", router)
        self.options = replace(self.options, router=router)
        return readiness

    async def turn(self, request: TurnRequest) -> AsyncGenerator[Event]:
        """The events of one turn. Closing the iterator stops the reply at the provider.

        Raises:
            RoutingError: what the engine raised, or EngineGoneError.
        """
        call_id, answers = await self._call("turn", request)
        finished = False
        try:
            while not finished:
                answer = await self._next(answers)
                finished = isinstance(answer, Done)
                if not finished:
                    yield answer
        except BaseException as error:
            finished = isinstance(error, Exception)  # the engine has closed the call itself
            raise
        finally:
            self._answers.pop(call_id, None)
            if not finished:
                self._send(encode_call(call_id, "cancel", None))

    async def decide(self, request: TurnRequest) -> Decision:
        """Where the turn would go; no model is called."""
        decision: Decision = await self._ask("decide", request)
        return decision

    async def threshold(self, pool: Pool, share: float) -> float:
        """The threshold that sends that share of prompts to the pool's strongest model."""
        answer = await self._ask("threshold", WantedShare(pool, share))
        return float(answer.value)

    async def outdone(self, pool: Pool) -> Mapping[str, str]:
        """The pool's models that are not worth their price, each with a cheaper one as good."""
        outdone: Outdone = await self._ask("outdone", pool)
        return outdone.by

    async def learn(self, battle: Battle) -> None:
        """Add one of the user's own battles to the live index and to their file."""
        await self._ask("learn", battle)

    async def forget(self, battle_id: str) -> None:
        """Remove one of the user's own battles."""
        await self._ask("forget", battle_id)

    async def close(self) -> None:
        """End the child process."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), timeout=1.0)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._listener:
            await self._listener

    async def _ask(self, verb: str, body: object) -> Any:  # noqa: ANN401  # the verb's answer
        call_id, answers = await self._call(verb, body)
        try:
            return await self._next(answers)
        finally:
            self._answers.pop(call_id, None)

    async def _call(self, verb: str, body: object) -> tuple[int, asyncio.Queue[Any]]:
        await self._ensure_running()
        call_id = next(self._ids)
        answers = self._answers[call_id] = asyncio.Queue()
        self._send(encode_call(call_id, verb, body))
        return call_id, answers

    @staticmethod
    async def _next(answers: asyncio.Queue[Any]) -> Any:  # noqa: ANN401  # any answer
        answer = await answers.get()
        if isinstance(answer, Failure):
            raise as_error(answer)
        return answer

    def _send(self, line: bytes) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def _ensure_running(self) -> None:
        async with self._starting:
            if self._process and self._process.returncode is None:
                return
            if self._listener:  # its last word is for the calls of its own process
                await asyncio.wait([self._listener])
            try:
                self._process = await self._start()
            except OSError as error:
                raise EngineError(f"The engine cannot be started: {error}") from error
            self._listener = asyncio.create_task(self._listen(self._process))

    async def _start(self) -> asyncio.subprocess.Process:
        with open_log(self.log) as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "routing.server",
                msgspec.json.encode(self.options).decode(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=MAX_LINE_BYTES,
                env=patient(os.environ),
                start_new_session=True,  # a ctrl+c in the terminal is not the engine's
            )

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            call_id, body = decode_answer(line)
            if isinstance(body, Notice):
                if self.on_notice:
                    self.on_notice(body.text)
            elif call_id in self._answers:
                self._answers[call_id].put_nowait(body)
        code = await process.wait()
        gone = Failure(EngineGoneError.__name__, f"The engine's process ended (code {code}).")
        for answers in self._answers.values():
            answers.put_nowait(gone)
        if self._process is process:  # nobody asked it to end
            self._process = None
            if self.on_gone:
                self.on_gone()


def open_log(path: Path) -> IO[bytes]:
    """The engine's log, readable by its owner alone; a long one makes room for a new one.

    On a disk that cannot be written nothing is logged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".old"))
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError:
        return Path(os.devnull).open("ab")
