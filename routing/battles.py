"""Preference battles: one prompt, two models, who won."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Winner = Literal["a", "b", "tie"]

MINE = "mine"  # the source of the user's own battles


@dataclass(frozen=True, slots=True)
class Battle:
    """One comparison of two models' replies to one prompt.

    Attributes:
        source: where it comes from: "starter", "mine", or the name of an imported set.
        battle_id: stable name of one of the user's own battles, so that it can be forgotten;
            "" for the others.
        score: the grade of 1 to 5 that a judge gave to model_b's reply; None where none did.
        both_bad: a tie because neither reply was good enough, as the arena's "tie (bothbad)".
        earlier: how many earlier messages the prompt holds behind the user's last one, parted by
            blank lines, the newest first.
    """

    prompt: str
    model_a: str
    model_b: str
    winner: Winner
    source: str = ""
    battle_id: str = ""
    score: int | None = None
    both_bad: bool = False
    earlier: int = 0

    @property
    def messages(self) -> list[str]:
        """The user's last message, then the earlier ones it was routed with, newest first."""
        return self.prompt.split("\n\n", self.earlier)
