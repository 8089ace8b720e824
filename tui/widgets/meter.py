"""The cost meter: spent, what all-strong would have cost, saved, turns by tier, context in use."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from routing.cost import Bill, Ledger
from tui.budget import Month, is_spent, month_text
from tui.money import marked_usd, percent, turns_text
from tui.settings import Budget
from tui.widgets.tones import FAINT

FULL, NEARLY_FULL = 0.95, 0.8  # shares of the context from which on the meter warns
FULL_ADVICE = "/new begins afresh"
# What matters least gives way first; "pace" and "advice" are parts of a part.
GIVING_WAY = ("all strong", "pace", "advice", "context", "turns", "saved", "month")


class Spending(NamedTuple):
    """What the meter shows.

    Attributes:
        ledger: totals of the finished replies.
        running: the estimate of the reply that streams.
        context_share: used part of what the model can read, in [0, 1].
    """

    ledger: Ledger
    running: Bill | None = None
    context_share: float | None = None
    month: Month = Month()
    budget: Budget = Budget()


class Meter(Widget):
    """The last line of the screen."""

    DEFAULT_CSS = """
    Meter { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    spending: reactive[Spending] = reactive(Spending(Ledger()))

    def render(self) -> Content:
        return meter_text(self.spending, self.content_size.width)


def meter_text(spending: Spending, width: int) -> Content:
    """The line at that width, in cells; what matters least gives way."""
    gone: set[str] = set()
    parts = _parts(spending, gone)
    for name in GIVING_WAY:
        if sum(map(len, parts.values())) + 3 * (len(parts) - 1) > width:
            gone.add(name)
            parts = _parts(spending, gone)
    styles = _styles(spending)
    return Content.styled(" │ ", FAINT).join(
        Content.styled(text, styles.get(name, "")) for name, text in parts.items()
    )


def _parts(spending: Spending, gone: Collection[str]) -> dict[str, str]:
    """The parts by name, in their order from the left, without what gave way or is not known."""
    ledger, share = spending.ledger, spending.context_share
    all_strong, saved = _all_strong(ledger, spending.running)
    parts = {
        "spent": _spent(spending),
        "all strong": all_strong,
        "saved": saved,
        "turns": turns_text(ledger.turns),
        "context": "" if share is None else _context(share, advice="advice" not in gone),
        "month": month_text(spending.month, spending.budget, pace="pace" not in gone),
    }
    return {name: text for name, text in parts.items() if text and name not in gone}


def _styles(spending: Spending) -> dict[str, str]:
    """The parts that stand out: what was spent, and what wants to be looked at."""
    styles = {"spent": "bold"}
    month, budget, share = spending.month, spending.budget, spending.context_share or 0.0
    if is_spent(month, budget):
        styles["month"] = "bold $text-error"
    elif budget.monthly_usd is not None and (month.forecast_usd or 0.0) > budget.monthly_usd:
        styles["month"] = "$text-warning"
    if share >= NEARLY_FULL:
        styles["context"] = "bold $text-error" if share >= FULL else "bold $text-warning"
    return styles


def _context(share: float, *, advice: bool) -> str:
    if share < NEARLY_FULL:
        return f"ctx {percent(share)}"
    full = "full" if share >= FULL else "nearly full"
    return f"ctx {percent(share)}, {full}: {FULL_ADVICE}" if advice else f"ctx {percent(share)}!"


def _spent(spending: Spending) -> str:
    ledger, running = spending.ledger, spending.running
    unknown = ledger.unpriced_turns + (running is not None and running.cost_usd is None)
    amount = ledger.spent_usd + ((running.cost_usd or 0.0) if running else 0.0)
    tilde = "~" if running and running.cost_usd else ledger.tilde
    if not unknown:
        return f"{marked_usd(tilde, amount)} spent"
    known = f"{marked_usd(tilde, amount)} + " if amount else ""
    return f"{known}$? spent (set a price: llmroute models price)"


def _all_strong(ledger: Ledger, running: Bill | None) -> tuple[str, str]:
    """What all-strong would have cost, and what was saved against it."""
    all_strong, compared = ledger.all_strong_usd, ledger.compared_usd
    if running and running.cost_usd is not None and running.all_strong_usd is not None:
        all_strong += running.all_strong_usd
        compared += running.cost_usd
    if all_strong <= 0:
        return "", ""
    saved = all_strong - compared
    tilde = "~" if running else ledger.all_strong_tilde
    share = percent(saved / all_strong)
    return (
        f"{marked_usd(tilde, all_strong)} all strong",
        f"saved {marked_usd(tilde, saved)} ({share})",
    )
