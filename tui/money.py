"""Amounts, shares and counts as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from routing.models import Tier

if TYPE_CHECKING:
    from routing.cost import Ledger

MILLION = 1_000_000  # prices are listed per million tokens


def usd(amount: float | None) -> str:
    """US dollars with the digits that matter: "$0.0131", "$12.40"; "$?" for an unknown price."""
    if amount is None:
        return "$?"
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    if size == 0:
        return "$0"
    if size < 0.00005:
        return f"{sign}<$0.0001"
    digits = 4 if size < 1 else 2
    return f"{sign}${size:,.{digits}f}"


def marked_usd(mark: str, amount: float | None) -> str:
    """US dollars behind the mark of an estimate: "~$0.0131"; "<$0.0001" and "$?" need none."""
    text = usd(amount)
    return text if amount is None or "<" in text else f"{mark}{text}"


def said_usd(amount: float, *, about: bool = False) -> str:
    """US dollars in words for speech: "$0.0131", "about $0.0131", "less than $0.0001"."""
    text = usd(amount).replace("-", "minus ")
    if "<" in text:  # no estimate says more
        return text.replace("<", "less than ")
    return f"about {text}" if about and amount else text


def spent_text(ledger: Ledger) -> str:
    """What was spent, "~$0.0131 + $?": turns of an unknown price never count as nothing."""
    known = marked_usd(ledger.tilde, ledger.spent_usd)
    if not ledger.unpriced_turns:
        return known
    return f"{known} + $?" if ledger.spent_usd else "$?"


def ledger_fields(ledger: Ledger) -> dict[str, Any]:
    """What a script reads of a ledger; null for amounts of which no turn has a known price."""
    spent, compared = ledger.spent_usd, ledger.all_strong_usd
    known = spent > 0 or not ledger.unpriced_turns
    comparable = compared > 0 or not ledger.unpriced_turns
    return asdict(ledger) | {
        "spent_usd": spent if known else None,
        "all_strong_usd": compared if comparable else None,
        "saved_usd": ledger.saved_usd if comparable else None,
    }


def short_usd(amount: float | None) -> str:
    """US dollars as a user would write them: "$20", "$4.10"."""
    return usd(amount).removesuffix(".00")


def budget_usd(amount: float | None) -> str:
    """A budget as the user wrote it: "$20", "$0.01", "$0.0025"."""
    if amount is None:
        return usd(amount)
    if round(amount, 2) == amount:
        return f"${amount:,.2f}".removesuffix(".00")
    return f"${amount:,.10f}".rstrip("0")


def percent(share: float) -> str:
    """A share in [0, 1] as whole percent: "30 %"."""
    return f"{100 * share:.0f} %"


def parse_share(text: str) -> float:
    """A share in [0, 1] from "30%", "30 %" or "0.3".

    Raises:
        ValueError: it is neither.
    """
    number = text.strip()
    share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{text!r} is not a share: expected 0% to 100%, or 0.0 to 1.0")
    return share


def turns_text(turns: Mapping[Tier, int]) -> str:
    """Turns by tier: "3W 2S", "3W 1M 2S" where a model in the middle answered."""
    middle = f" {turns['middle']:,}M" if turns.get("middle") else ""
    return f"{turns.get('weak', 0):,}W{middle} {turns.get('strong', 0):,}S"


def counted(number: int, noun: str) -> str:
    """So many of something: "1 battle", "1,213 battles"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
