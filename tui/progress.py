"""Progress of long commands: bars on stderr, and the time left in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

NUMBERS, TIME = 13, 7  # characters of the longest of them, before which the bar gives way
INTERRUPTED = 130  # exit code of work that Ctrl+C has stopped

# Hears of what is being done, how much of it there is, and each part of it that is done.
Follow = Callable[[str, int], Callable[[int], None]]


@contextmanager
def bars(*, transient: bool = False) -> Iterator[Progress]:
    """Bars with the time left; none without a terminal. `transient` removes them at the end."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=NUMBERS)),
        TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=TIME)),
    )
    console = Console(stderr=True)
    watched = console.is_terminal
    with Progress(*columns, console=console, transient=transient, disable=not watched) as shown:
        yield shown


def follower(shown: Progress) -> Follow:
    """A callback that gives each piece of work its own bar."""

    def follow(description: str, total: int) -> Callable[[int], None]:
        task = shown.add_task(description, total=total)
        return lambda done: shown.advance(task, done)

    return follow


def duration(seconds: float) -> str:
    """As in "40 s", "3 min" and "2 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
