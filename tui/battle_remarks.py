"""Remarks on stderr about imported battles: rows left out, and a side that never wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from tui.money import counted
from tui.visible import visible

if TYPE_CHECKING:
    from routing.battles import Battle
    from routing.rows import RejectedRow

SHOWN = 5


EMBEDDED_LATER = "The next start embeds them, once."


def tell_taken_in(battles: Sequence[Battle], rejected: Sequence[RejectedRow] = ()) -> None:
    """Print remarks on battles that were just imported."""
    tell_rejected(rejected)
    tell_one_sided(battles)
    typer.echo(EMBEDDED_LATER)


def tell_rejected(rejected: Sequence[RejectedRow], file: object = "") -> None:
    """Print how many rows were left out, and why the first ones were."""
    if not rejected:
        return
    of = f" of {file}" if file else ""
    typer.echo(f"{counted(len(rejected), 'row')}{of} left out:", err=True)
    for row in rejected[:SHOWN]:
        found = f" (found {visible(row.value)!r})" if row.value else ""
        typer.echo(f"  line {row.line}: {row.reason}{found}", err=True)
    if len(rejected) > SHOWN:
        typer.echo(f"  and {len(rejected) - SHOWN:,} more", err=True)


def tell_one_sided(battles: Sequence[Battle]) -> None:
    """Say that one model wins all battles, or that all are ties, if so."""
    won = {
        {"a": battle.model_a, "b": battle.model_b, "tie": ""}[battle.winner] for battle in battles
    }
    if len(won) != 1 or len(battles) < 2:
        return
    (winner,) = won
    outcome = f"{winner} wins each of them" if winner else "all are ties"
    typer.echo(
        f"One-sided: {outcome}. By themselves they tell no prompt from another; a router needs "
        "battles that end in other ways too.",
        err=True,
    )
