r"""Formulas in a Markdown text: \(...\), \[...\], $...$ and $$...$$ stay as they were written.

By CommonMark alone a backslash before a bracket, a comma or another backslash goes, and asterisks
within a formula are emphasis.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

INLINE, BLOCK = "math_inline", "math_block"

_ENDS = {"\\[": "\\]", "$$": "$$"}
_FORMULA = re.compile(
    r"""
    \\\( .+? \\\)
    | \\\[ (?: \s (?!\s*\\\]) | (?: (?!\\\]) [^\n] )*? [\^_={] ) .+? \\\]  # \[1\] is no formula
    | \$\$ [^$]+ \$\$
    | (?<![\w$\\]) \$ (?=[^\s$]) [^$`\n]* (?<=[^\s\\]) \$ (?![\w$])  # other dollars are money
    """,
    re.DOTALL | re.VERBOSE,
)


def read_formulas(parser: MarkdownIt) -> MarkdownIt:
    """The parser, which makes tokens of formulas from now on; their content is the whole source."""
    within = ["paragraph", "reference", "blockquote", "list"]  # what a formula may interrupt
    parser.block.ruler.before("fence", BLOCK, _block, {"alt": within})
    parser.inline.ruler.before("escape", INLINE, _inline)
    return parser


def _inline(state: StateInline, silent: bool) -> bool:
    found = _FORMULA.match(state.src, state.pos) if state.src[state.pos] in "\\$" else None
    if found is None:
        return False
    if not silent:
        state.push(INLINE, "", 0).content = found[0]
    state.pos = found.end()
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines from one that begins a formula; the first that ends it, or is blank, is its end."""
    begin = state.bMarks[start] + state.tShift[start]
    mark, first = state.src[begin : begin + 2], state.src[begin + 2 : state.eMarks[start]].strip()
    if mark not in _ENDS:
        return False
    after = start + 1
    ended = first.endswith(_ENDS[mark])
    while not ended and after < end and _goes_on(state, after):
        ended = _line(state, after).endswith(_ENDS[mark])
        after += 1
    content = state.getLines(start, after, state.blkIndent, False).strip()
    # A mark alone on its line begins one that may still stream.
    if first and not (ended and _is_formula(content)):
        return False
    if not silent:
        token = state.push(BLOCK, "", 0)
        token.content = content
        token.map = [start, after]
        state.line = after
    return True


def _is_formula(text: str) -> bool:
    found = _FORMULA.match(text)
    return found is not None and found.end() == len(text)


def _goes_on(state: StateBlock, line: int) -> bool:
    return not state.isEmpty(line) and state.sCount[line] >= state.blkIndent


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] : state.eMarks[number]].rstrip()
