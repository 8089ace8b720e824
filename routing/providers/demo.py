"""The demo's models: stand-ins that need no key and no network, and say plainly what they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from routing.conversation import Delta, Reply, Usage
from routing.errors import NoModelError
from routing.models import DEMO_PRICES
from routing.tokens import rough_tokens

if TYPE_CHECKING:
    from routing.decide import Decision
    from routing.models import Sampling

TOKENS_PER_SECOND = 150
QUOTED_CHARACTERS = 120
MILLION = 1_000_000

_PIECES = re.compile(r"\s*\S{1,8}|\s+")

SHORT = """\
I am **demo/{name}**, a stand-in: no language model wrote this reply.

{route}

You asked: {prompt}

{kind} model would answer that here. To connect one, set a key such as `OPENAI_API_KEY`, or run \
[Ollama](https://ollama.com) and choose `ollama/llama3.2`.
"""

STRONG = """\
## A stand-in for the strong model

I am **demo/strong**, built into this program. No language model wrote this reply, and nothing \
left this machine. What is real is everything around it: the route, the badge, the bill and the \
stored conversation.

> {prompt}

### Why it came to me

{route}

### What a real pair needs

1. **A provider's key**: set `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or another, then name a strong \
and a weak model.
2. **Ollama**: `ollama pull llama3.2`, then choose `ollama/llama3.2`. It costs nothing.
3. **A model on your disk**: `local/FOLDER_OR_HUB_ID` runs any transformers model here.

| model | prompt, $ per million tokens | reply |
|---|---|---|
{prices}

The demo's prices only give the meter something to count; nothing is charged.
"""


async def stream(
    name: str,
    messages: Sequence[Mapping[str, str]],
    decision: Decision | None,
    sampling: Sampling,
) -> AsyncGenerator[Delta | Reply]:
    """A reply that explains the route just taken, at a pace that can be read."""
    del sampling  # there is nothing to choose among
    text = reply_text(name, messages, decision)
    for piece in _PIECES.findall(text):
        yield Delta(piece)
        await asyncio.sleep(rough_tokens(len(piece)) / TOKENS_PER_SECOND)
    asked = sum(rough_tokens(len(message["content"])) for message in messages)
    yield Reply(text, Usage(asked, rough_tokens(len(text))))


def reply_text(name: str, messages: Sequence[Mapping[str, str]], decision: Decision | None) -> str:
    """What the demo model of that name, "strong", "middle" or "weak", answers. Markdown.

    Raises:
        NoModelError: the demo has no such model.
    """
    if f"demo/{name}" not in DEMO_PRICES:
        raise NoModelError(
            f"The demo knows no model named demo/{name}", hint=f"It has {', '.join(DEMO_PRICES)}."
        )
    prices = "\n".join(
        f"| {model} | {price.prompt * MILLION:.2f} | {price.completion * MILLION:.2f} |"
        for model, price in DEMO_PRICES.items()
    )
    return (STRONG if name == "strong" else SHORT).format(
        name=name,
        kind="A cheap" if name == "weak" else "A middling",
        prompt=_quote(messages[-1]["content"]),
        route=_route(decision),
        prices=prices,
    )


def _route(decision: Decision | None) -> str:
    if decision is None:
        return "No router was asked: this model was called directly."
    if decision.win_probability is None:
        return f"No router was asked: {decision.reason}"
    side = "at or above" if decision.tier == "strong" else "below"
    return (
        f"The chance that you would prefer the strong model's reply is {side} the threshold, so "
        f"this model answers: {decision.reason}"
    )


def _quote(prompt: str) -> str:
    """The prompt's beginning on one line, as code: it may hold Markdown of its own."""
    line = " ".join(prompt.split()).replace("`", "'")
    shown = line if len(line) <= QUOTED_CHARACTERS else f"{line[:QUOTED_CHARACTERS]} …"
    return f"`{shown}`" if shown else "nothing"
