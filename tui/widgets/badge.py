"""The route badge above a reply: letter, word, model, win probability against threshold, cost."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.selection import Selection
from textual.widget import Widget

from routing.decide import Decision
from routing.models import Tier
from tui.money import marked_usd
from tui.visible import one_line, visible
from tui.widgets.tones import MUTED

LETTERS: Mapping[Tier, str] = {"strong": "[S]", "middle": "[M]", "weak": "[W]"}


class Badge(Widget):
    """Who answers a turn and why, in words before colours."""

    DEFAULT_CSS = """
    Badge { height: 1; }
    """

    decision: reactive[Decision | None] = reactive(None)
    cost: reactive[str] = reactive("")
    waiting: reactive[str] = reactive("")
    place: reactive[str] = reactive("")

    def render(self) -> Content:
        width = self.content_size.width
        if self.decision is None:
            waiting = f"[·] {self.waiting or 'deciding …'}"
            return Content.styled("  ".join(filter(None, (waiting, self.place))), MUTED)
        return badge_text(self.decision, "  ".join(filter(None, (self.place, self.cost))), width)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:  # Textual's
        """The selected part without the gap before the cost."""
        text, end = super().get_selection(selection) or ("", "")
        return re.sub(" {2,}", "  ", text).rstrip(), end


def badge_text(decision: Decision, cost: str, width: int) -> Content:
    """The badge at that width, in cells: the model's name gives way first.

    `cost` stands at the right, whatever else belongs there before it.
    """
    letter, word, style = _tier(decision)
    odds = odds_text(decision)
    fixed = len(f"{letter} {word} ·    {odds}   {cost}")
    model = one_line(decision.model, max(width - fixed, 4))
    room = width - fixed - cell_len(model)
    for extra in (cache_mark(decision), decision.router and f" by {decision.router}"):
        if extra and len(extra) <= room:
            odds, room = odds + extra, room - len(extra)
    left = Content.assemble((letter, style), " ", (word, "bold"), f" · {model}   ", (odds, MUTED))
    gap = max(width - left.cell_length - len(cost) - 1, 1)
    return left + Content(" " * gap) + Content.styled(cost, MUTED)


def badge_line(decision: Decision) -> str:
    """The badge as plain text, for a terminal without a screen."""
    letter, word, _ = _tier(decision)
    by = f" by {decision.router}" if decision.router else ""
    odds = f"{odds_text(decision)}{cache_mark(decision)}{by}"
    return f"{letter} {word} · {visible(decision.model)}   {odds}"


def cache_mark(decision: Decision) -> str:
    """What the turn loses of a prompt cache, or that it stays for one; "" where neither is so."""
    switch = decision.switch
    if switch is None:
        return ""
    if switch.stayed:
        return " · stays with its cache"
    lost = switch.extra_usd
    if lost is not None and lost <= 0:
        return ""
    return f" · leaves a cache: {cost_text(lost, estimated=True)} more"


def odds_text(decision: Decision) -> str:
    """Win probability against threshold, as "0.18 < 0.42"; more digits where two would lie."""
    pinned = (" (budget)" if decision.limited else " (pinned)") if decision.pinned else ""
    chance, threshold = decision.odds, decision.threshold
    if chance is None or threshold is None:
        return pinned.strip() or "no router decided"
    sign = "≥" if chance >= threshold else "<"
    digits = 2 if abs(chance - threshold) >= 0.01 else 4
    return f"{chance:.{digits}f} {sign} {threshold:.{digits}f}{pinned}"


def cost_text(cost_usd: float | None, *, estimated: bool) -> str:
    """US dollars of a reply; "~" before an estimate, "$?" for an unknown price."""
    return marked_usd("~" if estimated and cost_usd else "", cost_usd)


def _tier(decision: Decision) -> tuple[str, str, str]:
    """Letter, word and style. A question mark if no router decided."""
    word = "STRONG" if decision.tier == "strong" else decision.tier
    if decision.win_probability is None and not decision.pinned:
        return "[?]", word, "bold $text-warning"
    return LETTERS[decision.tier], word, f"bold $route-{decision.tier} reverse"
