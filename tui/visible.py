"""Foreign text made safe to show: control characters become visible or are removed."""

from __future__ import annotations

import re

# CSI, OSC and the other escape sequences of ECMA-48, whole
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\)"
)
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_PICTURES = (
    {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"}
    | {0x7F: "␡"}
    | {code: "\N{REPLACEMENT CHARACTER}" for code in range(0x80, 0xA0)}
    | {ord(mark): f"‹U+{ord(mark):04X}›" for mark in _BIDI}
    | {code: "\N{REPLACEMENT CHARACTER}" for code in range(0xD800, 0xE000)}
)
_SUSPECT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff" + _BIDI + "]")


def visible(text: str) -> str:
    """The text without escape sequences, other control characters and direction marks shown."""
    if not _SUSPECT.search(text):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ESCAPES.sub("", text).translate(_PICTURES)


def one_line(text: str, width: int) -> str:
    """The text's beginning on one line, cut to that many cells with an ellipsis."""
    line = " ".join(visible(text[: 4 * width]).split())
    if line.isascii():
        cells, cut = len(line), line[: max(width - 1, 0)]
    else:
        from rich.cells import cell_len, set_cell_size  # the store has no use for it

        cells, cut = cell_len(line), set_cell_size(line, max(width - 1, 0))
    if cells <= width and len(text) <= 4 * width:
        return line
    return cut.rstrip() + "…" if width > 0 else ""
