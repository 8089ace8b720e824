"""The router's number against the threshold: which model answers, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from routing.battles import Winner
from routing.cache import Stay, Switch
from routing.models import Pool, Tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.calibrate import Calibration
    from routing.routers.pool import PoolRouter

NEAREST = 5
SNIPPET_CHARACTERS = 60
NEAR = 0.35  # a cosine of MiniLM; battles below it share at most a word or a tone


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A battle near the prompt: what explains a decision.

    Attributes:
        prompt: the last message of what was routed then.
        similarity: a cosine.
        earlier: how many messages before it were routed together with it.
        score: a judge's grade of model_b's reply, 1 to 5; None where none was given.
    """

    prompt: str
    model_a: str
    model_b: str
    winner: Winner
    similarity: float
    source: str
    battle_id: str = ""
    earlier: int = 0
    score: int | None = None

    @property
    def outcome(self) -> str:
        """Who won, in words."""
        winners = {"a": f"{self.model_a} won", "b": f"{self.model_b} won", "tie": "a tie"}
        return winners[self.winner]

    @property
    def grade(self) -> str:
        """What a judge gave the reply that lost, in words, or nothing."""
        return f"graded {self.score} of 5" if self.score and self.winner == "a" else ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that the turn could have gone to.

    Attributes:
        win_probability: chance that the strongest model's reply is preferred to this one's; None
            for the strongest itself.
        prior: how it is rated without battles of its own, such as "like gpt-4"; else "".
        outdone_by: a model that costs less and is no worse, or "". No turn goes then to one that
            is neither the strongest nor the last.
    """

    model: str
    tier: Tier
    win_probability: float | None = None
    prior: str = ""
    outdone_by: str = ""

    @property
    def good_enough(self) -> float:
        """Chance that its reply is at least as good as the strongest model's."""
        return 1.0 if self.win_probability is None else 1 - self.win_probability


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a turn goes and why.

    Attributes:
        model: name of the model taken.
        win_probability: chance that the strongest model's reply is preferred to that of the best
            of the others; None where no router decided.
        threshold: the least win probability that goes to the strong model; None likewise.
        flip_share: the share of strong calls from which on this prompt goes to the strong model,
            in [0, 1]; None where no router decided.
        reason: one sentence for the user.
        pinned: the user chose the model, not the router.
        limited: pinned by the budget that they set, not by their choice of the moment.
        decision_ms: milliseconds, embedding included.
        router: the name of the router that decided, "" where none did: win probabilities of
            different routers do not compare.
        earlier: how many of the user's earlier messages were routed together with the last.
        candidates: every model of the pool in its order; none where no router decided.
        switch: what the turn loses, or would have lost, by leaving a model that has the
            conversation in its provider's cache.
    """

    model: str
    tier: Tier
    win_probability: float | None
    threshold: float | None
    reason: str
    neighbours: tuple[Neighbour, ...] = ()
    flip_share: float | None = None
    pinned: bool = False
    limited: bool = False
    decision_ms: float = 0.0
    router: str = ""
    earlier: int = 0
    candidates: tuple[Candidate, ...] = ()
    switch: Switch | None = None

    @property
    def odds(self) -> float | None:
        """The win probability against the model taken, or the least one where that is strongest."""
        taken = next((c for c in self.candidates if c.model == self.model), None)
        known = taken.win_probability if taken else None
        return self.win_probability if known is None else known

    @property
    def has_near(self) -> bool:
        """Whether any battle is about something like the prompt; else the average decides."""
        return any(neighbour.similarity >= NEAR for neighbour in self.neighbours)


def choose(win_probabilities: Sequence[float], threshold: float) -> int:
    """The pool index of the model that answers: the cheapest one that is good enough.

    A model is good enough where the strongest one's win probability against it is below the
    threshold. `win_probabilities` are those against each other model, the cheapest last. Place 0,
    the strongest, answers where they all reach the threshold.
    """
    good = [place for place, chance in enumerate(win_probabilities, 1) if chance < threshold]
    return good[-1] if good else 0


def decide(prompt: str, router: PoolRouter, calibration: Calibration, threshold: float) -> Decision:
    """The decision for the prompt, with its nearest battles and the share at which it would flip.

    Raises:
        EmbeddingError: the embedder refused the prompt.
        RouterError: the router cannot decide.
    """
    start = time.perf_counter()
    pool = router.pool
    judged = router.judge(prompt, NEAREST)
    taken = pool.models[choose(judged.win_probabilities, threshold)]
    least = min(judged.win_probabilities)
    decision = Decision(
        model=taken.name,
        tier=pool.tier_of(taken),
        win_probability=least,
        threshold=threshold,
        reason="",
        neighbours=judged.neighbours,
        flip_share=calibration.share(least),
        candidates=_candidates(router, judged.win_probabilities),
    )
    return replace(
        decision, reason=_reason(decision), decision_ms=(time.perf_counter() - start) * 1000
    )


def pinned(pool: Pool, pin: str) -> Decision:
    """The decision for a pin that the user set: a tier, or a model's name.

    Raises:
        NoModelError: the pool has no such model.
    """
    model = pool.find(pin)
    tier = pool.tier_of(model)
    named = f"the {tier} model" if tier != "middle" else model.name
    return Decision(
        model=model.name,
        tier=tier,
        win_probability=None,
        threshold=None,
        reason=f"You pinned {named}.",
        pinned=True,
    )


def kept_to(decision: Decision, switch: Switch, kept: Stay, pool: Pool) -> Decision:
    """The decision to stay with the model that answered last: its cache makes it cheap enough."""
    reason = (
        f"Stays with {kept.model.name}, which has the conversation cached: about "
        f"${kept.stay_usd:.4f} against ${kept.switch_usd:.4f} with {switch.taken}."
    )
    return replace(
        decision,
        model=kept.model.name,
        tier=pool.tier_of(kept.model),
        reason=f"{reason} {decision.reason}",
        switch=replace(switch, stayed=True),
    )


def _candidates(router: PoolRouter, chances: Sequence[float]) -> tuple[Candidate, ...]:
    pool = router.pool
    return tuple(
        Candidate(
            model.name,
            pool.tier_of(model),
            chance,
            router.priors.get(model.name, ""),
            router.outdone.get(model.name, ""),
        )
        for model, chance in zip(pool.models, (None, *chances), strict=True)
    )


def compared(decision: Decision) -> str:
    """The win probability against the threshold, in words."""
    odds, threshold = decision.odds, decision.threshold
    assert odds is not None
    assert threshold is not None
    sign = "≥" if odds >= threshold else "<"
    return f"win probability {odds:.4f} {sign} threshold {threshold:.4f}"


def _reason(decision: Decision) -> str:
    """One sentence: the comparison, and the battle that speaks for it the most."""
    if not decision.neighbours:
        return f"{compared(decision)}."
    nearest = decision.neighbours[0]
    snippet = " ".join(nearest.prompt.split())
    if len(snippet) > SNIPPET_CHARACTERS:
        snippet = snippet[: SNIPPET_CHARACTERS - 1].rstrip() + "…"
    where = "nearest battle:"
    if not decision.has_near:
        where = f"no battle is near, the closest ({nearest.similarity:.2f}) is"
    return f"{compared(decision)}; {where} “{snippet}”, {nearest.outcome}."
