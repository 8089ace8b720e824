"""What a token costs, and what else litellm's map knows of a model: who serves it, its context.

The map is read from the files that litellm ships: neither litellm nor the network is needed.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

CHAT_MODES = frozenset({"chat", "completion", "responses"})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token.

    Reasoning tokens count as completion tokens; prices by character, image or second are not
    known here.

    Attributes:
        cached: a prompt token read from the provider's cache; None for the price of `prompt`.
        written: a prompt token that the provider puts into its cache; None likewise.
        above_tokens, above: the price of the whole request once its prompt is longer than that.
    """

    prompt: float
    completion: float
    cached: float | None = None
    written: float | None = None
    above_tokens: int | None = None
    above: Price | None = None


def listed_price(name: str) -> Price | None:
    """US dollars per token by the map; None where it does not know."""
    entry = _entry_of(name)
    return None if entry is None else _price(entry)


def listed_context(name: str) -> int | None:
    """Tokens that the model can read by the map; None where it does not know."""
    entry = _entry_of(name) or {}
    limit = entry.get("max_input_tokens") or entry.get("max_tokens")
    return limit if isinstance(limit, int) else None


def is_listed(name: str) -> bool:
    """Whether the map knows a chat model of that name, with or without its provider."""
    return _entry_of(name) is not None


def listed_provider(name: str) -> str:
    """Who serves the model by the map; what its name says where the map does not know."""
    raw = _price_map().get(name)
    return _family(msgspec.json.decode(raw, type=_Kind)) if raw else name.partition("/")[0]


def listed_models() -> list[str]:
    """The names of all chat models of the map, in its order."""
    return [name for name, kind in _kinds() if kind.mode in CHAT_MODES]


@functools.cache
def is_provider(prefix: str) -> bool:
    """Whether litellm names a provider so."""
    if prefix in _supported_providers():
        return True
    return prefix != "" and any(_family(kind) == prefix for _, kind in _kinds())


@functools.cache
def _supported_providers() -> frozenset[str]:
    file = _litellm_folder() / "provider_endpoints_support_backup.json"
    try:
        return frozenset(msgspec.json.decode(file.read_bytes())["providers"])
    except (OSError, msgspec.DecodeError, KeyError):
        return frozenset()


class _Kind(msgspec.Struct):
    """What of a map's entry tells whether one can chat with the model, and with whom."""

    litellm_provider: str = ""
    mode: str | None = None


@functools.cache
def _price_map() -> dict[str, msgspec.Raw]:
    """Entries of litellm's map by model name, undecoded: decoding all takes 6 MB and 10 ms."""
    file = _litellm_folder() / "model_prices_and_context_window_backup.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
    except (OSError, msgspec.DecodeError):  # a litellm that keeps its map elsewhere
        return _imported_price_map()


def _litellm_folder() -> Path:
    """Where litellm is installed, found without importing it, which takes seconds."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None, "litellm is a dependency"
    assert spec.origin is not None, "litellm is a package on disk"
    return Path(spec.origin).parent


def _imported_price_map() -> dict[str, msgspec.Raw]:
    from routing.providers import import_litellm

    model_cost = import_litellm().model_cost
    return {name: msgspec.Raw(msgspec.json.encode(entry)) for name, entry in model_cost.items()}


def _kinds() -> Iterator[tuple[str, _Kind]]:
    decoder = msgspec.json.Decoder(_Kind)
    for name, raw in _price_map().items():
        if name != "sample_spec":
            yield name, decoder.decode(raw)


def _entry_of(name: str) -> dict[str, Any] | None:
    """The map's entry for a chat model, named with or without its provider; None for no such."""
    prefix, slash, bare = name.partition("/")
    for key in (name, bare) if slash else (name,):
        raw = _price_map().get(key)
        if raw is None:
            continue
        kind = msgspec.json.decode(raw, type=_Kind)
        if kind.mode in CHAT_MODES and (key == name or _family(kind) == prefix):
            entry: dict[str, Any] = msgspec.json.decode(raw)
            return entry
    return None


def _family(kind: _Kind) -> str:
    """The provider without litellm's subdivisions, such as the end of "vertex_ai-llama_models"."""
    provider = kind.litellm_provider
    return "vertex_ai" if provider.startswith("vertex_ai-") else provider


def _price(entry: Mapping[str, Any]) -> Price | None:
    base = _price_with_suffix(entry, "")
    above = re.compile(r"input_cost_per_token(_above_(\d+)k_tokens)")
    found = next((match for key in entry if (match := above.fullmatch(key))), None)
    if base is None or found is None:
        return base
    longer = _price_with_suffix(entry, found[1])
    return (
        base if longer is None else replace(base, above_tokens=int(found[2]) * 1000, above=longer)
    )


def _price_with_suffix(entry: Mapping[str, Any], suffix: str) -> Price | None:
    prompt = entry.get(f"input_cost_per_token{suffix}")
    completion = entry.get(f"output_cost_per_token{suffix}")
    if prompt is None or completion is None:
        return None
    return Price(
        prompt=prompt,
        completion=completion,
        cached=entry.get(f"cache_read_input_token_cost{suffix}"),
        written=entry.get(f"cache_creation_input_token_cost{suffix}"),
    )
