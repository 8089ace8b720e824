"""A conversation goes to a model through litellm and its reply streams back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from routing.conversation import Delta, Reply, Thinking, Turn
from routing.errors import (
    ContextError,
    CutError,
    NetworkError,
    NoModelError,
    ReplyError,
    ServiceError,
)
from routing.models import (
    DEMO_PAIR,
    Model,
    context_of,
    endpoint_of,
    provider_of,
)
from routing.providers import BUILT_IN_PROVIDERS, DECISION, SAMPLING
from routing.providers import import_litellm as import_litellm
from routing.providers.failures import Asked, as_reply_error, late, no_key
from routing.providers.failures import is_transient as is_transient
from routing.providers.keys import key_in_environment, missing_keys
from routing.providers.served import with_near_names
from routing.tokens import TOKENS_PER_TURN, count_tokens, estimate_usage, reported_usage

if TYPE_CHECKING:
    from routing.decide import Decision

BACKOFF_SECONDS = 0.25
NO_KEY = "none"  # sent to a server of one's own, so that litellm looks for no provider's key


async def stream(  # noqa: PLR0913  # two things to send, and options by name
    model: Model,
    turns: Sequence[Turn],
    *,
    key: str | None = None,
    timeout: float = 60.0,
    retries: int = 2,
    decision: Decision | None = None,
) -> AsyncGenerator[Thinking | Delta | Reply]:
    """Yield `Thinking` if the model reports it, the reply in pieces, then the whole reply.

    Closing the generator closes the connection. `key` overrules the environment; a provider's
    usual key goes to that provider's own address only. `timeout` is the seconds of silence before
    the first piece, and between two. `retries` is how often a call without a connection, or
    answered by a 5xx, is made again: never once a piece has come, and never after a rate limit.
    `decision` is passed only to the built-in models, whose replies explain it.

    Raises:
        ReplyError: the model did not answer; see its children.
        CutError: it stopped in the middle, its pieces having come; with what that cost.
    """
    request = _Request(model, tuple(turns), key or key_in_environment(model), timeout, decision)
    await asyncio.to_thread(_check, request)
    try:
        opened = await _open(request, retries)
    except NoModelError as error:
        raise await with_near_names(error, request.asked) from None
    text, thinks = _Text(), False
    try:
        async for chunk in _chunks(opened, request):
            if piece := text.add(chunk):
                yield Delta(piece)
            elif text.hidden and not thinks:
                thinks = True
                yield Thinking()
    except ReplyError as error:
        # An error after the reply's end, such as a nonsensical usage, does not spoil the reply.
        if opened.response.received_finish_reason is None:
            raise await _cut(error, text, request) from None
    finally:
        await opened.response.aclose()
    yield await _reply(opened, text, request)


def warm_up() -> None:
    """Load all that a first reply needs; it takes seconds that the reply then does not."""
    import_litellm()
    import openai.resources.chat  # noqa: F401  # what litellm calls an API with

    count_tokens(DEMO_PAIR.weak, [Turn("user", "")])  # loads the tokenizer


def addressed(model: Model, key: str | None) -> dict[str, Any]:
    """The arguments that every litellm call needs: model, address and key."""
    endpoint = endpoint_of(model)
    arguments: dict[str, Any] = {
        "model": endpoint.name,
        "api_base": endpoint.api_base,
        "api_key": key if endpoint.api_base is None else key or NO_KEY,
        "max_retries": 0,
    }
    if endpoint.name.startswith("custom_openai/"):
        arguments["extra_headers"] = _without_account_headers()
    return arguments


def failure(error: Exception, model: Model, key: str | None) -> ReplyError:
    """A failed call of litellm as a ReplyError, without any part of a key."""
    return as_reply_error(error, Asked.of(model, key))


def check_key(model: Model, key: str | None) -> None:
    """Check that the model needs no key or has one.

    Raises:
        NoKeyError: its provider needs a key and there is none.
    """
    if key is None and (missing := missing_keys(model)):
        raise no_key(Asked.of(model, key), missing)


@dataclass(frozen=True, slots=True)
class _Request:
    """One call: who is asked what."""

    model: Model
    turns: tuple[Turn, ...]
    key: str | None = field(repr=False)
    timeout: float
    decision: Decision | None

    @property
    def asked(self) -> Asked:
        """What a failure's message names."""
        return Asked.of(self.model, self.key)

    @property
    def first_timeout(self) -> float | None:
        """Seconds to wait for the first piece. Weights on this machine take their time to load."""
        return None if provider_of(self.model) == "local" else self.timeout

    def arguments(self) -> dict[str, Any]:
        """What litellm is called with."""
        arguments = addressed(self.model, self.key) | {
            "messages": [{"role": turn.role, "content": turn.text} for turn in self.turns],
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": 2 * self.timeout,  # ours fires first, and distinguishes silence from failure
        }
        if provider_of(self.model) in BUILT_IN_PROVIDERS:
            told = {DECISION: self.decision, SAMPLING: self.model.sampling}
            return arguments | {"metadata": told}
        return arguments | self.model.sampling.given()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A stream of litellm's (`CustomStreamWrapper`) whose first chunk has come."""

    response: Any
    first: Any

    @property
    def is_finished(self) -> bool:
        """Whether the provider itself said that the reply is at its end; litellm always says so.

        For Gemini it says so of every chunk, in `intermittent_finish_reason`: there a broken
        connection is a cut, and a stream that ends in good order counts as whole.
        """
        response = self.response
        return bool(response.received_finish_reason or response.intermittent_finish_reason)

    @property
    def usage(self) -> Any:  # noqa: ANN401  # litellm has no types
        """The last usage that the provider sent; litellm makes one up where there was none."""
        sent = [chunk.usage for chunk in self.response.chunks if _has_usage(chunk)]
        return sent[-1] if sent else None

    def forget(self) -> None:
        """Drop a chunk that litellm keeps: going through all of them in the end takes it 0.5 s.

        It compares the last two, and adds up those with a usage.
        """
        chunks = self.response.chunks
        if len(chunks) > 2 and not _has_usage(chunks[-3]):
            del chunks[-3]


class _Text:
    """The text of a reply as it comes, and the reasoning that is billed but not shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.hidden: list[str] = []
        self.finish_reason = "stop"
        self.usage: Any = None
        self._half = ""

    def add(self, chunk: Any) -> str:  # noqa: ANN401  # litellm has no types
        """What the chunk adds to the text to show."""
        self.usage = getattr(chunk, "usage", None) or self.usage
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        reasoning = getattr(choice.delta, "reasoning_content", None)
        if isinstance(reasoning, str):
            self.hidden.append(_joined(reasoning)[0])
        piece = choice.delta.content
        if not isinstance(piece, str):
            return ""
        whole, self._half = _joined(self._half + piece)
        self.shown.append(whole)
        return whole

    @property
    def has_begun(self) -> bool:
        """Whether anything came that the provider bills."""
        return any(self.shown) or any(self.hidden)

    def __str__(self) -> str:
        return "".join(self.shown)

    def billed(self) -> str:
        """All that the model wrote."""
        return "".join(self.hidden + self.shown)


def _joined(text: str) -> tuple[str, str]:
    """The text with surrogate pairs joined and lone ones replaced; a trailing half stays apart."""
    half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    whole = text.removesuffix(half).encode("utf-16", "surrogatepass")
    return whole.decode("utf-16", "replace"), half


def _check(request: _Request) -> None:
    """Raise before sending anything that would be refused anyway.

    Raises:
        NoKeyError: the provider needs a key and there is none.
        ContextError: the turns are longer than the model can read.
    """
    model = request.model
    check_key(model, request.key)
    limit = context_of(model)
    if limit is not None and provider_of(model) != "local":  # which counts with its own tokenizer
        _check_length(request, limit)


def _check_length(request: _Request, limit: int) -> None:
    if sum(len(turn.text.encode()) + TOKENS_PER_TURN for turn in request.turns) <= limit:
        return  # no token is shorter than a byte
    counts = [count_tokens(request.model, [turn]) for turn in request.turns]
    over = sum(counts) - limit
    if over <= 0:
        return
    dropped, oldest = 0, 0
    while oldest < len(counts) - 1 and dropped < over:
        dropped += counts[oldest]
        oldest += 1
    if dropped >= over:
        advice = f"Drop the oldest {oldest} of {len(counts)} turns"
    else:
        advice = f"Shorten the message by about {over - dropped:,} tokens"
    raise ContextError(
        f"The conversation is about {sum(counts):,} tokens long and {request.model.name} reads "
        f"{limit:,}: {over:,} too many",
        hint=f"{advice}, or choose a model that reads more.",
    )


async def _open(request: _Request, retries: int) -> _Opened:
    """The stream with its first chunk, after as many tries as it takes and is allowed.

    Raises:
        ReplyError: no chunk came.
    """
    for tries_left in range(retries, -1, -1):
        try:
            return await _open_once(request)
        except ReplyError:
            raise
        except Exception as error:  # noqa: BLE001  # litellm raises what it likes; all is translated
            if not tries_left or not is_transient(error):
                # The cause is left out: its text may hold the key.
                raise as_reply_error(error, request.asked) from None
        await asyncio.sleep(BACKOFF_SECONDS * 2 ** (retries - tries_left))
    raise AssertionError("the last try returns or raises")


async def _open_once(request: _Request) -> _Opened:
    litellm = import_litellm()
    response = None
    try:
        async with asyncio.timeout(request.first_timeout):
            response = await litellm.acompletion(**request.arguments())
            opened = _Opened(response, await anext(response, None))
    except BaseException as error:
        if response is not None:
            await response.aclose()
        if isinstance(error, TimeoutError):
            raise late(request.asked, request.timeout) from None
        raise
    return opened


async def _chunks(opened: _Opened, request: _Request) -> AsyncIterator[Any]:
    """Every chunk from the first on.

    Raises:
        ReplyError: the stream broke, or was silent for too long.
    """
    chunk = opened.first
    while chunk is not None:
        yield chunk
        opened.forget()
        try:
            async with asyncio.timeout(request.timeout):
                chunk = await anext(opened.response, None)
        except TimeoutError:
            raise late(request.asked, request.timeout) from None
        except Exception as error:  # noqa: BLE001  # litellm raises what it likes; all is translated
            raise as_reply_error(error, request.asked) from None


def _has_usage(chunk: Any) -> bool:  # noqa: ANN401  # litellm has no types
    return getattr(chunk, "usage", None) is not None


async def _cut(error: ReplyError, text: _Text, request: _Request) -> ReplyError:
    """The failure of a stream: a cut reply where some of it has come."""
    if not text.has_begun:
        return error
    usage = await asyncio.to_thread(estimate_usage, request.model, request.turns, text.billed())
    broke = isinstance(error, NetworkError) and error.detail  # a silence has none
    why = f"{request.asked.provider} broke the connection" if broke else str(error)
    return CutError(
        f"The reply of {request.model.name} was cut off. {why}.",
        hint="What arrived is kept: continue it, or ask again.",
        detail=error.detail,
        usage=usage,
    )


async def _reply(opened: _Opened, text: _Text, request: _Request) -> Reply:
    """The whole reply.

    Raises:
        CutError: the stream ended and the provider never said that the reply was at its end.
        ServiceError: there is no text in it.
    """
    if not opened.is_finished:
        asked = request.asked
        ended = ServiceError(
            f"{asked.provider} ended the stream before the reply of {asked.model.name} was whole",
            hint="Is this the address of a chat API? Try again, or choose another model.",
        )
        raise await _cut(ended, text, request)
    if not any(text.shown):
        raise _empty(text.finish_reason, request)
    sent = opened.usage
    usage = reported_usage(text.usage or sent) if sent else None  # text.usage adds up several
    if usage is None:
        usage = await asyncio.to_thread(estimate_usage, request.model, request.turns, text.billed())
    return Reply(str(text), usage, text.finish_reason)


def _empty(finish_reason: str, request: _Request) -> ServiceError:
    reasons = {
        "content_filter": "its content filter withheld the reply",
        "length": "it used up its token limit before the first word",
    }
    why = reasons.get(finish_reason, "the reply is empty")
    return ServiceError(
        f"{request.model.name} answered nothing: {why}",
        hint="Ask again, rephrase it, or choose another model.",
    )


def _without_account_headers() -> dict[str, Any]:
    """Headers that keep the user's OpenAI account out of calls to other servers."""
    from openai import Omit

    return {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
