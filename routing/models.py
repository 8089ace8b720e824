"""Models and pools of them: providers, endpoints, keys and prices.

What litellm knows of prices and contexts is in `routing.prices`.
"""

from __future__ import annotations

import difflib
import functools
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

from routing.errors import NoModelError
from routing.prices import (
    Price,
    is_listed,
    is_provider,
    listed_context,
    listed_models,
    listed_price,
    listed_provider,
)

Tier = Literal["strong", "middle", "weak"]


class Sampling(NamedTuple):
    """Sampling parameters; None leaves one to the model, and unsupported ones are not sent.

    Attributes:
        temperature: 0 takes the likeliest token, more takes others too.
        top_p: only the likeliest tokens are taken that have this share of the probability.
        max_tokens: the most tokens of a reply.
        reasoning_effort: how long a reasoning model thinks, such as "low".
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None

    def given(self) -> dict[str, float | int | str]:
        """The parameters that are set, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None}


AS_IT_IS = Sampling()


@dataclass(frozen=True, slots=True)
class Model:
    """A model and where to reach it.

    Attributes:
        name: as litellm writes it, "provider/model" or a bare well-known name.
        api_base: the endpoint's URL; None for the provider's own.
        key_name: the environment variable that names its key; None for the provider's usual one.
        price: the user's own price; None to look it up.
        context_tokens: how much it can read; None to look it up.
        like: as which model the router judges it while no battle names it: "strong" or "weak" of
            the starter battles, or any model that has battles.
        sampling: how it is to write.
    """

    name: str
    api_base: str | None = None
    key_name: str | None = None
    price: Price | None = None
    context_tokens: int | None = None
    like: str | None = None
    sampling: Sampling = AS_IT_IS


@dataclass(frozen=True, slots=True)
class Pool:
    """The models that a turn can go to, two or more: the strongest first, the cheapest last.

    A pair is a pool of two.
    """

    models: tuple[Model, ...]

    @classmethod
    def ordered(cls, models: Sequence[Model]) -> Self:
        """The pool whose strongest model is the first, the others by falling price.

        Models of unknown price stay where they stand among the others.

        Raises:
            ValueError: there are fewer than two models.
        """
        if len(models) < 2:
            raise ValueError(f"a pool has two models or more, not {len(models)}")
        strong, *others = models
        blends = [blended_price(model) for model in others]
        dearest = iter(
            sorted(
                (at for at, blend in enumerate(blends) if blend is not None),
                key=lambda at: -(blends[at] or 0.0),
            )
        )
        order = [at if blend is None else next(dearest) for at, blend in enumerate(blends)]
        return cls((strong, *(others[at] for at in order)))

    @property
    def strong(self) -> Model:
        """The strongest model."""
        return self.models[0]

    @property
    def weak(self) -> Model:
        """The cheapest model."""
        return self.models[-1]

    @property
    def others(self) -> tuple[Model, ...]:
        """The models beside the strongest, the cheapest last."""
        return self.models[1:]

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in the pool's order."""
        return tuple(model.name for model in self.models)

    def find(self, pin: str) -> Model:
        """The model that a pin names: "strong", "weak", or a model's name.

        Raises:
            NoModelError: the pool has none of that name.
        """
        ends = {"strong": self.strong, "weak": self.weak}
        found = ends.get(pin) or next((m for m in self.models if m.name == pin), None)
        if found is None:
            known = ", ".join(self.names)
            raise NoModelError(
                f"{pin!r} is none of the models to route between.", hint=f"They are {known}."
            )
        return found

    def alternatives(self, model: Model) -> list[Model]:
        """The others, the nearest in strength first; of two as near the stronger."""
        at = self.models.index(model)
        places = (place for place in range(len(self.models)) if place != at)
        return [self.models[place] for place in sorted(places, key=lambda p: (abs(p - at), p))]

    def tier_of(self, model: Model) -> Tier:
        """The model's tier: strong, weak, or middle."""
        if model == self.strong:
            return "strong"
        return "weak" if model == self.weak else "middle"


FREE = Price(0.0, 0.0)
DEMO_CONTEXT_TOKENS = 32_000
DEMO_PRICES = {
    "demo/strong": Price(prompt=5e-6, completion=25e-6, cached=0.5e-6),
    "demo/middle": Price(prompt=1e-6, completion=5e-6, cached=0.1e-6),
    "demo/weak": Price(prompt=0.25e-6, completion=1.25e-6, cached=0.025e-6),
}
DEMO_PAIR = Pool((Model("demo/strong"), Model("demo/weak")))

# Servers that people run themselves, and where each listens unless it is told otherwise.
SELF_HOSTED = {
    "ollama": "http://localhost:11434",
    "ollama_chat": "http://localhost:11434",
    "lm_studio": "http://localhost:1234/v1",
    "llamafile": "http://127.0.0.1:8080/v1",
    "hosted_vllm": "http://localhost:8000/v1",
}
BUILT_IN = frozenset({"demo", "local"})
# Prompt tokens for one completion token in an ordinary chat: what models are ordered by.
PROMPT_WEIGHT = 3

# Environment variables that do not follow PROVIDER_API_KEY. None: the provider takes no single
# key (cloud credentials, a device login).
UNUSUAL_KEYS: Mapping[str, str | None] = {
    "bedrock": None,
    "bedrock_converse": None,
    "chatgpt": None,
    "cohere_chat": "COHERE_API_KEY",
    "dashscope": "DASHSCOPE_API_KEY",
    "github_copilot": None,
    "meta_llama": "LLAMA_API_KEY",
    "nebius": "NEBIUS_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "sagemaker": None,
    "text-completion-openai": "OPENAI_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "vertex_ai": None,
}

# What the best known providers call theirs.
PROVIDER_KEYS = (
    "ANTHROPIC_API_KEY",
    "COHERE_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "TOGETHERAI_API_KEY",
    "XAI_API_KEY",
)
OPENAI_PROTOCOL = frozenset({"openai", "custom_openai", "lm_studio", "llamafile", "hosted_vllm"})
OWN_PREFIXES = OPENAI_PROTOCOL | SELF_HOSTED.keys() | BUILT_IN


def price_of(model: Model) -> Price | None:
    """US dollars per token of that model; None if unknown, which is not the same as $0.

    The user's own price comes first, then $0 for what runs on this machine, then the demo's
    list, then litellm's map.
    """
    if model.price is not None:
        return model.price
    if is_local(model):
        return FREE
    if model.name in DEMO_PRICES:
        return DEMO_PRICES[model.name]
    if provider_of(model) in SELF_HOSTED:  # the map's $0 is for one's own machine, not another's
        return None
    return listed_price(model.name)


def blended_price(model: Model) -> float | None:
    """The cost of an ordinary turn, up to a factor; None if the price is unknown."""
    price = price_of(model)
    return None if price is None else PROMPT_WEIGHT * price.prompt + price.completion


def context_of(model: Model) -> int | None:
    """The model's context window in tokens; None if unknown."""
    if model.context_tokens is not None:
        return model.context_tokens
    provider, _, rest = model.name.partition("/")
    if provider == "demo":
        return DEMO_CONTEXT_TOKENS
    if provider == "local":
        return _context_of_folder(Path(rest).expanduser())
    return listed_context(model.name)


def provider_of(model: Model) -> str:
    """The model's provider in litellm's spelling; "" if its name does not say.

    A model at an endpoint of its own whose name names no provider speaks OpenAI's protocol.
    """
    prefix, slash, _ = model.name.partition("/")
    if slash and (prefix in OWN_PREFIXES or is_provider(prefix)):
        return prefix
    if model.api_base is not None:
        return "custom_openai"
    return listed_provider(model.name) if is_listed(model.name) else ""


def key_name_of(model: Model) -> str | None:
    """The environment variable that holds the model's key; None where it needs none.

    An endpoint of the user's own gets no provider's usual key: only the one named for it.
    """
    if model.key_name is not None:
        return model.key_name
    provider = provider_of(model)
    if model.api_base is not None or provider in {"", *SELF_HOSTED, *BUILT_IN}:
        return None
    return UNUSUAL_KEYS.get(provider, f"{provider.upper().replace('-', '_')}_API_KEY")


def is_local(model: Model) -> bool:
    """Whether the model runs on this machine, so that its tokens cost nothing."""
    provider = provider_of(model)
    if provider == "local":
        return True
    if provider not in SELF_HOSTED or model.name.endswith(("-cloud", ":cloud")):
        return False
    variable = f"{provider.removesuffix('_chat').upper()}_API_BASE"
    base = model.api_base or os.environ.get(variable) or SELF_HOSTED[provider]
    return _is_loopback(_with_scheme(base))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model in litellm's spelling. `api_base` is None for the provider's own address."""

    name: str
    api_base: str | None


def endpoint_of(model: Model) -> Endpoint:
    """Where litellm sends the model's turns, with what people leave out of URLs put in.

    A server of one's own is addressed as litellm's "custom_openai", which rewrites nothing by the
    model's name; Ollama through its chat interface, which applies the model's own template.
    """
    provider = provider_of(model)
    bare = model.name.removeprefix(f"{provider}/")
    base = model.api_base
    if base is None and provider in {"lm_studio", "hosted_vllm"}:
        base = os.environ.get(f"{provider.upper()}_API_BASE", SELF_HOSTED[provider])
    if provider in {"ollama", "ollama_chat"}:
        return Endpoint(f"ollama_chat/{bare}", base and _with_scheme(base).removesuffix("/v1"))
    if base is None:
        named = "/" in model.name or provider in {"", "bedrock_converse"}
        return Endpoint(model.name if named else f"{provider}/{model.name}", None)
    if provider in OPENAI_PROTOCOL:
        return Endpoint(f"custom_openai/{bare}", _openai_base(base))
    return Endpoint(model.name, _with_scheme(base))


def listing_of(model: Model) -> str | None:
    """The URL at which a server of one's own lists its models; None for a provider's address."""
    base = endpoint_of(model).api_base or SELF_HOSTED.get(provider_of(model))
    return f"{_openai_base(base)}/models" if base else None


@functools.cache
def known_models() -> tuple[str, ...]:
    """Names of the demo's models and of all chat models in litellm's map, sorted."""
    return tuple(sorted([*DEMO_PRICES, *listed_models()]))


def suggested_models() -> list[str]:
    """Every known name, also with its provider before it, such that the likeliest come first.

    Of the names that begin alike the shortest are those without a date or a variant, and the last
    of these by the alphabet the newest.
    """
    known = known_models()
    bare = (name for name in known if "/" not in name)
    full = (f"{listed_provider(name)}/{name}" for name in bare)
    names = {*known, *(name for name in full if is_listed(name))}
    return sorted(sorted(names, reverse=True), key=len)


def nearest_names(name: str) -> list[str]:
    """The known models whose names are most like that one, the likeliest first; three at most.

    Among models of one name the wanted provider's comes first, with its provider before it as the
    name has it, then the shortest.
    """
    wanted_provider, _, wanted = name.lower().rpartition("/")
    by_tail: dict[str, list[str]] = {}
    for known in known_models():
        by_tail.setdefault(known.rpartition("/")[2].lower(), []).append(known)
    close = difflib.get_close_matches(wanted, by_tail, n=3, cutoff=0.6)
    near = (
        min(
            by_tail[tail], key=lambda known: (listed_provider(known) != wanted_provider, len(known))
        )
        for tail in close
    )
    return [
        f"{wanted_provider}/{known}"
        if "/" not in known and listed_provider(known) == wanted_provider
        else known
        for known in near
    ]


def _context_of_folder(folder: Path) -> int | None:
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None
    limit = config.get("max_position_embeddings") or config.get("n_positions")
    return limit if isinstance(limit, int) else None


def _openai_base(base: str) -> str:
    url = _with_scheme(base).removesuffix("/chat/completions")
    return url if urlsplit(url).path.strip("/") else f"{url}/v1"


def _with_scheme(base: str) -> str:
    url = base.strip().rstrip("/")
    if "://" in url:
        return url
    return f"http://{url}" if _is_loopback(f"http://{url}") else f"https://{url}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
