"""What a turn costs extra when it leaves a model whose provider has the conversation cached.

A provider that was just sent a conversation reads it again at a fraction of the price; another
model has to read all of it. Only what a provider reported as cached counts as cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.conversation import Usage
from routing.cost import cost
from routing.models import Model, Pool, price_of

# Seconds for which a prefix stays in a cache without being asked for: Anthropic's default, and the
# least of OpenAI's 5 to 10 minutes.
# Source: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching,
# https://platform.openai.com/docs/guides/prompt-caching
KEPT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Held:
    """The part of the conversation that a model's provider has in its prompt cache.

    Attributes:
        tokens: of the prompt that it was sent last.
        reply_tokens: of what the model answered to it.
        writes: the provider bills what it puts into the cache at a price of its own.
    """

    model: str
    tokens: int
    reply_tokens: int = 0
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """A turn that moves away from the model that answered last and has the conversation cached.

    Attributes:
        left: the model that answered last; `taken`: the one that the router chose.
        tokens: those that `taken` has to read again.
        anew_usd, cached_usd: what it asks for them, and what `left` asks for reading them from its
            cache; None where a price is unknown. Both are estimates.
        stayed: the turn went to `left` after all.
    """

    left: str
    taken: str
    tokens: int
    anew_usd: float | None
    cached_usd: float | None
    stayed: bool = False

    @property
    def extra_usd(self) -> float | None:
        """What leaving the cache costs more than staying; None where a price is unknown."""
        if self.anew_usd is None or self.cached_usd is None:
            return None
        return self.anew_usd - self.cached_usd


def switch_of(taken: Model, pool: Pool, held: Sequence[Held]) -> Switch | None:
    """The switch to that model from the one that answered last; None where no cache is left.

    `held` has the model that answered last at its end.
    """
    left = _model(pool, held[-1].model) if held else None
    if left is None or left == taken:
        return None
    known = _of(held, taken)
    tokens = held[-1].tokens - (known.tokens if known else 0)
    if tokens <= 0:
        return None
    written = tokens if known and known.writes else 0
    return Switch(
        left=left.name,
        taken=taken.name,
        tokens=tokens,
        anew_usd=cost(Usage(tokens, 0, written_tokens=written), price_of(taken)),
        cached_usd=cost(Usage(tokens, 0, cached_tokens=tokens), price_of(left)),
    )


@dataclass(frozen=True, slots=True)
class Stay:
    """What a turn costs, about, with the model that answered last and with the one chosen."""

    model: Model
    stay_usd: float
    switch_usd: float


def stay(switch: Switch, pool: Pool, held: Sequence[Held], new_tokens: int) -> Stay | None:
    """The stronger model that answered last, if leaving it saves nothing; else None.

    Its cache makes it cost no more than the weaker model that was chosen. `new_tokens` are those of
    the new message; the reply is taken to be as long as the last one.
    """
    left, taken = pool.find(switch.left), pool.find(switch.taken)
    if pool.models.index(left) > pool.models.index(taken):
        return None
    last = held[-1]
    prompt = last.tokens + last.reply_tokens + new_tokens
    costs = []
    for model in (left, taken):
        known = _of(held, model)
        usage = Usage(prompt, last.reply_tokens, cached_tokens=known.tokens if known else 0)
        costs.append(cost(usage, price_of(model)))
    staying, switching = costs
    if staying is None or switching is None or staying > switching:
        return None
    return Stay(left, staying, switching)


def _of(held: Sequence[Held], model: Model) -> Held | None:
    return next((known for known in held if known.model == model.name), None)


def _model(pool: Pool, name: str) -> Model | None:
    return next((model for model in pool.models if model.name == name), None)
