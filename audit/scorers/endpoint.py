"""Scoring of any connected model, in the most exact way that its endpoint allows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from audit.errors import BudgetError, EndpointError
from audit.scorers import Identity, Score, Spent
from audit.scorers.client import Client, Terms
from audit.scorers.rungs import LADDER, Rung
from audit.variants import Variant
from routing.chat import check_key
from routing.conversation import Turn, Usage
from routing.errors import ContextError, NoKeyError, NoModelError, ReplyError, ServiceError
from routing.models import Model
from routing.tokens import count_tokens

STEPS_DOWN = (ServiceError, NoModelError, ContextError)  # what an endpoint says to what it lacks
COUNTED = 50  # Variants whose tokens are counted for an estimate
PROBE_RETRIES = 1  # whoever waits for an answer to a mistyped address should not wait long
GRACE_SECONDS = 0.5
UNREAD_AT_MOST = 20  # Variants at the start without a reply that names an option
TOO_LONG = "the prompt is longer than the model reads"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What scoring takes.

    Attributes:
        cost_usd: at most that many US dollars, replies being as long as they may; None for an
            unknown price.
    """

    calls: int
    tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """The rung of the ladder that an endpoint supports.

    Attributes:
        notes: what was tried before and why it did not do.
        spent: what finding out has cost.
    """

    rung: Rung
    notes: tuple[str, ...] = ()
    spent: Spent = field(default_factory=Spent)


class _UnderWay(NamedTuple):
    """A Variant being scored, and the most US dollars that it can cost."""

    task: asyncio.Task[Score]
    most: float


class EndpointScorer:
    """A connected model on the rung of the ladder where it was found to stand.

    Attributes:
        notes: what was tried before and why it did not do.
    """

    def __init__(self, model: Model, terms: Terms, found: Found) -> None:
        self._model = model
        self._terms = terms
        self._rung = found.rung
        self._spent = found.spent
        self.notes = found.notes
        self.identity = Identity(model.name, method=found.rung.method)

    @property
    def spent(self) -> Spent:
        """Tokens sent and US dollars spent, the probing included."""
        return self._spent

    def estimate(self, variants: Sequence[Variant]) -> Estimate:
        """What scoring those Variants takes, from the tokens of some of them."""
        step = max(1, len(variants) // COUNTED)
        some = variants[::step]
        scale = len(variants) / max(1, len(some))
        usage = [self._usage(variant) for variant in some]
        costs = [self._terms.bill(one) for one in usage]
        known = [cost for cost in costs if cost is not None]
        return Estimate(
            calls=sum(len(self._rung.requests(variant)) for variant in variants),
            tokens=round(scale * sum(one.prompt_tokens for one in usage)),
            cost_usd=scale * sum(known) if len(known) == len(costs) else None,
        )

    def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
        """One Score for each Variant, in order; several calls are under way at a time.

        Closing the iterator drops the calls under way.

        Raises:
            EndpointError: the endpoint cannot go on, or its first replies all name no option; what
                was yielded holds.
            BudgetError: the next call could cost more than is left.
        """
        runner = asyncio.Runner()
        client = Client(self._model, self._terms, self._spent)
        under_way: deque[_UnderWay] = deque()
        try:
            yield from self._readable(self._in_order(runner, client, deque(variants), under_way))
        except ReplyError as error:
            raise _as_ours(error) from error
        finally:
            _end(runner, client, under_way)
            self._spent = client.spent

    def _readable(self, scores: Iterator[Score]) -> Iterator[Score]:
        """The scores, stopping if the first replies cannot be read.

        Raises:
            EndpointError: none of the first names an option.
        """
        unread = 0
        for score in scores:
            yield score
            if any(score.votes) or any(nats is not None for nats in score.loglik):
                break
            unread += score.unparsed > 0
            if unread == UNREAD_AT_MOST:
                raise EndpointError(
                    f"{self._model.name} named no option in its first {unread} answers; one of "
                    f"them said {score.unread or 'nothing'}",
                    hint="What was scored is kept; run the same command again to continue, or with "
                    "--fresh to start over.",
                )
        yield from scores

    def _in_order(
        self,
        runner: asyncio.Runner,
        client: Client,
        waiting: deque[Variant],
        under_way: deque[_UnderWay],
    ) -> Iterator[Score]:
        while waiting or under_way:
            while waiting and len(under_way) < 2 * self._terms.limit:
                most = self._most(waiting[0])
                if not self._can_pay(most + sum(call.most for call in under_way)):
                    break
                task = runner.get_loop().create_task(self._one(client, waiting.popleft()))
                under_way.append(_UnderWay(task, most))
            if not under_way:
                raise BudgetError(
                    f"The run has cost ${self._spent.cost_usd or 0:.4f}, and the next call could "
                    f"take it past ${self._terms.max_cost:g}",
                    hint="What was scored is kept; run the same command with a higher --max-cost "
                    "to continue.",
                )
            score = runner.run(_result(under_way.popleft().task))
            self._spent = client.spent
            yield score

    async def _one(self, client: Client, variant: Variant) -> Score:
        try:
            return await self._rung.score(client, variant)
        except ContextError:
            return Score(warnings=(TOO_LONG,))
        except ServiceError as error:
            if "content policy" in str(error):
                return Score(refused=1)
            raise

    def _can_pay(self, more: float) -> bool:
        limit, spent = self._terms.max_cost, self._spent.cost_usd
        return limit is None or (spent is not None and spent + more <= limit)

    def _most(self, variant: Variant) -> float:
        """The most that the Variant can cost, in US dollars; only asked where there is a limit."""
        if self._terms.max_cost is None:
            return 0.0
        return self._terms.bill(self._usage(variant)) or 0.0

    def _usage(self, variant: Variant) -> Usage:
        requests = self._rung.requests(variant)
        turns = [Turn("user", request.text) for request in requests]
        prompt = sum(count_tokens(self._model, [turn]) for turn in turns)
        return Usage(prompt, sum(request.completion_tokens for request in requests))


def connect(model: Model, terms: Terms) -> EndpointScorer:
    """A scorer for the model, on the highest rung that answers a probe of one request.

    Raises:
        EndpointError: there is no key that it needs, or the endpoint answers none, refuses the key,
            or cannot be reached.
        BudgetError: there is a limit and the price is unknown.
    """
    if terms.max_cost is not None and terms.bill(Usage(1, 1)) is None:
        raise BudgetError(
            f"The price of {model.name} is unknown, so --max-cost cannot be enforced",
            hint=f"llmroute models price {model.name} --prompt USD --completion USD sets it.",
        )
    try:
        check_key(model, terms.key)
    except NoKeyError as error:
        raise _as_ours(error) from error
    return EndpointScorer(model, terms, asyncio.run(_climb(model, terms)))


async def _climb(model: Model, terms: Terms) -> Found:
    """The first rung that answers.

    Raises:
        EndpointError: none does.
    """
    client = Client(model, replace(terms, retries=min(terms.retries, PROBE_RETRIES)))
    notes: list[str] = []
    refusal: ReplyError | None = None
    try:
        for rung in LADDER:
            try:
                trouble = await rung.trouble(client)
            except STEPS_DOWN as error:
                trouble, refusal = f"{rung.method}: {error}", error
            except ReplyError as error:
                raise _as_ours(error) from error
            if not trouble:
                return Found(rung, tuple(dict.fromkeys(notes)), client.spent)
            notes.append(trouble)
    finally:
        await client.close()
    if refusal is not None:
        raise _as_ours(refusal) from refusal
    raise EndpointError(
        f"{model.name} answers nothing that could be scored",
        hint="Try it in the chat, or with: llmroute models test.",
        detail="\n".join(notes),
    )


async def _result(task: asyncio.Task[Score]) -> Score:
    return await task


def _end(runner: asyncio.Runner, client: Client, under_way: Sequence[_UnderWay]) -> None:
    """Drop the calls under way and close the connections."""
    client.is_closing = True
    runner.run(_drop([call.task for call in under_way]))
    runner.run(client.close())
    runner.close()


async def _drop(tasks: Sequence[asyncio.Task[Score]]) -> None:
    """Cancel the calls and ignore their errors."""
    if tasks:
        # A call that is cancelled while litellm still prepares it leaves a coroutine behind.
        await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _as_ours(error: ReplyError) -> EndpointError:
    return EndpointError(str(error), hint=error.hint, detail=error.detail)
