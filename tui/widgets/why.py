"""Why a turn went where it went: the nearest battles, where it would flip, what the other costs."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from routing.cost import Bill
from routing.decide import Decision, Neighbour
from tui.money import percent, usd
from tui.visible import one_line
from tui.widgets.badge import odds_text
from tui.widgets.tones import MUTED


class Why(Widget):
    """The reasons behind the decision last looked at."""

    DEFAULT_CSS = """
    Why {
        height: auto; max-height: 10; padding: 0 1;
        border-top: solid $foreground 20%; border-title-color: $text-muted;
        display: none;
    }
    Why.-open { display: block; }
    """

    decision: reactive[Decision | None] = reactive(None, layout=True)
    bill: reactive[Bill | None] = reactive(None, layout=True)
    audits: reactive[Mapping[str, str]] = reactive({}, layout=True)  # by model, its newest audit

    def show(self, decision: Decision | None, bill: Bill | None) -> None:
        """Give the reasons of this decision; `bill` says what the other model would cost."""
        self.decision, self.bill = decision, bill

    def render(self) -> Content:
        if self.decision is None:
            return Content.styled("No turn has been routed yet.", MUTED)
        audit = self.audits.get(self.decision.model, "")
        return why_text(self.decision, self.bill, self.content_size.width, audit)


def why_text(decision: Decision, bill: Bill | None, width: int, audit: str = "") -> Content:
    """The reasons as lines of at most that width, in cells."""
    lines = [Content(one_line(decision.reason or odds_text(decision), width))]
    lines += [_neighbour(n, mine, width) for n, mine in _numbered(decision)]
    facts = [_flip(decision), _other(decision, bill), f"decided in {decision.decision_ms:.0f} ms"]
    lines.append(Content.styled(" · ".join(fact for fact in facts if fact), MUTED))
    if audit:
        lines.append(Content.styled(one_line(f"audit: {audit}", width), MUTED))
    return Content("\n").join(lines)


def own_battles(decision: Decision | None) -> list[Neighbour]:
    """The person's own battles among the nearest, in the order in which the panel numbers them."""
    return [n for n in decision.neighbours if n.battle_id] if decision else []


def _numbered(decision: Decision) -> list[tuple[Neighbour, int]]:
    own = own_battles(decision)
    return [(n, own.index(n) + 1 if n.battle_id else 0) for n in decision.neighbours[:5]]


def _neighbour(neighbour: Neighbour, own: int, width: int) -> Content:
    outcome = f"  {_outcome(neighbour)}"
    source = f" · yours, /forget {own}" if own else ""
    head = f"{neighbour.similarity:4.2f}  "
    room = max(width - len(head) - len(outcome) - len(source) - 2, 12)
    return Content.assemble(
        (head, MUTED),
        f"“{one_line(neighbour.prompt, room)}”",
        (outcome, "bold"),
        (source, "$text-accent"),
    )


def _outcome(neighbour: Neighbour) -> str:
    winner, loser = neighbour.model_a, neighbour.model_b
    if neighbour.winner == "tie":
        return f"{one_line(winner, 20)} = {one_line(loser, 20)}"
    if neighbour.winner == "b":
        winner, loser = loser, winner
    return f"{one_line(winner, 20)} beat {one_line(loser, 20)}"


def _flip(decision: Decision) -> str:
    if decision.flip_share is None:
        return ""
    return f"flips at {percent(decision.flip_share)} strong"


def _other(decision: Decision, bill: Bill | None) -> str:
    if bill is None:
        return ""
    other = "weak" if decision.tier == "strong" else "strong"
    return f"{other} would cost ~{usd(bill.other_usd)}"
