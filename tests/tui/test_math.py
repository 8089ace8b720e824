"""Formulas in a reply."""

import pytest

from tui.markdown.document import Document

TEXT = r"""By \(a \* b\), $x*y*z$ and $$\{1, 2\}$$ *so*:
\[
\frac{a}{b}\, = c \\
- d
\]
then

- in \[ E = mc^2 \] a list
- $$
  x \\ y
  $$
"""
SHOWN = [
    r"By \(a \* b\), $x*y*z$ and $$\{1, 2\}$$ so:",
    "",
    r"\[",
    r"\frac{a}{b}\, = c \\",
    "- d",
    r"\]",
    "",
    "then",
    "",
    r"• in \[ E = mc^2 \] a list",
    "• $$",
    r"  x \\ y",
    "  $$",
]


def shown(document: Document) -> list[str]:
    return [document.line(y).content.plain for y in range(document.lines(60))]


def test_formulas_stand_as_they_were_written():
    assert shown(Document(TEXT)) == SHOWN


@pytest.mark.parametrize("step", [1, 7, 30])
def test_formulas_can_stream(step: int):
    document = Document()
    document.lines(60)
    for at in range(0, len(TEXT), step):
        document.append(TEXT[at : at + step])
    assert shown(document) == SHOWN


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("$5 and $10, *or* $7-$8", "$5 and $10, or $7-$8"),
        ("US$ 5, CA$ 6 and *7*$", "US$ 5, CA$ 6 and 7$"),
        ("from $HOME to $PATH, `$a` and `$b`", "from $HOME to $PATH, $a and $b"),
        (r"\[1\] and \[*x*\] done", "[1] and [x] done"),
        (r"\[optional\]", "[optional]"),
        (r"\[a\] and *b* \[c\]", "[a] and b [c]"),
        ("\\[1\\] Smith *wrote*\nas in \\[2\\]", "[1] Smith wrote as in [2]"),
        (r"- \[ \] one \[ \] *two*", "• [ ] one [ ] two"),
        (
            r"\[\frac{*a*}{b}\] *and* \[x + \frac{1}{2}\]",
            r"\[\frac{*a*}{b}\] and \[x + \frac{1}{2}\]",
        ),
        (r"\(never *closed*", "(never closed"),
        ("\\[ never *closed*\n\n\\]", "[ never closed"),
        ("```\n\\[ *x* \\]\n```", " \\[ *x* \\]"),
    ],
)
def test_what_is_no_formula_is_read_as_before(text: str, plain: str):
    assert shown(Document(text))[0] == plain
