"""One audit from its Variants to its Report; scores are kept however the run ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from audit.battery import Battery
from audit.errors import AuditError
from audit.report import Coverage, Report, Spending
from audit.results import evaluate
from audit.scorers import Score, Scorer
from audit.store import Scores, digest, measure
from audit.tally import Tallies
from audit.variants import Variant


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run after one more Score.

    Attributes:
        done, total: Variants scored, and in the battery.
        perturbation: of the Variant just scored.
        tallies: running numbers by perturbation, still growing.
        seconds_left: None before anything can be said.
        tokens_per_second: of what this run read; 0 while all came from what was kept.
        cost_usd: None for an unknown price.
    """

    done: int
    total: int
    perturbation: str
    tallies: Tallies
    seconds_left: float | None
    tokens_per_second: float
    cost_usd: float | None


@dataclass
class Run:
    """A scorer on a battery.

    Attributes:
        notes: sentences for the report on how it was measured.
        scores: those known so far, in the battery's order.
    """

    battery: Battery
    scorer: Scorer
    kept: Scores
    notes: tuple[str, ...] = ()
    clock: Callable[[], float] = monotonic
    scores: list[Score] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._spent_before = self.scorer.spent

    @property
    def missing(self) -> list[Variant]:
        """The Variants that the scorer will be asked, each text once."""
        keyed = {digest(variant): variant for variant in self.battery.variants}
        return [variant for key, variant in keyed.items() if self.kept.get(key) is None]

    def events(self) -> Iterator[Progress]:
        """A Progress after each Score. After an early stop, `report` covers what there is.

        Raises:
            ModelError, EndpointError, BudgetError, StoreError: what was scored is kept.
        """
        variants, tallies = self.battery.variants, Tallies()
        pace = _Pace(len(variants), self.clock)
        for score in measure(variants, self.scorer, self.kept):
            variant = variants[len(self.scores)]
            self.scores.append(score)
            tallies.add(variant, score)
            read = self.scorer.spent.tokens - self._spent_before.tokens
            pace.add(read)
            yield Progress(
                done=len(self.scores),
                total=len(variants),
                perturbation=variant.perturbation,
                tallies=tallies,
                seconds_left=pace.seconds_left,
                tokens_per_second=pace.tokens_per_second,
                cost_usd=self.scorer.spent.cost_usd,
            )

    def report(self, created: str) -> Report:
        """The report on what was scored so far. `created` is its time stamp.

        Raises:
            AuditError: nothing was scored yet.
        """
        if not self.scores:
            raise AuditError(
                "Nothing was scored yet, so there is nothing to report",
                hint="The same command begins again.",
            )
        variants = self.battery.variants[: len(self.scores)]
        spent = self.scorer.spent
        return Report(
            results=evaluate(self.scorer.identity, self.battery, self.scores),
            created=created,
            planned=len(self.battery.variants),
            scored=len(self.scores),
            spending=Spending(
                seconds=self.clock() - self._started, tokens=spent.tokens, cost_usd=spent.cost_usd
            ),
            notes=self.notes,
            coverage=_coverage(variants, self.scores),
            symbol_tokens=_symbol_tokens(variants, self.scores),
            unread=next((score.unread for score in self.scores if score.unread), ""),
        )


@dataclass
class Afresh:
    """Scores of this run alone, kept over those of earlier runs."""

    kept: Scores
    own: dict[str, Score] = field(default_factory=dict)

    def get(self, key: str, /) -> Score | None:
        """The score of that digest where this run has it."""
        return self.own.get(key)

    def __setitem__(self, key: str, score: Score, /) -> None:
        """Keeps the score in place of an earlier one."""
        self.own[key] = score
        self.kept[key] = score


TELLING = 0.02  # of all scores, from which on they tell the pace: the first wait for their batch


class _Pace:
    """How fast a run goes, by the scores that it did not find kept."""

    def __init__(self, total: int, clock: Callable[[], float]) -> None:
        self._total = total
        self._clock = clock
        self._start = clock()
        self._done = 0
        self._kept = 0
        self._read = 0

    def add(self, read: int) -> None:
        """One more score; `read` tokens were read so far."""
        self._done += 1
        if not read:
            self._kept, self._start = self._done, self._clock()
        self._read = read

    @property
    def _seconds(self) -> float:
        return self._clock() - self._start

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at this pace; None while the first scores would say too much."""
        fresh = self._done - self._kept
        if not fresh or (fresh < TELLING * self._total and self._done < self._total):
            return None
        return self._seconds / fresh * (self._total - self._done)

    @property
    def tokens_per_second(self) -> float:
        """Tokens read in a second."""
        return self._read / self._seconds if self._read and self._seconds > 0 else 0.0


def _coverage(variants: Sequence[Variant], scores: Sequence[Score]) -> Coverage | None:
    """How much a scorer saw that gives some symbols only a bound; None where all were measured."""
    bounded = [
        score
        for variant, score in zip(variants, scores, strict=True)
        if score.bound is not None and variant.scoring == "symbol"
    ]
    if not bounded:
        return None
    known = [[nats for nats in score.loglik if nats is not None] for score in bounded]
    options = sum(len(score.loglik) for score in bounded)
    mass = math.fsum(math.exp(nats) for row in known for nats in row) / len(bounded)
    return Coverage(symbols=sum(map(len, known)) / options, probability=min(1.0, mass))


def _symbol_tokens(variants: Sequence[Variant], scores: Sequence[Score]) -> dict[str, int]:
    """How many tokens each symbol takes, where the scorer knows."""
    found: dict[str, int] = {}
    for variant, score in zip(variants, scores, strict=True):
        if variant.scoring == "symbol" and score.tokens:
            found.update(zip(variant.shown.symbols, score.tokens, strict=True))
    return found
