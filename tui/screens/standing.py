"""The line over the draft: what the turn is doing, what the keys do, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from tui.hints import SEPARATOR, fitting
from tui.live_turn import LiveTurn
from tui.screens.panels import WIDE_HISTORY
from tui.visible import visible
from tui.widgets.block import hints as message_keys

Place = Literal["draft", "message", "card", "history", "search"]

MARGIN = 4  # columns of the composer's border that its title leaves free
SENDING = "enter send"
PALETTE = ("palette", "all actions")
HINTS = (("newline", "newline"), ("why", "why"), ("history", "history"), PALETTE)
EDITING = "another version · enter sends it · esc keeps the old one"
READ_ONLY = "read only · /fork continues in a copy"
WARMING = "warming up …"
WHERE: Mapping[Place, str] = {
    "card": "a key of the card does it · any other writes a message",
    "history": "enter open · d delete · u bring back · r rename · esc",
    "search": "any word of a conversation · enter to the list · esc",
}


class Standing(NamedTuple):
    """What the line tells of.

    Attributes:
        place: where the focus is.
        editing: another version of a message is being written.
        unanswered: the last message has no reply, as in a fork that ends with it.
        warm: the router is ready to decide.
        hint: what a new user can do after their last turn, or "".
    """

    live: LiveTurn | None = None
    place: Place = "draft"
    editing: bool = False
    read_only: bool = False
    unanswered: bool = False
    warm: bool = True
    hint: str = ""


def standing_text(standing: Standing, keys: Mapping[str, str], columns: int) -> str:
    """The line on a screen of that many columns; `keys` has the key of each action."""
    width = columns - MARGIN
    if standing.live:
        return live_text(standing.live)
    if standing.place == "message":
        return message_keys(width)
    if standing.place in WHERE:
        return WHERE[standing.place]
    if standing.editing:
        return EDITING
    if standing.read_only:
        return READ_ONLY
    told = HINTS if columns >= WIDE_HISTORY else (PALETTE,)
    usual = (SENDING, *(f"{keys[action]} {does}" for action, does in told))
    before = (
        "" if standing.warm else WARMING,
        f"{keys['retry']} answers your last message" if standing.unanswered else "",
    )
    ways_on = (*before, *([standing.hint] if standing.hint else usual))
    return fitting(SEPARATOR.join(filter(None, ways_on)), width)


def live_text(turn: LiveTurn) -> str:
    """What the turn under way does."""
    if turn.decision is None:
        return "routing …"
    if turn.pieces:
        return "streaming · esc stops"
    model = visible(turn.decision.model)
    does = f"{model} is thinking" if turn.thinking else f"waiting for {model}"
    return f"{does} · esc stops"
