"""Stand-ins for what the chat is given: an engine that plays back events, a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

from routing.battles import Battle
from routing.conversation import Delta, Reply, Usage
from routing.cost import Bill
from routing.decide import Candidate, Decision, Neighbour
from routing.errors import RoutingError
from routing.events import Decided, Event, Finished, Metered, Readiness, TurnRequest
from routing.models import Pool, Tier

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

NEIGHBOURS = (
    Neighbour("prove progress of a lock-free queue", "gpt-4", "mixtral", "a", 0.91, "starter"),
    Neighbour("explain deadlock", "gpt-4", "mixtral", "tie", 0.84, "starter"),
    Neighbour("is this scheduler fair?", "big", "small", "b", 0.8, "mine", "b-1"),
)


def decision(tier: Tier, *, pinned: bool = False) -> Decision:
    strong = tier == "strong"
    return Decision(
        model="demo/strong" if strong else "demo/weak",
        tier=tier,
        win_probability=None if pinned else 0.77 if strong else 0.18,
        threshold=0.4213,
        reason="You pinned it." if pinned else f"The {tier} model is the better choice here.",
        neighbours=() if pinned else NEIGHBOURS,
        flip_share=None if pinned else 0.77,
        pinned=pinned,
        decision_ms=14.2,
        candidates=() if pinned else candidates(0.77 if strong else 0.18),
    )


def candidates(win_probability: float) -> tuple[Candidate, ...]:
    """The demo pair as the router weighs it."""
    return Candidate("demo/strong", "strong"), Candidate("demo/weak", "weak", win_probability)


def bill(tier: Tier) -> Bill:
    if tier == "strong":
        return Bill(cost_usd=0.0131, all_strong_usd=0.0131, others_usd={"demo/weak": 0.0009})
    return Bill(cost_usd=0.0004, all_strong_usd=0.0058, others_usd={"demo/strong": 0.0058})


def reply_events(text: str, tier: Tier = "weak", *, pinned: bool = False) -> list[Event]:
    """A whole turn: the route, the text in pieces, the bill."""
    usage = Usage(prompt_tokens=900, completion_tokens=300)
    pieces = [text[n : n + 12] for n in range(0, len(text), 12)]
    return [
        Decided(decision(tier, pinned=pinned), context_tokens=10_000),
        *(Delta(piece) for piece in pieces),
        Metered(Usage(900, 250, estimated=True), bill(tier)),
        Finished(Reply(text, usage), bill(tier)),
    ]


class FakeEngine:
    """Plays back one script a turn: events, errors to raise, and events of asyncio to wait for."""

    def __init__(self, *scripts: Sequence[Event | RoutingError | asyncio.Event]) -> None:
        self.scripts = list(scripts)
        self.requests: list[TurnRequest] = []
        self.learnt: list[Battle] = []
        self.forgotten: list[str] = []
        self.stopped = 0
        self.closed = False
        self.warm = asyncio.Event()
        self.warm.set()
        self.trouble = ""
        self.router = "similarity"
        self.outdone_by: dict[tuple[str, ...], dict[str, str]] = {}
        self.refusal: RoutingError | None = None
        self.on_gone: Callable[[], None] | None = None
        self.on_notice: Callable[[str], None] | None = None

    async def start(self) -> Readiness:
        await self.warm.wait()
        return Readiness("similarity", "minilm", 848, 1, 0.1, self.trouble)

    async def turn(self, request: TurnRequest) -> AsyncIterator[Event]:
        self.requests.append(request)
        if request.pin is None:
            await self.warm.wait()
        script = self.scripts.pop(0) if self.scripts else reply_events("Played back.")
        try:
            for step in script:
                if isinstance(step, RoutingError):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped += 1
            raise

    async def use(self, router: str) -> Readiness:
        if self.refusal:
            raise self.refusal
        self.router = router
        return Readiness(router, "minilm", 848, 1, 0.1)

    async def threshold(self, pool: Pool, share: float) -> float:
        return round(1 - share, 4) if share != 0.3 else 0.4213

    async def outdone(self, pool: Pool) -> Mapping[str, str]:
        return self.outdone_by.get(pool.names, {})

    async def learn(self, battle: Battle) -> None:
        self.learnt.append(battle)

    async def forget(self, battle_id: str) -> None:
        self.forgotten.append(battle_id)

    async def close(self) -> None:
        self.closed = True
