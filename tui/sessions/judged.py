"""The user's wishes on routed turns, and how another threshold would have met them.

A wish is a judgement (/good, /bad, asking the strong model too), or else a reply of a weaker model
that was asked for again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from routing.battles import Battle
from tui.sessions.message import Message
from tui.sessions.past import Routed

WHOLE = ("done", "stopped")
SPREADS = 1.96  # standard deviations within which chance stays 19 times out of 20


class Judged(NamedTuple):
    """A routed turn, and whether the user wanted the strongest model's reply."""

    turn: Routed
    wants_strong: bool


class WishesMet(NamedTuple):
    """How many of the user's wishes a threshold meets.

    Attributes:
        wants_strong: turns for which the strongest model was wanted; `got_strong` of them get it.
        weak_enough: turns for which a weaker one did; `stay_weak` of them stay with one.
    """

    wants_strong: int
    got_strong: int
    weak_enough: int
    stay_weak: int


class Separation(NamedTuple):
    """How well a router tells the turns that deserved the strongest model from the others.

    Attributes:
        right: the AUC: the share of pairs, one of each kind, in which the first has the higher win
            probability; .5 by chance.
        is_clear: whether it is significantly above .5.
    """

    right: float
    is_clear: bool


def separation(turns: Sequence[Judged]) -> Separation | None:
    """What the win probabilities make of the wishes; None where all turns had the same one."""
    strong = [each.turn.win_probability for each in turns if each.wants_strong]
    weak = [each.turn.win_probability for each in turns if not each.wants_strong]
    if not strong or not weak:
        return None
    points = sum((one > other) + (one == other) / 2 for one in strong for other in weak)
    right = points / (len(strong) * len(weak))
    # Of the Mann-Whitney statistic under a random order.
    spread = math.sqrt((len(strong) + len(weak) + 1) / (12 * len(strong) * len(weak)))
    return Separation(right, right - 0.5 > SPREADS * spread)


def answered_again(messages: Iterable[Message]) -> frozenset[str]:
    """Ids of the messages that have two whole replies or more."""
    replies = Counter(
        message.parent
        for message in messages
        if message.role == "assistant" and message.state in WHOLE and message.origin is None
    )
    return frozenset(parent for parent, count in replies.items() if parent and count > 1)


def judged(
    turns: Iterable[Routed], battles: Iterable[Battle], again: frozenset[str]
) -> list[Judged]:
    """The turns of which the user said what they wanted, each message once.

    `battles` are the user's own, `again` the messages that were answered again.
    """
    # In a user's own battle the stronger of the two is model_a.
    wanted = {battle.battle_id: battle.winner == "a" for battle in battles}
    found: dict[str, Judged] = {}
    for turn in turns:
        strongest = turn.models[0] == turn.model
        if turn.prompt in wanted:
            found[turn.prompt] = Judged(turn, wanted[turn.prompt])
        elif turn.prompt in again and not strongest:
            found[turn.prompt] = Judged(turn, wants_strong=True)
    return list(found.values())


def wishes_met(turns: Sequence[Judged], threshold: float) -> WishesMet:
    """How many of the judged turns would get what was wanted at that threshold."""
    strong = [each.turn.place_at(threshold) == 0 for each in turns if each.wants_strong]
    weak = [each.turn.place_at(threshold) > 0 for each in turns if not each.wants_strong]
    return WishesMet(len(strong), sum(strong), len(weak), sum(weak))
