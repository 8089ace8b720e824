"""An audit under way beside the chat."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec

from routing.wire import MAX_LINE_BYTES
from tui.audits.wire import Begun, Failed, Kept, Order, Scored, Step, decode_step
from tui.engine_client import open_log

Runner = Callable[[Order, Path], AsyncGenerator[Step]]

END_SECONDS = 2.0
CANCELLED = Failed(
    "The audit was cancelled.", "What was scored is kept; start it again to continue."
)


class AuditJob:
    """The state of an audit that was started.

    Attributes:
        ended: how it ended; None while it runs.
    """

    def __init__(self, order: Order, steps: AsyncGenerator[Step]) -> None:
        self.order = order
        self.begun: Begun | None = None
        self.scored: Scored | None = None
        self.ended: Kept | Failed | None = None
        self._steps = steps

    async def run(self, moved: Callable[[], None]) -> None:
        """Follow it to its end; `moved` is called after each step. Cancelling stops it."""
        try:
            async with aclosing(self._steps) as steps:
                async for step in steps:
                    self._take(step)
                    moved()
        except asyncio.CancelledError:
            self.ended = CANCELLED
            moved()
            raise
        except OSError as error:
            self.ended = Failed(f"The audit cannot be started: {error}")
            moved()

    def _take(self, step: Step) -> None:
        match step:
            case Begun():
                self.begun = step
            case Scored():
                self.scored = step
            case Kept() | Failed():
                self.ended = step


async def run_child(order: Order, log: Path) -> AsyncGenerator[Step]:
    """The steps of an audit in a process of its own, which ends with the iterator."""
    with open_log(log) as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tui.audits.child",
            msgspec.json.encode(order).decode(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=MAX_LINE_BYTES,
            start_new_session=True,  # a ctrl+c in the terminal is not the audit's
        )
    assert process.stdout is not None
    step: Step | None = None
    try:
        async for line in process.stdout:
            step = decode_step(line)
            yield step
        code = await process.wait()
        if not isinstance(step, Kept | Failed):
            yield Failed(f"The audit's process ended (code {code}).", f"{log} may say why.")
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
