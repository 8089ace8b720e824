"""Which models of a pool are not worth their price: another costs less and is no worse."""

from __future__ import annotations

from collections.abc import Sequence

from routing.ladder import STRONG, WEAK, Record
from routing.models import Model

SURE = 1.645  # standard deviations: one in twenty models that are no better passes as better
# The uncertainty that 25 battles leave about two equal models. With fewer battles, the order in
# which the user named them decides.
VAGUEST = 0.4  # nats


def outdone(
    models: Sequence[Model], costs: Sequence[float | None], record: Record
) -> dict[str, str]:
    """The models that are not worth their price, and of each a cheaper one that is no worse.

    A model that costs more than another is outdone by it unless it is better: by the battles,
    with confidence, or where these tell too little of the two, as the user named them, the
    stronger first. The last one is never outdone: a pool has two ends. Nothing can be said of a
    model whose cost is not known (None).

    Args:
        models: of a pool, in its order.
        costs: of a call to each, in any unit.
        record: of all battles that are known.
    """
    names = [_rated_as(models, at, record) for at in range(len(models))]
    found = {}
    for at in range(len(models) - 1):
        for other in range(len(models)):
            cheaper = _less(costs, other, at)
            if cheaper and not _better(record, names[at], names[other], is_named_so=at < other):
                found[models[at].name] = models[other].name
                break
    return found


def _less(costs: Sequence[float | None], one: int, other: int) -> bool:
    first, second = costs[one], costs[other]
    return first is not None and second is not None and first < second


def _rated_as(models: Sequence[Model], at: int, record: Record) -> str | None:
    """Under which name the battles know a model; None where they do not."""
    model = models[at]
    names = (model.name, model.like, {0: STRONG, len(models) - 1: WEAK}.get(at))
    return next((name for name in names if name in record.number), None)


def _better(record: Record, one: str | None, other: str | None, *, is_named_so: bool) -> bool:
    """Whether the one model is better by the battles, or where they tell too little as named."""
    if one is None or other is None:
        return is_named_so
    lead = record.lead(one, other)
    return is_named_so if lead.deviation > VAGUEST else lead.nats > SURE * lead.deviation
