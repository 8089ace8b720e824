"""Whether a set of graded prompts is large and varied enough to tell anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from routing.arrays import Doubles
from routing.evaluation.curves import Chance, Grades

LEAST_PROMPTS = 30  # with fewer, the bootstrap's intervals are too narrow
LEAST_DISTINCT = 0.95  # share of distinct prompts below which repeats matter
USEFUL = 0.6  # the APGR of a router that is worth having: the paper's best on MMLU
SPREADS = 1.96  # standard deviations within which chance stays 19 times out of 20
NEEDED_SPREADS = SPREADS + 0.84  # at which such a router is detected 4 times out of 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the prompts of a set can tell.

    Attributes:
        prompts: how many there are; `distinct`: how many different ones.
        is_enough: whether a verdict can be given on them.
        doubt: why none can, or why there is nothing to route, a sentence; "" where neither.
        told_from: the APGR from which on a router is told apart from chance; nan without a gap, or
            among more than two models.
        needed: prompts like these that tell a router of APGR .6 from chance 4 times out of 5; 0
            where that cannot be said.
    """

    prompts: int
    distinct: int
    is_enough: bool
    doubt: str
    told_from: float = math.nan
    needed: int = 0

    @property
    def remarks(self) -> list[str]:
        """Remarks on the set, a sentence each."""
        found = [self.doubt] if self.doubt else []
        if self.distinct < LEAST_DISTINCT * self.prompts:
            found.append(
                f"Of these {self.prompts:,} prompts {self.distinct:,} "
                f"{'is' if self.distinct == 1 else 'are'} different: what repeats makes the "
                "intervals narrower than they are."
            )
        if self.needed > self.prompts:
            found.append(
                f"With {self.prompts:,} a router is told apart from chance from an "
                f"APGR of {self.told_from:.2f} on; to tell one of {USEFUL:g} it takes about "
                f"{_rounded(self.needed):,} prompts."
            )
        return found


def pair_evidence(
    prompts: Sequence[str], pair: tuple[str, str], grades: Grades, random: Chance
) -> Evidence:
    """What the grades of a pair, the strong model first, can tell of a router."""
    size, distinct = len(prompts), len(set(prompts))
    few = _too_few(distinct)
    nothing = "" if few else _nothing_to_route(pair, grades)
    if nothing or math.isnan(random.z(USEFUL)):
        return Evidence(size, distinct, not few, few or nothing)
    if not few and (unsure := _unsure_gap(pair, grades)):
        return Evidence(size, distinct, is_enough=False, doubt=unsure)
    told_from = float(random.apgr.mean()) + SPREADS * random.deviation
    needed = size * (NEEDED_SPREADS * random.deviation / (USEFUL - 0.5)) ** 2
    return Evidence(size, distinct, not few, few, told_from, math.ceil(needed))


def pool_evidence(prompts: Sequence[str], quality: Doubles) -> Evidence:
    """What the grades of more than two models, (n, m), can tell of a router."""
    distinct = len(set(prompts))
    few = _too_few(distinct)
    nothing = ""
    if not few and (quality == quality[:, :1]).all():
        nothing = "All models answer each of these prompts equally well: there is nothing to route."
    return Evidence(len(prompts), distinct, not few, few or nothing)


def _too_few(distinct: int) -> str:
    if distinct >= LEAST_PROMPTS:
        return ""
    return (
        f"Too few to tell: {_count(distinct)}, expected {LEAST_PROMPTS} at "
        "least. What stands here may well be chance."
    )


def _nothing_to_route(pair: tuple[str, str], grades: Grades) -> str:
    """Why routing cannot gain anything on these grades; "" if it can."""
    gains = grades.strong - grades.weak
    strong, weak = pair
    if not gains.any():
        return f"{strong} and {weak} answer each of these prompts equally well: nothing to win."
    if grades.gap <= 0:
        return (
            f"{strong} is not better than {weak} on these prompts, so there is no gap to win back."
        )
    if (gains == gains[0]).all():
        return (
            f"{strong} is better than {weak} by the same on each of these prompts, so it makes no "
            "difference which of them it answers."
        )
    return ""


def _unsure_gap(pair: tuple[str, str], grades: Grades) -> str:
    """A warning if the models' quality gap, which results are divided by, is uncertain; else ""."""
    gains = grades.strong - grades.weak
    spread = SPREADS * float(gains.std(ddof=1)) / math.sqrt(len(gains))
    if grades.gap > spread:
        return ""
    strong, weak = pair
    return (
        f"Too few to tell: {strong} is better than {weak} by {grades.gap:.3g} ± {spread:.3g}, "
        "which may be no difference, so that the part of it won back is no number to rely on."
    )


def _count(different: int) -> str:
    return f"{different:,} different prompt" + ("" if different == 1 else "s")


def _rounded(number: int) -> int:
    """To two digits."""
    return int(float(f"{number:.1e}"))
