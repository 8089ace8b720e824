"""Routes and costs as sentences: no signs that a voice would have to spell."""

from __future__ import annotations

from routing.cost import Bill, Ledger
from routing.decide import Decision, Neighbour
from tui.budget import Month
from tui.money import counted, percent, said_usd
from tui.visible import one_line, visible

QUOTED_CHARACTERS = 80


def route(decision: Decision) -> str:
    """Who answers, and why in numbers."""
    who = f"{decision.tier.capitalize()} model, {visible(decision.model)}"
    chance, threshold = decision.odds, decision.threshold
    if decision.pinned:
        return f"{who}, by the budget." if decision.limited else f"{who}, pinned."
    if chance is None or threshold is None:
        return f"{who}; no router decided."
    relation = "at least" if chance >= threshold else "below"
    return f"{who}: win probability {chance:.2f}, {relation} the threshold of {threshold:.2f}."


def cost(bill: Bill, *, estimated: bool) -> str:
    """What a reply cost and saved."""
    if bill.cost_usd is None:
        return "Price unknown; llmroute models price sets it."
    saved = f", saved {said_usd(bill.saved_usd, about=True)}" if bill.saved_usd else ""
    return f"Cost {said_usd(bill.cost_usd, about=estimated)}{saved}."


def spent(ledger: Ledger, month: Month | None = None) -> str:
    """What a conversation cost and saved, and what all of them cost this month."""
    amount = said_usd(ledger.spent_usd, about=bool(ledger.tilde))
    known = ledger.spent_usd > 0 or not ledger.unpriced_turns
    told = [
        f"Spent {amount if known else 'an unknown amount'} for {ledger.prompt_tokens:,} tokens in "
        f"and {ledger.completion_tokens:,} out{_against_all_strong(ledger)}."
    ]
    if turns := ledger.unpriced_turns:
        told.append(f"{counted(turns, 'turn')} {'has' if turns == 1 else 'have'} no price.")
    if month is not None:
        amount = said_usd(month.spent_usd, about=month.is_estimated)
        told.append(f"This month, all conversations: {amount}.")
    return " ".join(told)


def _against_all_strong(ledger: Ledger) -> str:
    if not ledger.all_strong_usd:
        return ""
    about = bool(ledger.all_strong_tilde)
    all_strong = said_usd(ledger.all_strong_usd, about=about)
    saved = said_usd(ledger.saved_usd, about=about)
    return f"; all strong {all_strong}, saved {saved}, {percent(ledger.saved_share)}"


def reasons(decision: Decision) -> list[str]:
    """Why a turn went where it went, nearest battles first."""
    lines = [route(decision)]
    if decision.odds is None or decision.switch:  # else the reason says the same in signs
        lines.append(visible(decision.reason))
    if decision.neighbours and not decision.has_near:
        lines.append("No battle is near.")
    lines += [_battle(number, near) for number, near in enumerate(decision.neighbours[:5], 1)]
    if decision.flip_share is not None:
        lines.append(f"It would flip at {percent(decision.flip_share)} of strong calls.")
    return [line for line in lines if line]


def _battle(number: int, near: Neighbour) -> str:
    winner, loser = near.model_a, near.model_b
    if near.winner == "b":
        winner, loser = loser, winner
    outcome = f"{winner} and {loser} tied" if near.winner == "tie" else f"{winner} beat {loser}"
    mine = ", yours" if near.battle_id else ""
    after = f", after {counted(near.earlier, 'earlier message')}" if near.earlier else ""
    grade = f", {near.grade}," if near.grade else ""
    quoted = one_line(near.prompt, QUOTED_CHARACTERS)
    return f"Near battle {number}{mine}{after}: {visible(outcome)}{grade} on “{quoted}”."
