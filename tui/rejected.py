"""Rows of a file that were left out, told on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from routing.rows import RejectedRow

SHOWN = 5


def tell_rejected(rejected: Sequence[RejectedRow], file: object = "") -> None:
    """Say how many rows there are of it, and why the first were left out."""
    if not rejected:
        return
    of = f" of {file}" if file else ""
    typer.echo(f"{len(rejected):,} rows{of} left out:", err=True)
    for row in rejected[:SHOWN]:
        typer.echo(f"  line {row.line}: {row.reason}", err=True)
    if len(rejected) > SHOWN:
        typer.echo(f"  and {len(rejected) - SHOWN:,} more", err=True)
