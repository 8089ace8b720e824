"""Which models of a pool are not worth their price: another costs less and is no worse."""

from __future__ import annotations

from collections.abc import Sequence

from routing.ladder import STRONG, WEAK, Record
from routing.models import Model

SURE = 1.645  # deviations: of models that are no better one in twenty passes for better
# What 25 battles leave unknown of two models that are alike. Where they met less than that, the
# order stands in which the person named them.
VAGUEST = 0.4  # nats


def outdone(
    models: Sequence[Model], costs: Sequence[float | None], record: Record
) -> dict[str, str]:
    """The models that are not worth their price, and of each a cheaper one that is no worse.

    A model that is dearer than another one behind it is outdone by that, unless the battles find it
    better, with confidence, or tell too little of the two. One in the middle that is dearer than
    the strongest, which comes first, is outdone by it. The last one never is: a pool has two ends.
    Nothing can be said of a model whose cost is not known (None).

    Args:
        models: of a pool, in its order.
        costs: of a call to each, in any unit.
        record: of all battles that are known.
    """
    names = [_rated_as(models, at, record) for at in range(len(models))]
    found = {}
    for at in range(len(models) - 1):
        cheaper = [other for other in (0, *range(at + 1, len(models))) if _less(costs, other, at)]
        by = next((o for o in cheaper if o == 0 or not _better(record, names[at], names[o])), None)
        if by is not None:
            found[models[at].name] = models[by].name
    return found


def _less(costs: Sequence[float | None], one: int, other: int) -> bool:
    first, second = costs[one], costs[other]
    return first is not None and second is not None and first < second


def _rated_as(models: Sequence[Model], at: int, record: Record) -> str | None:
    """Under which name the battles know a model; None where they do not."""
    model = models[at]
    names = (model.name, model.like, {0: STRONG, len(models) - 1: WEAK}.get(at))
    return next((name for name in names if name in record.number), None)


def _better(record: Record, one: str | None, other: str | None) -> bool:
    """Whether the battles, or too few of them the person's own order, hold the one for better."""
    if one is None or other is None:
        return True
    lead = record.lead(one, other)
    return lead.deviation > VAGUEST or lead.nats > SURE * lead.deviation
