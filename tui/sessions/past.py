"""Routed turns from the history, and what another threshold would have made of them.

The stored win probabilities say where the turn goes at any threshold, so nothing is routed again:
each turn is priced by its own usage, at the prices of the day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from routing.cost import Bill
from routing.decide import Candidate, Decision, choose
from routing.models import Pool, Tier
from tui.sessions.message import Message


@dataclass(frozen=True, slots=True)
class Routed:
    """A turn that a router decided.

    Attributes:
        model: what answered.
        candidates: what could have, the strongest first.
        costs_usd: the turn's own tokens at each candidate's price; None where it is unknown. That
            of the model that answered was paid, the others are estimates.
        router: the router that decided; "" where that was not stored.
        prompt: id of the message that was answered; "" where that was not stored.
        created: the moment, as ISO 8601 in UTC.
    """

    model: str
    candidates: tuple[Candidate, ...]
    costs_usd: tuple[float | None, ...]
    router: str = ""
    created: str = ""
    prompt: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The candidates' names."""
        return tuple(candidate.model for candidate in self.candidates)

    @property
    def win_probability(self) -> float:
        """Chance that the strongest reply is preferred to the best other one's."""
        return min(self._chances, default=0.0)

    def place_at(self, threshold: float) -> int:
        """Which candidate the turn goes to at that threshold."""
        return choose(self._chances, threshold)

    @property
    def _chances(self) -> list[float]:
        return [c.win_probability for c in self.candidates if c.win_probability is not None]


class Outcome(NamedTuple):
    """What a threshold makes of routed turns.

    Attributes:
        turns: how many go to each tier.
        flipped: turns that go to another model than they went to.
        cost_usd, all_strong_usd: sums over the turns whose two prices are known.
        unpriced: how many turns are left out of the sums.
    """

    turns: Mapping[Tier, int]
    flipped: int
    cost_usd: float
    all_strong_usd: float
    unpriced: int

    @property
    def saved_usd(self) -> float:
        """What that routing saves against sending each turn to the strongest model."""
        return self.all_strong_usd - self.cost_usd


def routed(messages: Iterable[Message]) -> list[Routed]:
    """The turns among the messages that a router decided, in their order; no copies of a fork."""
    return [turn for message in messages if (turn := _routed(message))]


def of_pool(turns: Iterable[Routed], pool: Pool, router: str) -> list[Routed]:
    """The turns whose win probabilities compare with those that the pool's router gives now."""
    return [turn for turn in turns if turn.models == pool.names and turn.router in {"", router}]


def outcome(turns: Sequence[Routed], threshold: float) -> Outcome:
    """Where the turns would go at that threshold, and what they would cost."""
    places = [turn.place_at(threshold) for turn in turns]
    taken = [turn.candidates[at] for turn, at in zip(turns, places, strict=True)]
    costs = [(t.costs_usd[0], t.costs_usd[at]) for t, at in zip(turns, places, strict=True)]
    priced = [(strong, paid) for strong, paid in costs if strong is not None and paid is not None]
    return Outcome(
        turns=Counter(candidate.tier for candidate in taken),
        flipped=sum(turn.model != to.model for turn, to in zip(turns, taken, strict=True)),
        cost_usd=sum(paid for _, paid in priced),
        all_strong_usd=sum(strong for strong, _ in priced),
        unpriced=len(turns) - len(priced),
    )


def _routed(message: Message) -> Routed | None:
    decision, bill = message.decision, message.bill
    if decision is None or bill is None or message.origin is not None or not decision.candidates:
        return None
    return Routed(
        model=message.model or decision.model,
        candidates=decision.candidates,
        costs_usd=_costs(decision, bill),
        router=decision.router,
        created=message.created,
        prompt=message.parent or "",
    )


def _costs(decision: Decision, bill: Bill) -> tuple[float | None, ...]:
    costs = {**bill.others_usd, decision.model: bill.cost_usd}
    return tuple(costs.get(candidate.model) for candidate in decision.candidates)
