"""The interface of scorers, which answer multiple-choice questions, and their Scores.

A scorer measures; it does not judge. `Score` holds what was measured for the options in shown
order, and `choose` turns that into a pick under a normalisation, so that every normalisation
comes from one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from audit.variants import Scoring, Variant, seeded

Normalisation = Literal["none", "characters", "bytes", "tokens", "pmi"]
Reason = Literal["", "unparsed", "refused", "not measurable"]

USUAL: dict[Scoring, Normalisation] = {
    "symbol": "none",
    "hybrid": "characters",
    "cloze": "characters",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifies a scorer's numbers; part of the key that scores are kept under.

    Attributes:
        model: the name that the report prints.
        revision: commit or digest of the weights, or "" if it cannot be known.
        dtype: "float32", "bfloat16", or "" for an endpoint.
        method: "log-likelihood", "chat logprobs", "text", "samples" or "rule".
    """

    model: str
    revision: str = ""
    dtype: str = ""
    method: str = "log-likelihood"


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and US dollars that a scorer has used so far (None: price unknown)."""

    tokens: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """What was measured on one Variant, per option in shown order.

    Attributes:
        loglik: nats of each of the Prompt's continuations after its context; None where it could
            not be measured. Empty for a scorer that sees only text.
        bare: nats of the same continuations after the Prompt's `bare` context; empty without one.
        tokens: tokens of each continuation; empty where unknown.
        bound: no option that is None in `loglik` has more nats than this; None: nothing is known.
        votes: how many sampled replies named each option (one reply at temperature 0: one vote);
            empty for a scorer that measures log-likelihoods.
        unparsed, refused: sampled replies that named no option.
        unread: what one of the unparsed said, quoted and cut; "" where there is none.
        warnings: sentences for the report, such as that the context was cut on the left.
    """

    loglik: tuple[float | None, ...] = ()
    bare: tuple[float | None, ...] = ()
    tokens: tuple[int, ...] = ()
    bound: float | None = None
    votes: tuple[int, ...] = ()
    unparsed: int = 0
    refused: int = 0
    unread: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The option taken.

    Attributes:
        position: shown position; None where there is no answer, and `reason` says why.
        tied: the best value was shared; the seed decided between them.
    """

    position: int | None
    tied: bool = False
    reason: Reason = ""


class Scorer(Protocol):
    """A model that can be audited.

    Attributes:
        identity: fixed from the moment that the scorer is made (an endpoint probes itself first).
    """

    @property
    def identity(self) -> Identity:
        """What tells its numbers from another scorer's."""

    @property
    def spent(self) -> Spent:
        """Tokens read and US dollars spent since it was made."""

    def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
        """One Score for each Variant, in order, as soon as it is known.

        The text that the model sees is `audit.prompts.render(variant)`, to the letter. Variants
        arrive question by question, so neighbours share most of their text. The caller may stop
        at any Score and later ask again for the rest: a score depends on its own Variant alone,
        never on its neighbours or on how many were asked.

        Raises:
            ModelError, EndpointError, BudgetError: the model cannot go on; what was yielded holds.
        """


def values(variant: Variant, score: Score, by: Normalisation) -> tuple[float | None, ...]:
    """The options' log-likelihoods under a normalisation, in shown order; None: not measurable.

    Lengths are those of the option's text without the delimiter, as lm-eval's acc_norm has them;
    for symbol scoring those of the symbol.
    """
    if by == "none" or not score.loglik:
        return score.loglik
    if by == "pmi":
        pairs = zip(score.loglik, score.bare or (None,) * len(score.loglik), strict=True)
        return tuple(None if a is None or b is None else a - b for a, b in pairs)
    lengths = _lengths(variant, score, by)
    return tuple(
        None if nats is None or not length else nats / length
        for nats, length in zip(score.loglik, lengths, strict=True)
    )


def choose(variant: Variant, score: Score, by: Normalisation | None = None) -> Choice:
    """The best option; a tie is broken fairly by the Variant's seed and said to be one.

    `by` is the scoring's usual normalisation where it is None.
    """
    measured = values(variant, score, by or USUAL[variant.scoring]) or score.votes
    known = [(value, i) for i, value in enumerate(measured) if value is not None]
    if not known or (score.votes and not any(score.votes)):
        return Choice(None, reason=_why_none(score))
    best = max(value for value, _ in known)
    shared = [i for value, i in known if value == best]
    if len(shared) == 1:
        return Choice(shared[0])
    # A stream of its own: the shuffles draw from the question's id alone.
    rng = seeded(variant.seed, f"tie\0{variant.question_id}")
    return Choice(rng.choice(shared), tied=True)


def _lengths(variant: Variant, score: Score, by: Normalisation) -> Sequence[int]:
    """The length of each option in the unit of that normalisation; 0 where it is not known."""
    if by == "tokens":
        return score.tokens or (0,) * len(score.loglik)
    texts = variant.shown.symbols if variant.scoring == "symbol" else variant.shown.options
    return [len(text.encode()) if by == "bytes" else len(text) for text in texts]


def _why_none(score: Score) -> Reason:
    if score.refused > score.unparsed:
        return "refused"
    return "unparsed" if score.unparsed else "not measurable"
