"""The month's spending against the user's budget: amount, pace and consequences."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tui.money import budget_usd, short_usd

if TYPE_CHECKING:
    from tui.sessions import DayCost
    from tui.settings import Budget

PACE_DAYS = 30  # the days before today whose spending is the pace
WHOLE_DOLLARS = 10  # from here on a forecast needs no cents
LEAST_DAYS = 3  # of use, before which a pace says nothing


class Month(NamedTuple):
    """Spending in a calendar month so far.

    Attributes:
        forecast_usd: what it comes to at the pace of the last 30 days; None before the third day
            of use.
        unpriced_turns: turns that cost an unknown amount, which is not in either.
        is_estimated: whether a provider left out what one of its replies took.
    """

    spent_usd: float = 0.0
    forecast_usd: float | None = None
    unpriced_turns: int = 0
    is_estimated: bool = False


def month_of(costs: Iterable[DayCost], today: date) -> Month:
    """The month of that day, by the costs of all days."""
    by_day: dict[date, float] = {}
    unpriced = estimated = 0
    for cost in costs:
        day = date.fromisoformat(cost.day)
        by_day[day] = by_day.get(day, 0.0) + cost.ledger.spent_usd
        unpriced += cost.ledger.unpriced_turns * _same_month(day, today)
        estimated += cost.ledger.estimated_turns * _same_month(day, today)
    spent = sum(amount for day, amount in by_day.items() if _same_month(day, today))
    pace = _pace(by_day, today)
    left = calendar.monthrange(today.year, today.month)[1] - today.day
    forecast = None if pace is None else spent + pace * left
    return Month(spent, forecast, unpriced, is_estimated=estimated > 0)


def is_spent(month: Month, budget: Budget) -> bool:
    """Whether nothing is left of the month's budget."""
    return budget.monthly_usd is not None and month.spent_usd >= budget.monthly_usd


def limit_of(month: Month, budget: Budget) -> str:
    """Why only the weak model may answer unasked, in a sentence; "" where nothing limits it."""
    if budget.past != "weak" or not is_spent(month, budget):
        return ""
    return f"This month's {budget_usd(budget.monthly_usd)} are spent: weak only, as you set it."


def warning_of(month: Month, budget: Budget) -> str:
    """A warning when the budget is spent; "" while it is not."""
    if not is_spent(month, budget):
        return ""
    return limit_of(month, budget) or (
        f"This month's {budget_usd(budget.monthly_usd)} are spent: "
        f"{short_usd(month.spent_usd)} so far."
    )


def month_text(month: Month, budget: Budget, *, pace: bool = True) -> str:
    """The month in a line: "month $4.10 of $20, on pace for $12"; "" without a budget.

    `pace`: with what comes of it, at this pace or by the budget.
    """
    if budget.monthly_usd is None:
        return ""
    unknown = f" + {month.unpriced_turns} x $?" if month.unpriced_turns else ""
    amount = f"{'~' if month.is_estimated else ''}{short_usd(month.spent_usd)}{unknown}"
    text = f"month {amount} of {budget_usd(budget.monthly_usd)}"
    if is_spent(month, budget):
        limited = pace and limit_of(month, budget)
        return f"{text} OVER BUDGET{': weak only' if limited else ''}"
    if pace and month.forecast_usd is not None:
        whole = month.forecast_usd >= WHOLE_DOLLARS
        forecast = float(round(month.forecast_usd)) if whole else month.forecast_usd
        return f"{text}, on pace for {short_usd(forecast)}"
    return text


def _pace(by_day: dict[date, float], today: date) -> float | None:
    """US dollars a day; None while there is too little to go by."""
    since = today - timedelta(days=PACE_DAYS - 1)
    known = [day for day in by_day if day <= today]
    if not known:
        return None
    first = max(min(known), since)
    days = (today - first).days + 1
    if days < LEAST_DAYS:
        return None
    return sum(amount for day, amount in by_day.items() if first <= day <= today) / days


def _same_month(day: date, today: date) -> bool:
    return (day.year, day.month) == (today.year, today.month)
