"""The router's number against the threshold: which model answers, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.battles import Winner
from routing.models import Pair, Tier

if TYPE_CHECKING:
    from routing.calibrate import Calibration
    from routing.routers import Router

NEAREST = 5
SNIPPET_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A battle near the prompt: what explains a decision. `similarity` is a cosine."""

    prompt: str
    model_a: str
    model_b: str
    winner: Winner
    similarity: float
    source: str
    battle_id: str = ""

    @property
    def outcome(self) -> str:
        """Who won, in words."""
        winners = {"a": f"{self.model_a} won", "b": f"{self.model_b} won", "tie": "a tie"}
        return winners[self.winner]


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a turn goes and why.

    Attributes:
        model: name of the model taken.
        win_probability: chance that the strong reply is preferred; None where no router decided.
        threshold: the least win probability that goes to the strong model; None likewise.
        flip_share: the share of strong calls from which on this prompt goes to the strong model,
            in [0, 1]; None where no router decided.
        reason: one sentence for the person.
        pinned: the person chose the tier, not the router.
        decision_ms: milliseconds, embedding included.
        router: the name of the router that decided, "" where none did: win probabilities of
            different routers do not compare.
        earlier: how many of the person's earlier messages were routed together with the last.
    """

    model: str
    tier: Tier
    win_probability: float | None
    threshold: float | None
    reason: str
    neighbours: tuple[Neighbour, ...] = ()
    flip_share: float | None = None
    pinned: bool = False
    decision_ms: float = 0.0
    router: str = ""
    earlier: int = 0


def tier_for(win_probability: float, threshold: float) -> Tier:
    """The rule: at or above the threshold the strong model answers."""
    return "strong" if win_probability >= threshold else "weak"


def decide(
    prompt: str, pair: Pair, router: Router, calibration: Calibration, threshold: float
) -> Decision:
    """Where the prompt goes, with the battles nearest to it and where it would flip.

    Raises:
        EmbeddingError: the embedder refused the prompt.
        RouterError: the router cannot decide.
    """
    start = time.perf_counter()
    judgement = router.for_pair(pair.strong.name, pair.weak.name).judge(prompt, NEAREST)
    tier = tier_for(judgement.win_probability, threshold)
    return Decision(
        model=pair.of(tier).name,
        tier=tier,
        win_probability=judgement.win_probability,
        threshold=threshold,
        reason=_reason(judgement.win_probability, threshold, judgement.neighbours),
        neighbours=judgement.neighbours,
        flip_share=calibration.share(judgement.win_probability),
        decision_ms=(time.perf_counter() - start) * 1000,
    )


def pinned(pair: Pair, tier: Tier) -> Decision:
    """The decision that the person took."""
    return Decision(
        model=pair.of(tier).name,
        tier=tier,
        win_probability=None,
        threshold=None,
        reason=f"You pinned the {tier} model.",
        pinned=True,
    )


def _reason(win_probability: float, threshold: float, neighbours: tuple[Neighbour, ...]) -> str:
    """One sentence: the comparison, and the battle that speaks for it the most."""
    sign = "≥" if win_probability >= threshold else "<"
    compared = f"win probability {win_probability:.4f} {sign} threshold {threshold:.4f}"
    if not neighbours:
        return f"{compared}."
    nearest = neighbours[0]
    snippet = " ".join(nearest.prompt.split())
    if len(snippet) > SNIPPET_CHARACTERS:
        snippet = snippet[: SNIPPET_CHARACTERS - 1].rstrip() + "…"
    return f"{compared}; nearest battle: “{snippet}”, {nearest.outcome}."
