"""How long a whole decision takes, as the chat has it taken: by the engine, in its own process.

Embedding, win probability, neighbours and reasons, over the battles that ship, for a quarter of
their prompts, one after another. Milliseconds are those that the why panel shows.

    python -m bench.whole_decision
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import numpy as np

from routing.battle_files import starter_battles
from routing.conversation import Turn
from routing.events import EngineOptions, TurnRequest
from routing.models import DEMO_PAIR
from tui.engine_client import EngineClient

ROUTERS = ("ridge", "similarity")
EVERY = 4


async def decided(router: str, prompts: list[str]) -> list[float]:
    """Milliseconds of each decision in a second round; in the first litellm is loaded beside it."""
    with tempfile.TemporaryDirectory() as folder:
        options = EngineOptions(str(Path(folder) / "router"), router=router)
        engine = EngineClient(options, Path(folder) / "log")
        await engine.start()
        try:
            requests = [TurnRequest((Turn("user", prompt),), DEMO_PAIR) for prompt in prompts]
            decisions = [await engine.decide(request) for request in (*requests, *requests)]
        finally:
            await engine.close()
    return [decision.decision_ms for decision in decisions[len(prompts) :]]


def main() -> None:
    """Print a line for each router."""
    starters = starter_battles()
    prompts = [battle.prompt for battle in starters][::EVERY]
    print(
        f"{len(starters):,} battles, {len(prompts)} prompts, load before {os.getloadavg()[0]:.1f}"
    )
    for router in ROUTERS:
        median, late = np.quantile(asyncio.run(decided(router, prompts)), [0.5, 0.95])
        print(f"{router}: median {median:.1f} ms, p95 {late:.1f} ms")


if __name__ == "__main__":
    main()
