"""What a conversation cost, by day and model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime

from routing.cost import Ledger
from tui.sessions.message import Message


@dataclass(frozen=True, slots=True)
class DayCost:
    """The replies of one model on one day. `day` is the local date, as ISO 8601."""

    day: str
    model: str
    ledger: Ledger


def day_costs(messages: Iterable[Message]) -> tuple[DayCost, ...]:
    """What the messages cost, by day and model; every branch counts, copies of a fork do not."""
    ledgers: dict[tuple[str, str], Ledger] = {}
    for message in messages:
        decision, usage, bill = message.decision, message.usage, message.bill
        if decision is None or usage is None or bill is None or message.origin is not None:
            continue
        key = (_local_day(message.created), message.model or decision.model)
        ledgers[key] = ledgers.get(key, Ledger()).add(bill, usage, decision.tier)
    return tuple(DayCost(day, model, ledger) for (day, model), ledger in sorted(ledgers.items()))


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """The ledgers added up."""
    rows = [astuple(ledger) for ledger in ledgers]
    return Ledger(*(sum(column) for column in zip(*rows, strict=True)))


def _local_day(created: str) -> str:
    return datetime.fromisoformat(created).astimezone().date().isoformat()
