"""Models, their endpoints and their prices: the one place that knows what a token costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["strong", "weak"]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token. `cached` is the price of a prompt token read from the provider's cache."""

    prompt: float
    completion: float
    cached: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model and where to reach it.

    Attributes:
        name: as litellm writes it, "provider/model" or a bare well-known name.
        api_base: the endpoint's URL; None for the provider's own.
        key_name: the environment variable that names its key; None for the provider's usual one.
        price: the person's own price; None to look it up.
        context_tokens: how much it can read; None to look it up.
    """

    name: str
    api_base: str | None = None
    key_name: str | None = None
    price: Price | None = None
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The two models that a turn can go to."""

    strong: Model
    weak: Model

    def of(self, tier: Tier) -> Model:
        """The pair's model of that tier."""
        return self.strong if tier == "strong" else self.weak
