"""A comparison of routers as a table, as JSON and as a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.evaluation.plots import Band, Chart, Level, Line
from tui.money import counted

if TYPE_CHECKING:
    from routing.evaluation.comparison import Comparison, Difference, RouterResult
    from routing.evaluation.curves import Chance, Curve, Interval, Saving
    from routing.evaluation.evidence import Evidence
    from routing.evaluation.frontier import Verdict

COLUMNS = ("", "quality", "CPT50", "CPT80", "APGR", "95 %", "z")
UNKNOWN, CHANCE = "–", "chance"
LEGEND = (
    "Quality: the mean over all shares of strong calls. CPT50: the share of strong calls, in %, "
    "that recovers 50 % of the gap between the two models. APGR: the part recovered, averaged over "
    "all shares; z: by how many standard deviations it exceeds that of random routing."
)


class View(NamedTuple):
    """A comparison as it is printed and drawn.

    Attributes:
        cautions: what the prompts cannot tell.
        sentences: the conclusions from the table.
        fields: everything that was measured, as JSON keeps it.
    """

    heading: str
    cautions: list[str]
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    sentences: list[str]
    legend: str
    fields: dict[str, Any]
    chart: Chart


def view(comparison: Comparison) -> View:
    """Routers between two models."""
    return View(
        heading=f"{comparison.set_name}: {counted(comparison.size, 'prompt')}, "
        f"strong {comparison.strong}, weak {comparison.weak}",
        cautions=comparison.evidence.remarks,
        columns=COLUMNS,
        rows=rows(comparison),
        sentences=sentences(comparison),
        legend=LEGEND,
        fields=as_json(comparison),
        chart=chart(comparison),
    )


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The table under `COLUMNS`, the best that can be had first and the single models last."""
    from routing.evaluation.curves import Interval

    chance = comparison.chance
    spread = Interval.of(chance.apgr)
    random = (_percent(float(chance.cpt50.mean())), _percent(float(chance.cpt80.mean())))
    found = [("oracle", *_curve_cells(comparison.oracle), "", "")]
    is_router = any(router.name == CHANCE for router in comparison.routers)
    best_first = sorted(comparison.routers, key=lambda each: -_or_least(each.curve.apgr))
    found += [_router_row(router) for router in best_first]
    found.append(
        (
            f"{CHANCE} ({len(chance.apgr):,} draws)" if is_router else CHANCE,
            _mean(comparison.price_mix),
            *random,
            number_text(float(chance.apgr.mean())),
            interval_text(spread),
            "",
        )
    )
    found.append(("price-only mix", *_curve_cells(comparison.price_mix), "", ""))
    for tier, model, quality in (
        ("strong", comparison.strong, comparison.price_mix.strong),
        ("weak", comparison.weak, comparison.price_mix.weak),
    ):
        mark = " (best)" if model == comparison.best else ""
        found.append((f"always {tier}{mark}", f"{quality:.2f}", *[""] * 5))
    return found


def sentences(comparison: Comparison) -> list[str]:
    """The conclusions from the table: verdicts, then pairwise differences and savings."""
    is_enough, models = comparison.evidence.is_enough, (comparison.weak, comparison.strong)
    verdicts = [
        f"{each.name}: {each.verdict.words(models, is_enough=is_enough)}"
        for each in comparison.routers
    ]
    if not is_enough:
        return verdicts
    differences = [_difference(each) for each in comparison.differences if each.apgr > 0]
    free = "" if any(comparison.costs) else "; both cost nothing"
    savings = [_savings(each, free) for each in comparison.routers if not math.isnan(each.z)]
    return [*verdicts, *differences, *savings]


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything that was measured; what is not known is null."""
    mix, models = comparison.price_mix, (comparison.weak, comparison.strong)
    return {
        "set": comparison.set_name,
        "prompts": comparison.size,
        "strong": {"model": comparison.strong, "quality": mix.strong, "cost": comparison.costs[0]},
        "weak": {"model": comparison.weak, "quality": mix.weak, "cost": comparison.costs[1]},
        "best_single": comparison.best,
        "evidence": evidence_fields(comparison.evidence),
        "chance": _chance_fields(comparison.chance),
        "oracle": _curve_fields(comparison.oracle),
        "price_only_mix": _curve_fields(mix) | _points(mix),
        "routers": [
            {
                "router": each.name,
                **_curve_fields(each.curve),
                "apgr_interval": list(each.interval),
                "z": each.z,
                "saving50": _saving_fields(each.saving50),
                "saving80": _saving_fields(each.saving80),
                "verdict": verdict_fields(each.verdict, models, comparison.evidence),
                **_points(each.curve),
            }
            for each in comparison.routers
        ],
        "differences": [
            {
                "better": each.better,
                "worse": each.worse,
                "apgr": each.apgr,
                "apgr_interval": list(each.interval),
            }
            for each in comparison.differences
        ],
    }


def evidence_fields(evidence: Evidence) -> dict[str, Any]:
    """The JSON fields of the evidence: whether the prompts can tell anything."""
    return {
        "is_enough": evidence.is_enough,
        "distinct_prompts": evidence.distinct,
        "told_from_chance_at_apgr": evidence.told_from,
        "prompts_to_tell_apgr_0.6": evidence.needed or None,
        "remarks": evidence.remarks,
    }


def verdict_fields(verdict: Verdict, models: Sequence[str], evidence: Evidence) -> dict[str, Any]:
    """The JSON fields of a verdict; `models` are its columns."""
    return {
        "pays": verdict.pays,
        "gain": verdict.gain,
        "gain_interval": list(verdict.interval),
        "words": verdict.words(models, is_enough=evidence.is_enough),
    }


def known(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """The JSON value with null for every number that is undefined."""
    if isinstance(value, dict):
        return {name: known(each) for name, each in value.items()}
    if isinstance(value, list):
        return [known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def chart(comparison: Comparison) -> Chart:
    """Strong calls against quality, a line for each router, between the two models."""
    oracle, mix, random = comparison.oracle, comparison.price_mix, comparison.chance
    shares, (low, high) = (100 * random.shares).tolist(), random.band.tolist()
    return Chart(
        comparison.set_name,
        "strong calls, % of prompts",
        "mean quality",
        [
            *(_line(each.name, each.curve) for each in comparison.routers),
            _line("oracle", oracle, is_reference=True),
            _line("chance, price-only mix", mix, is_reference=True),
        ],
        [
            Level(f"{comparison.strong} {oracle.strong:.2f}", oracle.strong),
            Level(f"{comparison.weak} {oracle.weak:.2f}", oracle.weak),
        ],
        [Band("chance, 95 of 100 random routings", shares, low, high)],
        subtitle=subtitle(comparison.size, comparison.evidence),
    )


def subtitle(size: int, evidence: Evidence) -> str:
    """How many prompts, and whether that is enough, for under a chart's title."""
    doubt = "" if evidence.is_enough else ": too few to tell routing from chance"
    return f"{counted(size, 'prompt')}{doubt}"


def _router_row(router: RouterResult) -> tuple[str, ...]:
    interval, z = interval_text(router.interval), number_text(router.z, "+.1f")
    return router.name, *_curve_cells(router.curve), interval, z


def _curve_cells(curve: Curve) -> tuple[str, ...]:
    return _mean(curve), _percent(curve.cpt(0.5)), _percent(curve.cpt(0.8)), number_text(curve.apgr)


def _mean(curve: Curve) -> str:
    return f"{curve.mean_quality:.2f}"


def _chance_fields(chance: Chance) -> dict[str, Any]:
    from routing.evaluation.curves import Interval

    return {
        "apgr": float(chance.apgr.mean()),
        "apgr_interval": list(Interval.of(chance.apgr)),
        "apgr_deviation": chance.deviation,
        "cpt50": float(chance.cpt50.mean()),
        "cpt80": float(chance.cpt80.mean()),
        "strong_shares": chance.shares.tolist(),
        "quality_intervals": chance.band.T.tolist(),
    }


def _curve_fields(curve: Curve) -> dict[str, float]:
    return {"cpt50": curve.cpt(0.5), "cpt80": curve.cpt(0.8), "apgr": curve.apgr}


def _points(curve: Curve) -> dict[str, list[float]]:
    return {"strong_shares": curve.shares.tolist(), "quality": curve.quality.tolist()}


def _line(label: str, curve: Curve, *, is_reference: bool = False) -> Line:
    return Line(label, (100 * curve.shares).tolist(), curve.quality.tolist(), is_reference)


def _percent(share: float) -> str:
    return UNKNOWN if math.isnan(share) else f"{100 * share:.1f}"


def number_text(value: float, form: str = ".3f") -> str:
    """The number in that form; a dash where it is undefined."""
    return UNKNOWN if math.isnan(value) else f"{value:{form}}"


def interval_text(interval: Interval) -> str:
    """Both ends; a dash where they are undefined."""
    return UNKNOWN if math.isnan(interval.low) else f"{interval.low:.3f}, {interval.high:.3f}"


def _difference(found: Difference) -> str:
    clear = "" if found.interval.low > 0 else ": not told apart"
    return (
        f"{found.better} exceeds {found.worse} by {found.apgr:.3f} APGR "
        f"[{interval_text(found.interval)}]{clear}."
    )


def _savings(router: RouterResult, free: str) -> str:
    """What a router saves against random routing, by calls and by prices.

    `free` says it where no call costs anything.
    """
    half, most = router.saving50, router.saving80
    dollars = free or "; prices are unknown"
    if not math.isnan(half.price):
        dollars = f", and {half.price:.2f} and {most.price:.2f} times the money"
    return (
        f"To recover 50 % and 80 % of the gap, random routing needs {_times(half)} and "
        f"{_times(most)} times the strong calls of {router.name}{dollars}."
    )


def _times(saved: Saving) -> str:
    low, high = saved.interval
    return f"{saved.calls:.2f}" + ("" if math.isnan(low) else f" [{low:.2f}, {high:.2f}]")


def _saving_fields(saved: Saving) -> dict[str, Any]:
    return {
        "calls": saved.calls,
        "calls_interval": list(saved.interval),
        "price": saved.price,
    }


def _or_least(value: float) -> float:
    return -math.inf if math.isnan(value) else value
