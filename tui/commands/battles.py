"""`llmroute battles`: the preference battles that the router learns from."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated

import typer

from tui.commands import mine
from tui.commands.options import AsJson, File
from tui.program import Program

app = typer.Typer(help="Preference battles: import, stats, remove, mine.", no_args_is_help=True)
app.add_typer(mine.app, name="mine")
REJECTED_SHOWN = 5


@app.command("import")
def import_battles(
    file: File,
    *,
    name: Annotated[
        str | None, typer.Option(help="What to call the set; the file's name by default.")
    ] = None,
) -> None:
    """Take the battles of a file into the router: arena CSV or parquet, JSON lines, RWQ CSV.

    Bad rows are counted, shown with their line and reason, and left out.
    """
    from routing.library import import_set

    report = import_set(Program.open().paths.router, file, name or file.name.partition(".")[0])
    typer.echo(f"{len(report.battles):,} battles imported from {file}.")
    if report.rejected:
        typer.echo(f"{len(report.rejected):,} rows left out:", err=True)
        for row in report.rejected[:REJECTED_SHOWN]:
            typer.echo(f"  line {row.line}: {row.reason}", err=True)
        if len(report.rejected) > REJECTED_SHOWN:
            typer.echo(f"  and {len(report.rejected) - REJECTED_SHOWN:,} more", err=True)
    typer.echo("The next start embeds them once.")


@app.command("remove")
def remove_battles(name: Annotated[str, typer.Argument(metavar="SET")]) -> None:
    """Take an imported set out again."""
    from routing.library import remove_set

    remove_set(Program.open().paths.router, name)
    typer.echo(f"{name} is removed.")


@app.command("stats")
def stats(*, as_json: AsJson = False) -> None:
    """How many battles each set holds, between how many models, and who won."""
    from routing.library import read_sets

    sets = read_sets(Program.open().paths.router)
    rows: list[dict[str, str | int]] = []
    for name, battles in sets.items():
        won = Counter(battle.winner for battle in battles)
        rows.append(
            {
                "set": name,
                "battles": len(battles),
                "prompts": len({battle.prompt for battle in battles}),
                "models": len({m for b in battles for m in (b.model_a, b.model_b)}),
                "a won": won["a"],
                "b won": won["b"],
                "ties": won["tie"],
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from tui.tables import print_table

    print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
