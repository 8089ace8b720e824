"""Usage times price: US dollars of a reply, and the running totals with their counterfactuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from routing.conversation import Usage
from routing.models import Model, Pool, Tier, price_of
from routing.prices import Price


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars of one reply; None where a price is unknown.

    Attributes:
        cost_usd: what the reply cost at the price of the model that gave it.
        all_strong_usd: the same tokens at the strong model's price. Another model would have
            written another number of tokens, so for a weak reply this is an estimate.
        others_usd: the same tokens at the price of each model that was not taken, by its name.
    """

    cost_usd: float | None
    all_strong_usd: float | None
    others_usd: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def saved_usd(self) -> float | None:
        """What routing saved against sending this turn to the strong model."""
        if self.cost_usd is None or self.all_strong_usd is None:
            return None
        return self.all_strong_usd - self.cost_usd


def cost(usage: Usage, price: Price | None) -> float | None:
    """US dollars for those tokens; None for an unknown price.

    Prompt tokens read from the provider's cache, or written into it, are part of `prompt_tokens`
    and are counted at their own prices. A long prompt raises the price of the whole request.
    """
    if price is None:
        return None
    if price.above is not None and usage.prompt_tokens > (price.above_tokens or 0):
        price = price.above
    cached = price.prompt if price.cached is None else price.cached
    written = price.prompt if price.written is None else price.written
    fresh = usage.prompt_tokens - usage.cached_tokens - usage.written_tokens
    return (
        fresh * price.prompt
        + usage.cached_tokens * cached
        + usage.written_tokens * written
        + usage.completion_tokens * price.completion
    )


def bill(usage: Usage, pool: Pool, model: Model) -> Bill:
    """The bill of a reply by that model of the pool."""
    return Bill(
        cost_usd=cost(usage, price_of(model)),
        all_strong_usd=cost(usage, price_of(pool.strong)),
        others_usd={
            other.name: cost(usage, price_of(other)) for other in pool.models if other != model
        },
    )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Running totals over replies; a sum over known prices, with the unknown ones counted.

    Attributes:
        all_strong_usd, compared_usd: the counterfactual, and what was spent on the turns that
            have one; turns with an unknown price on either side are left out of both.
        estimated_turns: those whose provider reported no usage: what they cost is an estimate.
    """

    spent_usd: float = 0.0
    all_strong_usd: float = 0.0
    compared_usd: float = 0.0
    strong_turns: int = 0
    weak_turns: int = 0
    middle_turns: int = 0
    unpriced_turns: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    estimated_turns: int = 0

    @property
    def turns(self) -> dict[Tier, int]:
        """How many turns went to each tier."""
        return {
            "strong": self.strong_turns,
            "middle": self.middle_turns,
            "weak": self.weak_turns,
        }

    @property
    def tilde(self) -> str:
        """The mark of an estimate before what was spent: "~" or ""."""
        return "~" if self.estimated_turns else ""

    @property
    def all_strong_tilde(self) -> str:
        """The mark for all-strong, which is exact only if the strong model gave every reply."""
        return "~" if self.estimated_turns or self.weak_turns or self.middle_turns else ""

    @property
    def saved_usd(self) -> float:
        """What routing saved on the turns whose counterfactual is known."""
        return self.all_strong_usd - self.compared_usd

    @property
    def saved_share(self) -> float:
        """Saved fraction of the all-strong cost, in [0, 1]; 0 if nothing was spent."""
        return self.saved_usd / self.all_strong_usd if self.all_strong_usd > 0 else 0.0

    def add(self, bill: Bill, usage: Usage, tier: Tier) -> Ledger:
        """The totals after one more reply."""
        comparable = bill.cost_usd is not None and bill.all_strong_usd is not None
        return replace(
            self,
            spent_usd=self.spent_usd + (bill.cost_usd or 0.0),
            all_strong_usd=self.all_strong_usd + (bill.all_strong_usd or 0.0) * comparable,
            compared_usd=self.compared_usd + (bill.cost_usd or 0.0) * comparable,
            strong_turns=self.strong_turns + (tier == "strong"),
            weak_turns=self.weak_turns + (tier == "weak"),
            middle_turns=self.middle_turns + (tier == "middle"),
            unpriced_turns=self.unpriced_turns + (bill.cost_usd is None),
            prompt_tokens=self.prompt_tokens + usage.prompt_tokens,
            completion_tokens=self.completion_tokens + usage.completion_tokens,
            cached_tokens=self.cached_tokens + usage.cached_tokens,
            estimated_turns=self.estimated_turns + usage.estimated,
        )
