"""One turn, start to end: decide, stream, bill; a plain async generator of events.

`routing.server` has the same engine in a process of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from routing.battles import Battle
from routing.cache import stay, switch_of
from routing.chat import stream
from routing.conversation import Delta, Reply, Usage
from routing.cost import bill
from routing.decide import Decision, kept_to, pinned
from routing.errors import CutError, RouterError, RoutingError
from routing.events import (
    Decided,
    EngineOptions,
    Event,
    Finished,
    Metered,
    Readiness,
    TurnRequest,
)
from routing.models import Model, Pool, context_of
from routing.query import query_of
from routing.tokens import rough_tokens

if TYPE_CHECKING:
    from routing.library import Library

METER_SECONDS = 0.25


class Engine:
    """Decides, streams and bills turns; learns the user's own battles."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self._opening: asyncio.Task[Library] | None = None

    async def ready(self) -> Readiness:
        """What the engine decides with; returns once its router is warm.

        Router errors are reported, not raised, because pinned turns need no router.
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
            RoutingError: it cannot be loaded; the previous one stays in use.
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
            decision = pinned(request.pool, request.pin)
            if request.because:
                decision = replace(decision, reason=request.because, limited=True)
            return _with_switch(decision, request)
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
                    if isinstance(piece, Reply):
                        yield Finished(piece, bill(piece.usage, request.pool, model))
                        continue
                    yield piece
                    if isinstance(piece, Delta) and (estimate := meter.after(piece)):
                        yield estimate
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

    async def outdone(self, pool: Pool) -> Mapping[str, str]:
        """The pool's models that are not worth their price, each with a cheaper one as good.

        Raises:
            RoutingError: no router could be loaded.
        """
        return (await self._library()).outdone(pool)

    async def learn(self, battle: Battle) -> None:
        """Add one of the user's own battles to the live index and to their file.

        Raises:
            RoutingError: no router could be loaded.
            DataError: the file of own battles cannot be written.
        """
        await asyncio.to_thread((await self._library()).learn, battle)

    async def forget(self, battle_id: str) -> None:
        """Remove one of the user's own battles.

        Raises:
            DataError: there is no such battle, or the file cannot be written.
        """
        await asyncio.to_thread((await self._library()).forget, battle_id)

    async def _library(self) -> Library:
        failed = self._opening and self._opening.done() and self._opening.exception()
        if self._opening is None or failed:  # the problem may be gone
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
    """The decision with its cost of leaving a cache, or one that stays if the settings say so."""
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

    try:
        return Library.open(options)
    except OSError as error:
        raise RouterError(f"{options.folder} cannot be used: {error}") from error
