"""Why a turn went where it went: the nearest battles, where it would flip, what the other costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from routing.cache import Switch
from routing.cost import Bill
from routing.decide import Decision, Neighbour, compared
from tui.money import counted, marked_usd, percent
from tui.visible import one_line
from tui.widgets.actions import Actionable
from tui.widgets.badge import LETTERS, cost_text, odds_text
from tui.widgets.tones import MUTED

MOST_NAME = 20  # cells of a model's name
LEAST_PROMPT = 16  # cells that a battle's prompt keeps, quotes and space included
ROOMY_PROMPT = 32  # cells that it keeps beside the grade of the weak reply
MOST_BATTLES, FEW_BATTLES = 5, 3  # the few leave room for the models of a pool
FACTS_WIDTH = 35  # cells of a model's row beside its name
PAIR = 2  # models, of which the line of facts says it all


YOURS = " · shift+tab, then a number takes one of yours back"
FORGETTING = "WHY · a number takes one of yours back · esc back"


def _key(number: int) -> Binding:
    text = f"In the why panel: take back your battle {number}"
    return Binding(str(number), f"forget({number})", text, id=f"why.forget_{number}", tooltip=text)


class Why(Widget, can_focus=True):
    """The reasons behind the decision last looked at; in focus, numbers take battles back."""

    DEFAULT_CSS = """
    Why {
        height: auto; max-height: 10; padding: 0 1;
        border-top: solid $foreground 20%; border-title-color: $text-muted;
        display: none;
    }
    Why.-open { display: block; }
    Why:focus { border-top: solid $accent; border-title-color: $text-accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [_key(number) for number in range(1, MOST_BATTLES + 1)]
    FOCUS_ON_CLICK = False  # a click must not arm the numbers

    class Forgotten(Message):
        """The user takes one of their battles back."""

        def __init__(self, battle_id: str) -> None:
            self.battle_id = battle_id
            super().__init__()

    decision: reactive[Decision | None] = reactive(None, layout=True)
    bill: reactive[Bill | None] = reactive(None, layout=True)
    key: reactive[str] = reactive("ctrl+w")  # which shows and hides it
    audits: reactive[Mapping[str, str]] = reactive({}, layout=True)  # by model, its newest audit

    def show(self, decision: Decision | None, bill: Bill | None) -> None:
        """Give the reasons of this decision; `bill` says what the other model would cost."""
        self.decision, self.bill = decision, bill

    def on_mount(self) -> None:
        self._name_keys()

    def on_focus(self) -> None:
        self.border_title = FORGETTING

    def on_blur(self) -> None:
        self._name_keys()

    def watch_decision(self) -> None:
        if not self.has_focus:
            self._name_keys()

    def watch_key(self) -> None:
        self._name_keys()

    def action_forget(self, number: int) -> None:
        own = own_battles(self.decision)
        if number <= len(own):
            self.post_message(self.Forgotten(own[number - 1].battle_id))

    def on_key(self, event: events.Key) -> None:
        """What is none of its keys is typed into the composer."""
        typed = (event.is_printable and event.character) or ""
        if event.key == "escape" or (typed and event.key not in self.screen.active_bindings):
            event.stop()
            self.post_message(Actionable.Left(typed))

    def _name_keys(self) -> None:
        yours = YOURS if own_battles(self.decision) else ""
        self.border_title = f"WHY ({self.key}){yours}"

    def render(self) -> Content:
        if self.decision is None:
            return Content.styled("No turn has been routed yet.", MUTED)
        audit = self.audits.get(self.decision.model, "")
        return why_text(self.decision, self.bill, self.content_size.width, audit)


def why_text(decision: Decision, bill: Bill | None, width: int, audit: str = "") -> Content:
    """The reasons as lines of at most that width, in cells."""
    verdict = _verdict(decision, compared)
    if cell_len(verdict) > width:
        verdict = _verdict(decision, odds_text)
    lines = [Content(one_line(verdict, width))]
    if decision.switch:
        lines.append(Content(one_line(switch_text(decision.switch), width)))
    if len(decision.candidates) > PAIR:
        lines += _candidates(decision, bill, width)
    lines += [_neighbour(n, mine, width) for n, mine in _numbered(decision)]
    if len(decision.candidates) <= PAIR:
        lines += [Content.styled(one_line(said, width), MUTED) for said in _of_pair(decision)]
    facts = [
        f"by {decision.router}" if decision.router else "",
        _with_earlier(decision),
        _flip(decision),
        _other(decision, bill),
        "" if decision.pinned else f"decided in {decision.decision_ms:.0f} ms",
    ]
    if told := " · ".join(fact for fact in facts if fact):
        lines.append(Content.styled(told, MUTED))
    if audit:
        lines.append(Content.styled(one_line(f"audit: {audit}", width), MUTED))
    return Content("\n").join(lines)


def _verdict(decision: Decision, compare: Callable[[Decision], str]) -> str:
    """What the router's number means for the turn; the battles that it comes from stand below."""
    kept = decision.switch is not None and decision.switch.stayed
    if kept or decision.odds is None or decision.threshold is None:
        return decision.reason or odds_text(decision)
    reached = decision.odds >= decision.threshold
    meant = f"worth {decision.model}" if reached else f"{decision.model} will do"
    far = bool(decision.neighbours) and not decision.has_near
    return f"{compare(decision)}: {meant}{'; no battle is near' if far else ''}"


def _of_pair(decision: Decision) -> Iterator[str]:
    """What is to be known of the models of a pair; of a pool's the rows say it."""
    unknown = [c for c in decision.candidates if c.prior]
    if unknown:
        names = unknown[0].model if len(unknown) == 1 else "either model"
        yield f"no battle names {names}: judged {', '.join(c.prior for c in unknown)}"
    for c in decision.candidates:
        if c.outdone_by:
            yield f"by the battles {c.outdone_by} is no worse than {c.model}, and costs less"


def switch_text(switch: Switch) -> str:
    """What a turn loses, or would have lost, by leaving a model's prompt cache."""
    reads = "would have read" if switch.stayed else "reads"
    return (
        f"{reads} {switch.tokens:,} tokens anew for {cost_text(switch.anew_usd, estimated=True)}; "
        f"{switch.left} has them cached for {cost_text(switch.cached_usd, estimated=True)}"
    )


def own_battles(decision: Decision | None) -> list[Neighbour]:
    """The user's own battles among the nearest, in the order in which the panel numbers them."""
    return [n for n in decision.neighbours if n.battle_id] if decision else []


def _numbered(decision: Decision) -> list[tuple[Neighbour, int]]:
    own = own_battles(decision)
    shown = MOST_BATTLES if len(decision.candidates) <= PAIR else FEW_BATTLES
    return [(n, own.index(n) + 1 if n.battle_id else 0) for n in decision.neighbours[:shown]]


def _neighbour(neighbour: Neighbour, own: int, width: int) -> Content:
    head = f"{neighbour.similarity:4.2f}  "
    source = f" · yours, /forget {own}" if own else ""
    room = width - len(head) - len(source)
    outcome = _outcome(neighbour, max((room - LEAST_PROMPT) // 2 - 3, 4))
    room -= cell_len(outcome)
    grade = f", {neighbour.grade}" if neighbour.grade else ""
    if room - len(grade) < ROOMY_PROMPT:
        grade = ""
    room -= len(grade)
    after = after_earlier(neighbour.earlier)
    if room - len(after) < LEAST_PROMPT:
        after = ""
    quoted = one_line(neighbour.prompt, max(room - len(after) - 4, 0))
    row = Content.assemble(
        (head, MUTED),
        f"“{quoted}”" if quoted else "",
        (after, MUTED),
        (f"  {outcome}", "bold"),
        (grade, MUTED),
        (source, "$text-accent"),
    )
    return row.truncate(width, ellipsis=True)


def after_earlier(messages: int) -> str:
    """What a message was routed together with: " after 2 earlier messages", or nothing."""
    return f" after {counted(messages, 'earlier message')}" if messages else ""


def _outcome(neighbour: Neighbour, room: int) -> str:
    """Who won, each name in at most that many cells."""
    winner, loser = neighbour.model_a, neighbour.model_b
    if neighbour.winner == "b":
        winner, loser = loser, winner
    won = "=" if neighbour.winner == "tie" else "beat"
    room = min(room, MOST_NAME)
    return f"{one_line(winner, room)} {won} {one_line(loser, room)}"


def _with_earlier(decision: Decision) -> str:
    if not decision.earlier:
        return ""
    messages = "your message" if decision.earlier == 1 else f"your {decision.earlier} messages"
    return f"routed with {messages} before it"


def _flip(decision: Decision) -> str:
    if decision.flip_share is None:
        return ""
    return f"flips at {percent(decision.flip_share)} strong"


def _other(decision: Decision, bill: Bill | None) -> str:
    if bill is None or len(bill.others_usd) != 1:
        return ""
    (amount,) = bill.others_usd.values()
    other = "weak" if decision.tier == "strong" else "strong"
    return f"{other} would cost {marked_usd('~', amount)}"


def _candidates(decision: Decision, bill: Bill | None, width: int) -> list[Content]:
    """The pool's models: the chance of each to be good enough, and what the turn costs with it."""
    costs = {**bill.others_usd, decision.model: bill.cost_usd} if bill else {}
    room = max(width - FACTS_WIDTH, 4)
    names = [one_line(candidate.model, room) for candidate in decision.candidates]
    widest = max(map(cell_len, names), default=0)
    rows = []
    for candidate, name in zip(decision.candidates, names, strict=True):
        taken = candidate.model == decision.model
        known = candidate.model in costs
        amount = f"  {marked_usd('~', costs[candidate.model])}" if known else ""
        remark = f"  judged {candidate.prior}" if candidate.prior else ""
        if candidate.outdone_by:
            remark = f"  outdone by {candidate.outdone_by}"
        rows.append(
            Content.assemble(
                f"{'→' if taken else ' '} {LETTERS[candidate.tier]} ",
                (name, "bold" if taken else ""),
                " " * (widest - cell_len(name)),
                (f"  good enough {candidate.good_enough:.2f}{amount}{remark}", MUTED),
            ).truncate(width, ellipsis=True)
        )
    return rows
