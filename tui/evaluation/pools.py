"""A comparison of routers among more than two models as a table, as JSON and as a chart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tui.evaluation.comparison import View, evidence_fields, subtitle, verdict_fields
from tui.evaluation.plots import Chart, Level, Line, Point
from tui.money import counted

if TYPE_CHECKING:
    from routing.evaluation.frontier import CostCurve, PoolComparison

COLUMNS = ("", "mean cost", "quality", "price-only mix", "gain")
LEGEND = (
    "Gain: quality above the price-only mix, which sends prompts to random models and costs the "
    "same. A router's rows are points of its curve; the oracle knows every grade beforehand."
)
POINTS = 6


def view(comparison: PoolComparison) -> View:
    """Routers among more than two models."""
    return View(
        heading=f"{comparison.set_name}: {counted(comparison.size, 'prompt')}, "
        f"{', '.join(comparison.models)}",
        cautions=comparison.evidence.remarks,
        columns=COLUMNS,
        rows=rows(comparison),
        sentences=sentences(comparison),
        legend=LEGEND,
        fields=as_json(comparison),
        chart=chart(comparison),
    )


def rows(comparison: PoolComparison) -> list[tuple[str, ...]]:
    """The table under `COLUMNS`: points of each curve, the oracle first; then each model alone."""
    found = _curve_rows("oracle", comparison.oracle, comparison.mix)
    for router in comparison.routers:
        found += _curve_rows(router.name, router.curve, comparison.mix)
    mixed = comparison.mix.at(comparison.cost)
    for at, model in enumerate(comparison.models):
        mark = " (best)" if at == comparison.best else ""
        cost, quality = float(comparison.cost[at]), float(comparison.quality[at])
        found.append(_row(f"always {model}{mark}", cost, quality, float(mixed[at])))
    return found


def sentences(comparison: PoolComparison) -> list[str]:
    """The verdict on each router, and which models are not worth their price here."""
    is_enough = comparison.evidence.is_enough
    verdicts = [
        f"{each.name}: {each.verdict.words(comparison.models, is_enough=is_enough)}"
        for each in comparison.routers
    ]
    return verdicts + [
        f"{by} answers these prompts no worse than {model}, and costs less."
        for model, by in _outdone(comparison)
    ]


def _outdone(comparison: PoolComparison) -> Iterator[tuple[str, str]]:
    """Each model that a cheaper one is no worse than on these prompts, and the best such one."""
    models, cost, quality = comparison.models, comparison.cost, comparison.quality
    for at, model in enumerate(models):
        no_worse = np.flatnonzero((cost < cost[at]) & (quality >= quality[at]))
        if len(no_worse):
            yield model, models[no_worse[quality[no_worse].argmax()]]


def as_json(comparison: PoolComparison) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "set": comparison.set_name,
        "prompts": comparison.size,
        "models": [
            {"model": model, "quality": float(quality), "cost": float(cost)}
            for model, quality, cost in zip(
                comparison.models, comparison.quality, comparison.cost, strict=True
            )
        ],
        "best_single": comparison.models[comparison.best],
        "evidence": evidence_fields(comparison.evidence),
        "oracle": _points(comparison.oracle),
        "price_only_mix": _points(comparison.mix),
        "routers": [
            {
                "router": each.name,
                **_points(each.curve),
                "verdict": verdict_fields(each.verdict, comparison.models, comparison.evidence),
            }
            for each in comparison.routers
        ],
    }


def chart(comparison: PoolComparison) -> Chart:
    """Cost against quality, a line for each router above the price-only mix."""
    lines = [_line(each.name, each.curve) for each in comparison.routers]
    best, quality = comparison.best, comparison.quality.tolist()
    points = [
        Point(model, cost, each)
        for model, cost, each in zip(
            comparison.models, comparison.cost.tolist(), quality, strict=True
        )
    ]
    return Chart(
        f"{comparison.set_name}: {len(comparison.models)} models",
        "mean cost, in the set's unit",
        "mean quality",
        [
            *lines,
            _line("oracle", comparison.oracle, is_reference=True),
            _line("price-only mix", comparison.mix, is_reference=True),
        ],
        [Level(f"best single: {comparison.models[best]} {quality[best]:.2f}", quality[best])],
        points=points,
        subtitle=subtitle(comparison.size, comparison.evidence),
    )


def _curve_rows(name: str, curve: CostCurve, mix: CostCurve) -> list[tuple[str, ...]]:
    steps = max(1, (len(curve.cost) - 1) // (POINTS - 1))
    shown = slice(None, None, steps)
    cost, quality = curve.cost[shown], curve.quality[shown]
    points = zip(cost.tolist(), quality.tolist(), mix.at(cost).tolist(), strict=True)
    return [_row(name, *point) for point in points]


def _row(name: str, cost: float, quality: float, mixed: float) -> tuple[str, ...]:
    return name, f"{cost:.4g}", f"{quality:.2f}", f"{mixed:.2f}", f"{quality - mixed:+.2f}"


def _points(curve: CostCurve) -> dict[str, list[float]]:
    return {"cost": curve.cost.tolist(), "quality": curve.quality.tolist()}


def _line(label: str, curve: CostCurve, *, is_reference: bool = False) -> Line:
    return Line(label, curve.cost.tolist(), curve.quality.tolist(), is_reference)
