"""How long the screen stalls while the real engine warms up beside it.

    python -m bench.stall [seconds]

A task on the chat's event loop asks to be woken every five milliseconds, from the first paint
until the router is warm or the seconds are over; how much later it wakes is a stall. Needs no
network: the packaged embedder and the starter battles are used.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from time import perf_counter

TICK = 0.005
SECONDS = 120.0


def main() -> None:
    """Print the longest stall."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"LLMROUTE_HOME": home, "HF_HUB_OFFLINE": "1"}
        late, warm_seconds = asyncio.run(_measure(seconds))
    late.sort()
    state = f"warm after {warm_seconds:.1f} s" if warm_seconds else f"not warm in {seconds:.0f} s"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"engine {state}; {len(late)} ticks of {1000 * TICK:.0f} ms")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        print(f"  {name:8} {1000 * late[int(share * len(late))]:7.1f} ms late")
    print(f"  longest  {1000 * late[-1]:7.1f} ms late")


async def _measure(seconds: float) -> tuple[list[float], float]:
    from tui.app import ChatApp
    from tui.engine_client import EngineClient
    from tui.program import Program
    from tui.sessions import Sessions

    program = Program.open(demo=True)
    engine = EngineClient(program.engine_options(), program.paths.log)
    app = ChatApp(program, engine, lambda: Sessions(program.paths.sessions))
    async with app.run_test(size=(110, 34)) as pilot:
        await pilot.pause()
        late: list[float] = []
        began = perf_counter()
        while not app.chat.talk.warm and perf_counter() - began < seconds:
            due = perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append(perf_counter() - due)
        return late, perf_counter() - began if app.chat.talk.warm else 0.0


if __name__ == "__main__":
    main()
