"""The turns that a router decided, as they are stored, and what another threshold had made of them.

A stored win probability says where the turn goes at any threshold, so nothing is routed anew: each
turn is priced by its own usage, at the prices of the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from routing.decide import tier_for
from routing.models import Pair, Tier
from tui.sessions.message import Message


@dataclass(frozen=True, slots=True)
class Routed:
    """A turn that a router decided.

    Attributes:
        model, tier: what answered.
        router: the router that gave the win probability; "" where that was not stored.
        strong_usd, weak_usd: the turn's own tokens at each model's price; None where one is
            unknown. That of the model that answered was paid, the other is an estimate.
        created: the moment, as ISO 8601 in UTC.
    """

    model: str
    tier: Tier
    win_probability: float
    strong_usd: float | None
    weak_usd: float | None
    router: str = ""
    created: str = ""


class Outcome(NamedTuple):
    """What a threshold makes of routed turns.

    Attributes:
        flipped: turns that go to the other model than they went to.
        cost_usd, all_strong_usd: sums over the turns whose two prices are known.
        unpriced: how many turns are left out of the sums.
    """

    weak_turns: int
    strong_turns: int
    flipped: int
    cost_usd: float
    all_strong_usd: float
    unpriced: int

    @property
    def saved_usd(self) -> float:
        """What that routing saves against sending each turn to the strong model."""
        return self.all_strong_usd - self.cost_usd


def routed(messages: Iterable[Message]) -> list[Routed]:
    """The turns among the messages that a router decided, in their order; no copies of a fork."""
    return [turn for message in messages if (turn := _routed(message))]


def of_pair(turns: Iterable[Routed], pair: Pair, router: str) -> list[Routed]:
    """The turns whose win probabilities compare with those that the pair's router gives now."""
    return [
        turn
        for turn in turns
        if turn.model == pair.of(turn.tier).name and turn.router in {"", router}
    ]


def outcome(turns: Sequence[Routed], threshold: float) -> Outcome:
    """Where the turns go at that threshold, and what they cost there."""
    tiers = [tier_for(turn.win_probability, threshold) for turn in turns]
    strong = sum(tier == "strong" for tier in tiers)
    priced = [
        (turn.strong_usd, turn.strong_usd if tier == "strong" else turn.weak_usd)
        for turn, tier in zip(turns, tiers, strict=True)
        if turn.strong_usd is not None and turn.weak_usd is not None
    ]
    return Outcome(
        weak_turns=len(turns) - strong,
        strong_turns=strong,
        flipped=sum(turn.tier != tier for turn, tier in zip(turns, tiers, strict=True)),
        cost_usd=sum(paid for _, paid in priced),
        all_strong_usd=sum(dearer for dearer, _ in priced),
        unpriced=len(turns) - len(priced),
    )


def _routed(message: Message) -> Routed | None:
    decision, bill = message.decision, message.bill
    if decision is None or bill is None or message.origin is not None:
        return None
    if decision.win_probability is None:
        return None
    paid, other = bill.cost_usd, bill.other_usd
    strong, weak = (paid, other) if decision.tier == "strong" else (other, paid)
    return Routed(
        model=message.model or decision.model,
        tier=decision.tier,
        win_probability=decision.win_probability,
        strong_usd=strong,
        weak_usd=weak,
        router=decision.router,
        created=message.created,
    )
