"""`llmroute cost`: what was spent and saved, by day, model or session."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tui.commands.options import AsJson
from tui.commands.sessions import warn_of_damage
from tui.errors import UsageError
from tui.money import ledger_fields, marked_usd, percent, spent_text, turns_text, usd
from tui.program import Program
from tui.visible import one_line

if TYPE_CHECKING:
    from routing.cost import Ledger
    from tui.sessions import SessionInfo

TITLE_CELLS = 18  # what the numbers leave of 80; `sessions list` has the whole title


def cost(
    *,
    by: Annotated[
        Literal["day", "model", "session"], typer.Option(help="One row per day, model or session.")
    ] = "day",
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only this month.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent, what all-strong would have cost, and what was saved.

    All-strong counts the tokens of the actual replies at the strong model's price: an estimate
    (~) for each reply that another model gave. With a budget, the month's pace.
    """
    from tui.budget import month_of, month_text
    from tui.sessions import Sessions

    if month is not None:
        _check_month(month)
    program = Program.open()
    infos = Sessions(program.paths.sessions).list(trash=True)
    warn_of_damage(infos)
    ledgers = _ledgers(infos, by, month)
    budget = program.settings.budget
    now = month_of((row for info in infos for row in info.costs), date.today())
    titles = {info.id: info.title for info in infos} if by == "session" else {}
    rows = [
        {by: name} | ({"title": titles[name]} if titles else {}) | ledger_fields(ledger)
        for name, ledger in ledgers.items()
    ]
    if as_json:
        fields = {"rows": rows, "total": ledger_fields(_total(ledgers)), "month": now._asdict()}
        typer.echo(json.dumps(fields | {"budget_usd": budget.monthly_usd}, indent=2))
        return
    if not rows:
        typer.echo(f"Nothing was spent in {month}." if month else "Nothing was spent yet.")
        return
    shown = {name: one_line(title, TITLE_CELLS) for name, title in titles.items()}
    _print(by, shown, ledgers)
    if text := month_text(now, budget):
        typer.echo(f"\nThis {text}.")


def _print(by: str, names: Mapping[str, str], ledgers: Mapping[str, Ledger]) -> None:
    """The table, each ledger under its name or its own key, and what it does not count."""
    from tui.tables import print_table

    total = _total(ledgers)
    rows = [(names.get(name, name), *_cells(ledger)) for name, ledger in ledgers.items()]
    columns = (by, "spent", "all strong", "saved", "", "turns", "tokens in", "out")
    print_table(columns, [*rows, ("total", *_cells(total))])
    if unpriced := total.unpriced_turns:
        turns = "1 turn by a model" if unpriced == 1 else f"{unpriced:,} turns by models"
        typer.echo(f"\n$? is not counted: {turns} of an unknown price.")
        typer.echo("llmroute models price MODEL sets it.")


def _ledgers(infos: Iterable[SessionInfo], by: str, month: str | None) -> dict[str, Ledger]:
    """A ledger for each day, model or session's id: days and models sorted, sessions as given."""
    from tui.sessions import total

    groups: dict[str, list[Ledger]] = {}
    for info in infos:
        for row in info.costs:
            if month is None or row.day.startswith(month):
                name = {"day": row.day, "model": row.model, "session": info.id}[by]
                groups.setdefault(name, []).append(row.ledger)
    names = groups if by == "session" else sorted(groups)
    return {name: total(groups[name]) for name in names}


def _total(ledgers: Mapping[str, Ledger]) -> Ledger:
    from tui.sessions import total

    return total(ledgers.values())


def _cells(ledger: Ledger) -> tuple[str | int, ...]:
    comparable = ledger.all_strong_usd > 0 or not ledger.unpriced_turns
    tilde = ledger.all_strong_tilde
    return (
        spent_text(ledger),
        marked_usd(tilde, ledger.all_strong_usd) if comparable else usd(None),
        marked_usd(tilde, ledger.saved_usd) if comparable else usd(None),
        percent(ledger.saved_share) if comparable else "",
        turns_text(ledger.turns),
        ledger.prompt_tokens,
        ledger.completion_tokens,
    )


def _check_month(text: str) -> None:
    """Check that the text is a month.

    Raises:
        UsageError: it is none.
    """
    try:
        date.fromisoformat(f"{text}-01")
    except ValueError:
        raise UsageError(f"--month {text}: expected a month such as 2026-11") from None
