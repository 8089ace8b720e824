"""How many tokens a text has: reported by a provider, counted, or by a rule of thumb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from routing.conversation import Turn, Usage
from routing.models import Model, endpoint_of
from routing.providers import import_litellm

TOKENS_PER_TURN = 4  # what chat formats put around a message
CHARACTERS_PER_TOKEN = 4  # rule of thumb for English


def rough_tokens(characters: int) -> int:
    """About how many tokens that many characters are; costs nothing."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def count_tokens(model: Model, turns: Sequence[Turn]) -> int:
    """How many tokens the model reads for those turns; an estimate for most models.

    Up to 0.2 s for a million characters, after a first call that takes longer: for the engine.
    """
    return sum(_count(model, turn.text) + TOKENS_PER_TURN for turn in turns)


def estimate_usage(model: Model, turns: Sequence[Turn], text: str) -> Usage:
    """The tokens of a reply, or of the part of it that came, where the provider reports none."""
    return Usage(count_tokens(model, turns), _count(model, text), estimated=True)


def reported_usage(usage: Any) -> Usage | None:  # noqa: ANN401  # litellm has no types
    """The provider's own usage; None where there is none or it cannot be true."""
    if usage is None:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    written = getattr(details, "cache_creation_tokens", None) or 0
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    if prompt <= 0 or completion <= 0 or min(cached, written) < 0 or cached + written > prompt:
        return None
    return Usage(prompt, completion, cached_tokens=cached, written_tokens=written)


def _count(model: Model, text: str) -> int:
    return int(import_litellm().token_counter(model=endpoint_of(model).name, text=text))
