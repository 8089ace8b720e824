"""Parsing of replies in words: which option they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from audit.variants import Shown

_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_WRAPPING = " \t\n*_`\"'“”()[]{}.,:;"
_REFUSAL = re.compile(
    r"\bI(?:['’]m| am) (?:sorry|unable|not able)\b|\bI (?:cannot|can['’]t|won['’]t|must decline)\b"
    r"|\bas an AI\b",
    re.IGNORECASE,
)


def named_option(text: str, shown: Shown) -> int | None:
    """The shown position of the one option that the reply names; None for none, or for several.

    It may name it by its symbol, alone or where an answer stands, or by its text word for word.
    """
    reply = _THOUGHT.sub("", text).strip()
    for rule in _RULES:
        found = {i for i in range(len(shown.options)) if rule(reply, shown, i)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def is_refusal(text: str) -> bool:
    """Whether a reply that names no option declines to answer."""
    return bool(_REFUSAL.search(text))


def _is_symbol(reply: str, shown: Shown, i: int) -> bool:
    symbol = shown.symbols[i]
    return reply == symbol or reply.strip(_WRAPPING).upper() == symbol.upper()


def _is_text(reply: str, shown: Shown, i: int) -> bool:
    return reply.strip(_WRAPPING).casefold() == shown.options[i].strip(_WRAPPING).casefold()


def _begins_with_symbol(reply: str, shown: Shown, i: int) -> bool:
    """As in "B. Paris", "**B**: because" and "B B B"; not "A, B and C", and not "A city".

    "A Paris" only where Paris is what A stands for.
    """
    symbol, option = re.escape(shown.symbols[i]), re.escape(shown.options[i].strip())
    any_symbol = "|".join(map(re.escape, shown.symbols))
    after = (
        r"[*_`)\].:]",
        rf",(?!\s*(?:(?:and|or)\s+)?(?:{any_symbol})(?!\w))",
        r"\s*\n",
        r"\s+-",
        rf"\s+{option}(?!\w)",
        rf"\s+{symbol}(?!\w)",
    )
    return bool(re.match(rf"[*_`(\[]*{symbol}(?:{'|'.join(after)})", reply))


def _is_said_to_answer(reply: str, shown: Shown, i: int) -> bool:
    symbol = re.escape(shown.symbols[i])
    said = rf"\b(?:answer|choice|option)(?:\s+is|\s*:)?[\s*_`(\[]*{symbol}(?!\w)"
    return bool(re.search(said, reply, re.IGNORECASE))


def _holds_text(reply: str, shown: Shown, i: int) -> bool:
    return _holds(reply, shown.options[i]) and not any(
        _holds(other, shown.options[i]) and _holds(reply, other)
        for j, other in enumerate(shown.options)
        if j != i
    )


def _holds(reply: str, option: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(option.strip())}(?!\w)", reply, re.IGNORECASE))


def _holds_symbol_in_brackets(reply: str, shown: Shown, i: int) -> bool:
    return f"({shown.symbols[i]})" in reply or f"**{shown.symbols[i]}**" in reply


_RULES: Sequence[Callable[[str, Shown, int], bool]] = (
    _is_symbol,
    _is_text,
    _begins_with_symbol,
    _is_said_to_answer,
    _holds_text,
    _holds_symbol_in_brackets,
)
