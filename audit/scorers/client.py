"""Calls to a connected model through litellm, with retries, counts and costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from audit.scorers import Spent
from routing.chat import NO_KEY, addressed, failure, import_litellm, is_transient
from routing.conversation import Turn, Usage
from routing.errors import NetworkError, RateLimitError, ReplyError
from routing.models import OPENAI_PROTOCOL, Model, endpoint_of, provider_of
from routing.tokens import estimate_usage, reported_usage

Bill = Callable[[Usage], float | None]

COMPLETIONS = "text-completion-openai"  # litellm's name for OpenAI's older protocol
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Terms:
    """Limits on a model's calls: cost, parallelism and retries.

    Attributes:
        bill: US dollars of a call's tokens; None for an unknown price.
        max_cost: the most that all calls together may cost, in US dollars.
        limit: calls under way at the same time.
        retries: how often a call is made again after a rate limit, a 5xx, or no connection.
        sleep: waits that many seconds.
    """

    bill: Bill
    key: str | None = field(default=None, repr=False)
    max_cost: float | None = None
    limit: int = 8
    timeout: float = 120.0
    retries: int = 5
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class Client:
    """A connection to one model. It belongs to the event loop of its first call.

    Attributes:
        spent: what its calls used and cost.
        is_closing: no call may begin any more.
    """

    model: Model
    terms: Terms
    spent: Spent = field(default_factory=Spent)
    is_closing: bool = False

    def __post_init__(self) -> None:
        self._gate = asyncio.Semaphore(self.terms.limit)
        self._connection: Any = None

    @property
    def speaks_openai(self) -> bool:
        """Whether the model is served by OpenAI's protocol, which has a /v1/completions."""
        return provider_of(self.model) in OPENAI_PROTOCOL | {COMPLETIONS}

    async def complete(self, prompt: str, **options: object) -> Any:  # noqa: ANN401  # litellm's
        """What /v1/completions answers to the prompt.

        Raises:
            ReplyError: the endpoint did not answer.
        """
        arguments = addressed(self.model, self.terms.key) | {
            "model": f"{COMPLETIONS}/{endpoint_of(self.model).name.partition('/')[2]}",
            "prompt": prompt,
            "client": self._open(),
        }
        return await self._call(import_litellm().atext_completion, arguments | options, prompt)

    async def chat(self, message: str, **options: object) -> Any:  # noqa: ANN401  # litellm's
        """What the model answers to the message, whole.

        Raises:
            ReplyError: the endpoint did not answer.
        """
        messages = [{"role": "user", "content": message}]
        arguments = addressed(self.model, self.terms.key) | {"messages": messages}
        if self.speaks_openai:
            arguments["client"] = self._open()
        return await self._call(import_litellm().acompletion, arguments | options, message)

    def takes_temperature(self) -> bool:
        """Whether litellm passes a temperature on to the model; some reasoning models have none."""
        litellm = import_litellm()
        name, provider, _, _ = litellm.get_llm_provider(**_named(self.model))
        passed = litellm.get_optional_params(
            model=name, custom_llm_provider=provider, temperature=0, drop_params=True
        )
        return "temperature" in repr(passed)

    async def close(self) -> None:
        """Close its connections."""
        if self._connection is not None:
            await self._connection.close()

    def _open(self) -> Any:  # noqa: ANN401  # openai's AsyncOpenAI
        """One client for all calls: litellm's own stay open when their event loop is gone."""
        if self._connection is None:
            from openai import AsyncOpenAI

            self._connection = AsyncOpenAI(
                api_key=self.terms.key or NO_KEY,
                base_url=endpoint_of(self.model).api_base,
                max_retries=0,
                timeout=self.terms.timeout,
            )
        return self._connection

    async def _call(
        self, send: Callable[..., Awaitable[Any]], arguments: dict[str, Any], text: str
    ) -> Any:  # noqa: ANN401  # litellm's response
        for tries in range(self.terms.retries + 1):
            try:
                async with self._gate:
                    if self.is_closing:
                        raise asyncio.CancelledError
                    response = await send(**arguments, timeout=self.terms.timeout)
            except Exception as error:  # noqa: BLE001  # litellm raises what it likes; all is told
                told = failure(error, self.model, self.terms.key)
                wait = _wait(error, told, tries)
                if wait is None or tries == self.terms.retries:
                    # The cause is left out: its text may hold the key.
                    raise told from None
                await self.terms.sleep(wait)
            else:
                self._count(response, text)
                return response
        raise AssertionError("the last try returns or raises")

    def _count(self, response: Any, text: str) -> None:  # noqa: ANN401  # litellm's response
        usage = reported_usage(getattr(response, "usage", None))
        if usage is None:
            usage = estimate_usage(self.model, [Turn("user", text)], "")
        cost, before = self.terms.bill(usage), self.spent.cost_usd
        total = None if cost is None or before is None else before + cost
        self.spent = Spent(self.spent.tokens + usage.prompt_tokens, total)


def _named(model: Model) -> dict[str, str | None]:
    endpoint = endpoint_of(model)
    return {"model": endpoint.name, "api_base": endpoint.api_base}


def _wait(error: Exception, told: ReplyError, tries: int) -> float | None:
    """Seconds until the call may be made again; None where that would not help."""
    usual = FIRST_WAIT_SECONDS * 2**tries
    if isinstance(told, RateLimitError):
        wait = usual if told.retry_after is None else max(told.retry_after, FIRST_WAIT_SECONDS)
        return wait if wait <= LONGEST_WAIT_SECONDS else None
    return usual if isinstance(told, NetworkError) or is_transient(error) else None
