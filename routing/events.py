"""The engine's requests and events: one turn is a request and a stream of events.

The same types serve the engine in this process and the engine in its own: there they travel as
JSON lines. A turn yields `Decided`, `Thinking` where the model reasons first, then `Delta` and
`Metered` in any number, then `Finished`; what goes wrong is raised as a
`routing.errors.RoutingError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.cache import Held
from routing.conversation import Delta, Reply, Thinking, Turn, Usage
from routing.cost import Bill
from routing.decide import Decision
from routing.models import Pool


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine needs to know before it can decide.

    Attributes:
        folder: where the index, imported battles and the user's own are kept.
        embedder: "minilm", a sentence-transformers id, or a folder.
        timeout: seconds to wait for a model's first token, and between two tokens.
        retries: how often a failed connection is tried again before the first token.
    """

    folder: str
    router: str = "ridge"
    embedder: str = "minilm"
    timeout: float = 60.0
    retries: int = 2


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One turn to route and answer.

    Attributes:
        turns: the conversation, ending with the user's message.
        share: wanted share of strong calls in [0, 1]; `threshold`, where given, overrules it.
        pin: "strong", "weak" or the name of the model that the user chose; no router is asked.
        because: why it is pinned, where the user's budget did that; "" for their own choice.
        held: what providers have of the conversation in their caches, as `routing.cache` has it.
        cache_aware: stay with the stronger model that answered last where leaving saves nothing.
        keys: API keys by model name; never logged, never shown.
    """

    turns: tuple[Turn, ...]
    pool: Pool
    share: float = 0.5
    threshold: float | None = None
    pin: str | None = None
    because: str = ""
    held: tuple[Held, ...] = ()
    cache_aware: bool = False
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Decided:
    """The route, known before the first token. `context_tokens`: what the model can read."""

    decision: Decision
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Metered:
    """An estimate of the running bill while the reply streams."""

    usage: Usage
    bill: Bill


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole reply and what it cost."""

    reply: Reply
    bill: Bill


Event = Decided | Thinking | Delta | Metered | Finished


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the engine decides with.

    Attributes:
        battles: how many battles the index holds; `mine`: the user's own among them.
        warm_seconds: how long it took to get ready.
        trouble: why no router could be loaded, or "": pinned turns work all the same.
    """

    router: str
    embedder: str
    battles: int
    mine: int
    warm_seconds: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about the engine's own work, such as rebuilding an index."""

    text: str
