"""Tables as the commands print them: plain, whole words, numbers to the right."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from tui.visible import visible

PIPE_CELLS = 4096  # wider than any row


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Print rows under their columns. Whole numbers and US dollars stand to the right."""
    rows = [tuple(row) for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for position, name in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[position]) for row in rows)
        justify: JustifyMethod = "right" if numeric else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    _print(table)


def print_facts(title: str, facts: Mapping[str, str]) -> None:
    """Print names and what is known of each, under a title."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(Text(name), _cell(fact))
    _print(Text(title, style="bold"), table if facts else Text("  none"), Text())


def print_text(text: str, style: str = "") -> None:
    """Print a sentence, broken between words where the window ends."""
    _print(Text(visible(text), style=style))


def _print(*parts: RenderableType) -> None:
    """Print for a user's window, or whole lines for a script: nothing folded, nothing padded."""
    if sys.stdout.isatty():
        Console().print(*parts, sep="\n")
        return
    console = Console(width=PIPE_CELLS)
    with console.capture() as capture:
        console.print(*parts, sep="\n")
    for line in capture.get().splitlines():
        print(line.rstrip())  # noqa: T201  # as the console does


def _cell(value: str | int) -> Text:
    return Text(f"{value:,}" if isinstance(value, int) else visible(value))


def _is_number(value: str | int) -> bool:
    return isinstance(value, int) or value.lstrip("~-<")[:1] in {"$", "0"}
