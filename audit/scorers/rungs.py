"""The ways to score through an endpoint, from exact log-likelihoods down to sampled words.

Each rung asks in its own way and makes a Score of what comes back; `trouble` says after one
request whether the endpoint can be asked that way at all.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from audit.prompts import message, render
from audit.scorers import Score
from audit.scorers.client import Client
from audit.scorers.replies import is_refusal, named_option
from audit.variants import LETTERS, Shown, Variant
from routing.errors import NoModelError

TOP_LOGPROBS = 20  # the most that OpenAI's protocol allows
SAMPLES = 5
REPLY_TOKENS = 16
QUOTED_CHARACTERS = 80
REASONING_TOKENS = 4096
NOT_SPELT = "the endpoint's tokens could not be matched with the prompt"

PROBE = Variant(
    Shown(
        question_id="probe",
        subject="",
        stem="Which of these is a colour?",
        options=("seven", "green", "Tuesday", "loud"),
        symbols=LETTERS[:4],
        order=(0, 1, 2, 3),
        answer=1,
    ),
    perturbation="symbol.0shot",
)


@dataclass(frozen=True, slots=True)
class Request:
    """One call that a Variant takes: the text that is sent, and the most tokens that come back."""

    text: str
    completion_tokens: int


class Rung(Protocol):
    """One way to ask.

    Attributes:
        method: how the report calls it.
    """

    @property
    def method(self) -> str:
        """How the report calls it."""

    def requests(self, variant: Variant) -> Sequence[Request]:
        """The calls that the Variant takes; none where it cannot be measured this way."""

    async def trouble(self, client: Client) -> str:
        """Why the endpoint cannot be asked this way, after one request; "" where it can.

        Raises:
            ReplyError: the endpoint did not answer.
        """

    async def score(self, client: Client, variant: Variant) -> Score:
        """What was measured.

        Raises:
            ReplyError: the endpoint did not answer.
        """


class ContinuationScore(NamedTuple):
    """Nats of a continuation and how many tokens it has."""

    nats: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Echo:
    """Log-likelihoods of any text, from a server that echoes the prompt with its logprobs."""

    method: str = "log-likelihood"

    def requests(self, variant: Variant) -> Sequence[Request]:
        """One for each continuation after each context."""
        return [Request(context + text, 1) for context, text in _pairs(variant)]

    async def trouble(self, client: Client) -> str:
        """The known trap: a server that accepts echo and then sends no prompt logprobs."""
        if not client.speaks_openai:
            return "echo: its provider has no completions protocol"
        context, text = _pairs(PROBE)[0]
        try:
            response = await _echo(client, context + text)
        except NoModelError:  # a server without completions says so too
            return "echo: the server has no completions, which would echo the prompt"
        values = _values(response)[:-1]  # the last may be the generated token's
        if not any(value is not None for value in values):
            return "echo: accepted, but no log probabilities of the prompt came back"
        if len(set(values) - {None}) == 1:
            return "echo: every token of the prompt came back with the same log probability"
        if _past_text(response, context + text, context) is None:
            return f"echo: {NOT_SPELT}"
        return ""

    async def score(self, client: Client, variant: Variant) -> Score:
        """Nats of every continuation, by the tokens that lie past its context."""
        pairs = _pairs(variant)
        measured = await asyncio.gather(*(self._measure(client, *pair) for pair in pairs))
        count = len(variant.shown.options)
        nats = tuple(None if one is None else one.nats for one in measured)
        known = [one.tokens for one in measured[:count] if one is not None]
        return Score(
            loglik=nats[:count],
            bare=nats[count:],
            tokens=tuple(known) if len(known) == count else (),
            warnings=(NOT_SPELT,) if None in nats else (),
        )

    async def _measure(self, client: Client, context: str, text: str) -> ContinuationScore | None:
        response = await _echo(client, context + text)
        measured = _past_text(response, context + text, context)
        if measured is not None:
            return measured
        # Tokens that hold parts of characters do not join to the prompt: go by their number.
        return _past_count(response, await _echo(client, context))


@dataclass(frozen=True, slots=True)
class ChatLogprobs:
    """Log-likelihoods of the symbols, as far as they are among a chat reply's likeliest tokens."""

    top: int = TOP_LOGPROBS
    method: str = "chat logprobs"

    def requests(self, variant: Variant) -> Sequence[Request]:
        """One, of one token; none for the scorings that need the options' texts."""
        return [Request(message(variant), 1)] if variant.scoring == "symbol" else []

    async def trouble(self, client: Client) -> str:
        """Whether likeliest tokens come back at all, and differ."""
        tokens = _likeliest(await self._ask(client, PROBE))
        if len({token.logprob for token in tokens}) < 2:
            return "chat logprobs: accepted, but no likeliest tokens came back"
        return ""

    async def score(self, client: Client, variant: Variant) -> Score:
        """Nats of the symbols that came back; the others have no more than the last of these."""
        if not self.requests(variant):
            return Score()
        response = await self._ask(client, variant)
        tokens = _likeliest(response)
        nats = tuple(
            _logsumexp([token.logprob for token in tokens if _begins(token, i, variant)])
            for i in range(len(variant.shown.symbols))
        )
        named = any(value is not None for value in nats)
        refused = not named and _is_filtered(response)
        unparsed = not named and not refused
        return Score(
            loglik=nats,
            bound=min((token.logprob for token in tokens), default=None),
            unparsed=int(unparsed),
            refused=int(refused),
            unread=_quoted(tokens[0].token if tokens else "") if unparsed else "",
        )

    async def _ask(self, client: Client, variant: Variant) -> Any:  # noqa: ANN401  # litellm's
        return await client.chat(
            message(variant), logprobs=True, top_logprobs=self.top, max_tokens=1, temperature=0
        )


@dataclass(frozen=True, slots=True)
class Words:
    """Votes: which option each of some replies names.

    Attributes:
        samples: replies to each Variant: one at temperature 0, several at temperature 1.
        tokens: the longest reply; models that reason first need many.
    """

    samples: int = 1
    tokens: int = REPLY_TOKENS

    @property
    def method(self) -> str:
        """How the report calls it."""
        return "text" if self.samples == 1 else "samples"

    def requests(self, variant: Variant) -> Sequence[Request]:
        """One for each sample; none for the scorings that need the options' texts."""
        return [Request(message(variant), self.tokens)] * (
            self.samples if variant.scoring == "symbol" else 0
        )

    async def trouble(self, client: Client) -> str:
        """Whether there is a temperature 0, and a word within the tokens."""
        if self.samples == 1 and not client.takes_temperature():
            return "text: the model takes no temperature, so its replies are samples"
        response = await self._ask(client, PROBE)
        if not _text(response).strip() and _finish(response) == "length":
            return f"{self.method}: no word came within {self.tokens} tokens"
        return ""

    async def score(self, client: Client, variant: Variant) -> Score:
        """How often each option was named, and how many replies named none."""
        if not self.requests(variant):
            return Score()
        asked = (self._ask(client, variant) for _ in range(self.samples))
        replies = await asyncio.gather(*asked)
        named = [named_option(_text(reply), variant.shown) for reply in replies]
        others = [reply for option, reply in zip(named, replies, strict=True) if option is None]
        unread = [
            _text(reply)
            for reply in others
            if not _is_filtered(reply) and not is_refusal(_text(reply))
        ]
        return Score(
            votes=tuple(named.count(i) for i in range(len(variant.shown.options))),
            unparsed=len(unread),
            refused=len(others) - len(unread),
            unread=_quoted(unread[0]) if unread else "",
        )

    async def _ask(self, client: Client, variant: Variant) -> Any:  # noqa: ANN401  # litellm's
        temperature = 0 if self.samples == 1 else 1
        return await client.chat(message(variant), max_tokens=self.tokens, temperature=temperature)


LADDER: tuple[Rung, ...] = (
    Echo(),
    ChatLogprobs(),
    ChatLogprobs(top=5),  # what some providers allow
    Words(),
    Words(tokens=REASONING_TOKENS),
    Words(samples=SAMPLES),
    Words(samples=SAMPLES, tokens=REASONING_TOKENS),
)


def _pairs(variant: Variant) -> list[tuple[str, str]]:
    """Context and continuation of all that echo measures: the options', then those of `bare`."""
    prompt = render(variant)
    contexts = [prompt.context, prompt.bare] if prompt.bare else [prompt.context]
    return [(context, text) for context in contexts for text in prompt.continuations]


async def _echo(client: Client, text: str) -> Any:  # noqa: ANN401  # litellm's response
    # One token, not none: some servers refuse to generate nothing.
    return await client.complete(text, echo=True, logprobs=1, max_tokens=1, temperature=0)


def _values(response: Any) -> list[float | None]:  # noqa: ANN401  # litellm's response
    logprobs = getattr(response.choices[0], "logprobs", None)
    return list(getattr(logprobs, "token_logprobs", None) or [])


def _past_text(response: Any, text: str, context: str) -> ContinuationScore | None:  # noqa: ANN401  # litellm's
    """What lies past the context, found by the tokens' text; None where they do not spell it."""
    values = _values(response)
    tokens = list(getattr(response.choices[0].logprobs, "tokens", None) or []) if values else []
    for count in (len(tokens), len(tokens) - 1):  # the last may be the generated one
        spelt = "".join(tokens[:count])
        if count > 0 and spelt.endswith(text):
            break
    else:
        return None
    wanted, first, covered = len(text) - len(context), count, 0
    while covered < wanted:
        first -= 1
        covered += len(tokens[first])
    return _sum(values[first:count])


def _past_count(whole: Any, context: Any) -> ContinuationScore | None:  # noqa: ANN401  # litellm's responses
    """What lies past as many tokens as the context has by itself."""
    if not (reads := getattr(whole.usage, "prompt_tokens", 0)):
        return None
    return _sum(_values(whole)[context.usage.prompt_tokens : reads])


def _sum(values: Sequence[float | None]) -> ContinuationScore | None:
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return ContinuationScore(math.fsum(known), len(known))


def _likeliest(response: Any) -> list[Any]:  # noqa: ANN401  # litellm's response
    """The candidates for the first token of the reply."""
    logprobs = getattr(response.choices[0], "logprobs", None)
    content = getattr(logprobs, "content", None) or []
    return list(content[0].top_logprobs or []) if content else []


def _begins(token: Any, i: int, variant: Variant) -> bool:  # noqa: ANN401  # litellm's TopLogprob
    """Whether that token is the i-th symbol, or its beginning and no other symbol's."""
    sent = bytes(token.bytes) if token.bytes else token.token.encode()
    sent = sent.strip()
    symbols = [symbol.encode() for symbol in variant.shown.symbols]
    if not sent or not symbols[i].startswith(sent):
        return False
    return sum(symbol.startswith(sent) for symbol in symbols) == 1


def _logsumexp(values: Sequence[float]) -> float | None:
    if not values:
        return None
    most = max(values)
    return most + math.log(math.fsum(math.exp(value - most) for value in values))


def _text(response: Any) -> str:  # noqa: ANN401  # litellm's response
    content = response.choices[0].message.content
    return content if isinstance(content, str) else ""


def _quoted(text: str) -> str:
    """The beginning of a reply on one line, in quotes; no sign of it moves a terminal's cursor."""
    words = " ".join(text.split())
    if not words:
        return "nothing"
    return repr(words if len(words) <= QUOTED_CHARACTERS else f"{words[:QUOTED_CHARACTERS]}…")


def _finish(response: Any) -> str:  # noqa: ANN401  # litellm's response
    return str(response.choices[0].finish_reason)


def _is_filtered(response: Any) -> bool:  # noqa: ANN401  # litellm's response
    refusal = getattr(response.choices[0].message, "refusal", None)
    return bool(refusal) or _finish(response) == "content_filter"
