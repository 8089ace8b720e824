"""`llmroute cost`: what was spent and saved, by day, model or session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tui.commands.options import AsJson
from tui.money import percent, turns_text, usd
from tui.program import Program

if TYPE_CHECKING:
    from routing.cost import Ledger


def cost(
    *,
    by: Annotated[
        Literal["day", "model", "session"], typer.Option(help="One row for each.")
    ] = "day",
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only this month.")] = None,
    as_json: AsJson = False,
) -> None:
    """Spent, what all-strong would have cost, and saved.

    All-strong counts the tokens of the actual replies at the strong model's price: an estimate.
    """
    ledgers = _ledgers(Program.open(), by, month)
    rows = [{by: name} | _fields(ledger) for name, ledger in ledgers.items()]
    if as_json:
        typer.echo(json.dumps({"rows": rows, "total": _fields(_total(ledgers))}, indent=2))
        return
    if not rows:
        typer.echo("Nothing was spent yet.")
        return
    from tui.tables import print_table

    columns = (by, "spent", "all strong", "saved", "", "turns", "tokens in", "out")
    ledgers["total"] = _total(ledgers)
    print_table(columns, [(name, *_cells(ledger)) for name, ledger in ledgers.items()])


def _ledgers(program: Program, by: str, month: str | None) -> dict[str, Ledger]:
    from tui.sessions import Sessions, total

    groups: dict[str, list[Ledger]] = {}
    for info in Sessions(program.paths.sessions).list(trash=True):
        for row in info.costs:
            if month is None or row.day.startswith(month):
                session = f"{info.title} ({info.id})"
                name = {"day": row.day, "model": row.model, "session": session}[by]
                groups.setdefault(name, []).append(row.ledger)
    return {name: total(ledgers) for name, ledgers in sorted(groups.items())}


def _total(ledgers: dict[str, Ledger]) -> Ledger:
    from tui.sessions import total

    return total(ledgers.values())


def _fields(ledger: Ledger) -> dict[str, float]:
    from dataclasses import asdict

    return asdict(ledger) | {"saved_usd": ledger.saved_usd}


def _cells(ledger: Ledger) -> tuple[str | int, ...]:
    unknown = f" + {ledger.unpriced_turns} x $?" if ledger.unpriced_turns else ""
    return (
        usd(ledger.spent_usd) + unknown,
        f"~{usd(ledger.all_strong_usd)}",
        f"~{usd(ledger.saved_usd)}",
        percent(ledger.saved_share),
        turns_text(ledger.turns),
        ledger.prompt_tokens,
        ledger.completion_tokens,
    )
