"""Hints for users who may not know what to do next."""

from __future__ import annotations

from collections.abc import Mapping

HINTS = (  # one a turn; the names in braces are those of keys
    "{why} why this model answered · {threshold} how often the strong one does",
    "{good} or {bad} teaches the router what you prefer · {again} asks the strong model",
    "{walk_up} earlier messages: copy, edit, fork · {search} all conversations",
)
SEPARATOR = " · "  # between hints
OLDER_TRASH = "What was deleted before: llmroute sessions list --trash"


def hint_after(turns: int, keys: Mapping[str, str]) -> str:
    """What to say after that many turns, "" for nothing; `keys` has the key of each action."""
    return HINTS[turns - 1].format_map(keys) if 0 < turns <= len(HINTS) else ""


def fitting(hints: str, width: int) -> str:
    """The first of the hints that stand on a line of that width; one at least."""
    kept, *more = hints.split(SEPARATOR)
    for hint in more:
        if len(kept) + len(SEPARATOR) + len(hint) > width:
            break
        kept = f"{kept}{SEPARATOR}{hint}"
    return kept
