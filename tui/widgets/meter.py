"""The cost meter: spent, what all-strong would have cost, saved, turns by tier, context in use."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from routing.cost import Bill, Ledger
from tui.money import percent, turns_text, usd
from tui.widgets.tones import FAINT

GIVING_WAY = ("all strong", "context", "turns", "saved", "month")


class Spending(NamedTuple):
    """What the meter shows.

    Attributes:
        ledger: totals of the finished replies.
        running: the estimate of the reply that streams.
        context_share: used part of what the model can read, in [0, 1].
        month_usd, budget_usd: spent this calendar month, and its limit.
    """

    ledger: Ledger
    running: Bill | None = None
    context_share: float | None = None
    month_usd: float | None = None
    budget_usd: float | None = None


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
    named = {name: part for name, part in _parts(spending).items() if part}
    for name in GIVING_WAY:
        if sum(map(len, named.values())) + 3 * (len(named) - 1) > width:
            named.pop(name, None)
    parts = list(named.values())
    over = spending.budget_usd is not None and (spending.month_usd or 0) >= spending.budget_usd
    first = Content.styled(parts[0], "bold $text-error" if over else "bold")
    return Content.styled(" │ ", FAINT).join([first, *map(Content, parts[1:])])


def _parts(spending: Spending) -> dict[str, str]:
    """The parts by name, in their order from the left; "" for what is not known."""
    ledger, share = spending.ledger, spending.context_share
    all_strong, saved = _all_strong(ledger, spending.running)
    return {
        "spent": _spent(spending),
        "all strong": all_strong,
        "saved": saved,
        "turns": turns_text(ledger.turns),
        "context": "" if share is None else f"ctx {percent(share)}",
        "month": _month(spending),
    }


def _spent(spending: Spending) -> str:
    ledger, running = spending.ledger, spending.running
    unknown = ledger.unpriced_turns + (running is not None and running.cost_usd is None)
    amount = ledger.spent_usd + ((running.cost_usd or 0.0) if running else 0.0)
    tilde = "~" if running and running.cost_usd else ""
    if not unknown:
        return f"{tilde}{usd(amount)} spent"
    known = f"{tilde}{usd(amount)} + " if amount else ""
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
    share = percent(saved / all_strong)
    return f"~{usd(all_strong)} all strong", f"saved ~{usd(saved)} ({share})"


def _month(spending: Spending) -> str:
    if spending.budget_usd is None or spending.month_usd is None:
        return ""
    over = " OVER BUDGET" if spending.month_usd >= spending.budget_usd else ""
    return f"month {usd(spending.month_usd)} of {usd(spending.budget_usd)}{over}"
