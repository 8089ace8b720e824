"""Tables as the commands print them: plain, whole words, numbers to the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from tui.visible import visible


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
    Console().print(table)


def print_facts(title: str, facts: Mapping[str, str]) -> None:
    """Print names and what is known of each, under a title."""
    console = Console()
    console.print(Text(title, style="bold"))
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, fact in facts.items():
        table.add_row(Text(name), _cell(fact))
    console.print(table if facts else Text("  none"))
    console.print()


def _cell(value: str | int) -> Text:
    return Text(f"{value:,}" if isinstance(value, int) else visible(value))


def _is_number(value: str | int) -> bool:
    return isinstance(value, int) or value.lstrip("~-<")[:1] in {"$", "0"}
