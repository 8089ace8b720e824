"""The text by which a conversation is routed: the user's last message in its context.

"Yes, do it" says nothing by itself: a short message is routed together with what it follows. A long
one is about itself, whatever came before. Replies are left out, as the router was trained on
prompts. `python -m bench.followups` measures this against its alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from routing.conversation import Turn

ENOUGH_CHARACTERS = 60  # from this length on a message speaks for itself
EARLIER_MESSAGES = 2
LONGEST_CHARACTERS = 600  # of one message; of a longer one the beginning and the end are read
THANKS = re.compile(
    r"\b(thanks?|thank you|thx|cheers|danke|merci|gracias|grazie|obrigad[oa]|bedankt|tack|dzięki|"
    r"teşekkürler|спасибо|дякую)\b|谢谢|謝謝|ありがとう|감사합니다|شكرا|धन्यवाद",
    re.IGNORECASE,
)


class Query(NamedTuple):
    """The text that is routed; `earlier`: how many messages before the last one are part of it."""

    text: str
    earlier: int = 0


def query_of(turns: Sequence[Turn], enough: int = ENOUGH_CHARACTERS) -> Query:
    """The text to route for a conversation that ends with the user's message.

    The last message, then the one or two human messages before it where it is too short to stand
    for itself, each without its middle where it is long. Thanks are for nothing but themselves,
    and nothing refers to them. `enough`: the characters from which on a message says what it is
    about.
    """
    said = [turn.text.strip() for turn in turns if turn.role == "user"]
    if not said:
        return Query("")
    last = said.pop()
    meant = [] if _is_thanks(last) else [text for text in said if not _is_thanks(text)]
    kept = [last]
    for earlier in meant[-1 : -1 - EARLIER_MESSAGES : -1]:
        if sum(map(len, kept)) >= enough:
            break
        kept.append(earlier)
    return Query("\n\n".join(map(shortened, kept)), len(kept) - 1)


def shortened(text: str, characters: int = LONGEST_CHARACTERS) -> str:
    """The text, or its beginning and its end where it is longer than that.

    A question stands before or after what was pasted, seldom in its middle.
    """
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half].rstrip()}\n…\n{text[-half:].lstrip()}"


def _is_thanks(text: str) -> bool:
    return len(text) < ENOUGH_CHARACTERS and "?" not in text and THANKS.search(text) is not None
