"""A comparison of routers as a table, as JSON and as a chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.curve_plots import Chart, Level, Line

if TYPE_CHECKING:
    from routing.comparison import Comparison, Measured
    from routing.evaluate import Curve, Interval

COLUMNS = ("", "quality", "CPT50", "CPT80", "APGR", "95 %", "z")
UNKNOWN = "–"
LEGEND = (
    "Quality: the mean over all shares of strong calls. CPT50: the share of strong calls, in %, "
    "that wins 50 % of the gap between the two models back. APGR: the part won back, averaged over "
    "all shares; z: by how many standard deviations it exceeds that of random routing."
)


class View(NamedTuple):
    """A comparison as it is printed and drawn.

    Attributes:
        sentences: what the table comes to.
        fields: everything that was measured, as JSON keeps it.
    """

    heading: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    sentences: list[str]
    legend: str
    fields: dict[str, Any]
    chart: Chart


def view(comparison: Comparison) -> View:
    """Routers between two models."""
    return View(
        f"{comparison.set_name}: {comparison.size:,} prompts, strong {comparison.strong}, "
        f"weak {comparison.weak}",
        COLUMNS,
        rows(comparison),
        sentences(comparison),
        LEGEND,
        as_json(comparison),
        chart(comparison),
    )


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The table under `COLUMNS`, the best that can be had first and the single models last."""
    from routing.evaluate import Interval

    chance = comparison.chance
    spread = Interval.of(chance.apgr)
    random = (f"{100 * chance.cpt50.mean():.1f}", f"{100 * chance.cpt80.mean():.1f}")
    found = [("oracle", *_curve_cells(comparison.oracle), "", "")]
    best_first = sorted(comparison.routers, key=lambda each: -_or_least(each.curve.apgr))
    found += [_router_row(router) for router in best_first]
    found.append(
        (
            "chance",
            _mean(comparison.price_mix),
            *random,
            f"{chance.apgr.mean():.3f}",
            _interval(spread),
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
    """What the table comes to: the pairwise differences and the verdicts."""
    found = []
    if math.isnan(comparison.oracle.apgr):
        found.append(
            f"{comparison.strong} is not better than {comparison.weak} on these prompts, so there "
            "is no gap to win back."
        )
    for each in comparison.differences:
        clear = "" if each.interval.low > 0 else ": not told apart"
        found.append(
            f"{each.better} exceeds {each.worse} by {each.apgr:.3f} APGR "
            f"[{_interval(each.interval)}]{clear}."
        )
    found += [_savings(each) for each in comparison.routers if each.curve.cpt(0.5) > 0]
    models = (comparison.weak, comparison.strong)
    return found + [f"{each.name}: {each.verdict.words(models)}" for each in comparison.routers]


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything that was measured; what is not known is null."""
    from routing.evaluate import Interval

    chance, models = comparison.chance, (comparison.weak, comparison.strong)
    mix = comparison.price_mix
    return {
        "set": comparison.set_name,
        "prompts": comparison.size,
        "strong": {"model": comparison.strong, "quality": mix.strong, "cost": comparison.costs[0]},
        "weak": {"model": comparison.weak, "quality": mix.weak, "cost": comparison.costs[1]},
        "best_single": comparison.best,
        "chance": {
            "apgr": float(chance.apgr.mean()),
            "apgr_interval": list(Interval.of(chance.apgr)),
            "apgr_deviation": chance.deviation,
            "cpt50": float(chance.cpt50.mean()),
            "cpt80": float(chance.cpt80.mean()),
        },
        "oracle": _curve_fields(comparison.oracle),
        "price_only_mix": _curve_fields(mix) | _points(mix),
        "routers": [
            {
                "router": each.name,
                **_curve_fields(each.curve),
                "apgr_interval": list(each.interval),
                "z": each.z,
                "saving50": each.saving50._asdict(),
                "saving80": each.saving80._asdict(),
                "verdict": {
                    "pays": each.verdict.pays,
                    "gain": each.verdict.gain,
                    "gain_interval": list(each.verdict.interval),
                    "words": each.verdict.words(models),
                },
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


def known(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """The JSON value with null for every number that is undefined."""
    if isinstance(value, dict):
        return {name: known(each) for name, each in value.items()}
    if isinstance(value, list):
        return [known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def chart(comparison: Comparison) -> Chart:
    """Strong calls against quality, a line for each router, between the two models."""
    oracle = comparison.oracle
    lines = [_line(each.name, each.curve) for each in comparison.routers]
    references = [
        _line("oracle", oracle, is_reference=True),
        _line("price-only mix, chance", comparison.price_mix, is_reference=True),
    ]
    return Chart(
        f"{comparison.set_name}: {comparison.size:,} prompts",
        "strong calls, %",
        "mean quality",
        [*lines, *references],
        [Level(comparison.strong, oracle.strong), Level(comparison.weak, oracle.weak)],
    )


def _router_row(router: Measured) -> tuple[str, ...]:
    z = UNKNOWN if math.isnan(router.z) else f"{router.z:+.1f}"
    return (
        router.name,
        *_curve_cells(router.curve),
        _interval(router.interval),
        z,
    )


def _curve_cells(curve: Curve) -> tuple[str, ...]:
    return _mean(curve), _percent(curve.cpt(0.5)), _percent(curve.cpt(0.8)), _number(curve.apgr)


def _mean(curve: Curve) -> str:
    return f"{curve.mean_quality:.2f}"


def _curve_fields(curve: Curve) -> dict[str, float]:
    return {"cpt50": curve.cpt(0.5), "cpt80": curve.cpt(0.8), "apgr": curve.apgr}


def _points(curve: Curve) -> dict[str, list[float]]:
    return {"strong_shares": curve.shares.tolist(), "quality": curve.quality.tolist()}


def _line(label: str, curve: Curve, *, is_reference: bool = False) -> Line:
    return Line(label, (100 * curve.shares).tolist(), curve.quality.tolist(), is_reference)


def _percent(share: float) -> str:
    return UNKNOWN if math.isnan(share) else f"{100 * share:.1f}"


def _number(value: float) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:.3f}"


def _interval(interval: Interval) -> str:
    return UNKNOWN if math.isnan(interval.low) else f"{interval.low:.3f}, {interval.high:.3f}"


def _savings(router: Measured) -> str:
    """What a router saves against random routing, by calls and by prices."""
    half, most = router.saving50, router.saving80
    dollars = "at unknown prices"
    if not math.isnan(half.price):
        dollars = f"for {half.price:.2f} and {most.price:.2f} times less money"
    return (
        f"{router.name} wins 50 % and 80 % of the gap back with {half.calls:.2f} and "
        f"{most.calls:.2f} times fewer strong calls than random routing, {dollars}."
    )


def _or_least(value: float) -> float:
    return -math.inf if math.isnan(value) else value
