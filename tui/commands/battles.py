"""`llmroute battles`: the preference battles that the router learns from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.battle_remarks import tell_rejected, tell_taken_in
from tui.commands import mine
from tui.commands.group import Commands
from tui.commands.options import ApiBase, AsJson, File, KeyName, Strong, Weak, flag
from tui.errors import UsageError
from tui.money import counted
from tui.program import Program
from tui.progress import INTERRUPTED

if TYPE_CHECKING:
    from routing.battles import Battle

app = Commands("Preference battles: import, gold, judge, pull, stats, rm, mine.")
app.add_typer(mine.app, name="mine")
WINNERS_SHOWN = 3
SetName = Annotated[
    str | None,
    typer.Option("--name", metavar="SET", help="Name of the set; the file's name by default."),
]


@app.command("import")
def import_battles(
    file: File,
    *,
    name: SetName = None,
) -> None:
    """Import battles from a file: arena CSV or parquet, JSON lines, RWQ CSV.

    Bad rows are counted, shown with their line and reason, and left out.
    """
    from routing.library import import_set, shared

    folder, name = Program.open().paths.router, name or stem(file)
    report = import_set(folder, file, name)
    typer.echo(f"{counted(len(report.battles), 'battle')} imported from {file}.")
    tell_taken_in(report.battles, report.rejected)
    for other, count in shared(folder, name).items():
        typer.echo(
            f"{count:,} of them are in {other} too and count twice; llmroute battles rm {name} "
            "removes them.",
            err=True,
        )


@app.command("gold")
def gold(
    file: File,
    *,
    strong: Strong = None,
    weak: Weak = None,
    name: SetName = None,
) -> None:
    """Make battles from a set with an answer key: the model that is right wins.

    The file has prompts, the right answers and each model's answers (or just whether they are
    right), as JSON lines or CSV. Both right, or both wrong, is a tie.
    """
    from routing.gold import gold_battles
    from routing.library import check_new, keep_set

    program = Program.open(strong=strong, weak=weak)
    pool, folder = program.require_pool(), program.paths.router
    name = name or stem(file)
    check_new(folder, name)
    report = gold_battles(file, pool.strong.name, pool.weak.name)
    keep_set(folder, name, report.battles)
    won = Counter(battle.winner for battle in report.battles)
    typer.echo(
        f"{counted(len(report.battles), 'battle')} from {file}: "
        f"{pool.strong.name} is right alone in {won['a']:,}, {pool.weak.name} in {won['b']:,}, "
        f"{counted(won['tie'], 'tie')}."
    )
    tell_taken_in(report.battles, report.rejected)


@app.command("judge")
def judge(
    prompts: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            metavar="FILE",
            help="JSON lines or CSV with a column prompt, or text with one prompt per line.",
        ),
    ],
    *,
    strong: Strong = None,
    weak: Weak = None,
    judge: Annotated[
        str | None,
        typer.Option("--judge", metavar="MODEL", help="The judge; the strong model by default."),
    ] = None,
    name: SetName = None,
    max_cost: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="USD", help="Stop before it costs more than this."),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, help="Prompts in parallel.")] = 4,
    yes: Annotated[bool, flag("--yes", "-y", about="Do not ask for confirmation.")] = False,
    api_base: ApiBase = None,
    key_name: KeyName = None,
) -> None:
    """Make battles of your own pair: both models answer, a judge grades the weak answers 1 to 5.

    Grades of 4 and 5 are ties, lower ones are won by the strong model. Stopped by hand, by
    --max-cost or by an error, it keeps what it has; the same command resumes.
    """
    from routing.battle_files import read_prompts
    from routing.judge import Terms
    from tui.judging import WantedJudging
    from tui.judging import judge as judged

    program = Program.open(strong=strong, weak=weak, api_base=api_base, key_name=key_name)
    found = read_prompts(prompts)
    tell_rejected(found.rejected)
    terms = Terms(max_cost=max_cost, parallel=parallel, timeout=program.settings.timeout)
    name = name or f"{stem(prompts)}-judged"
    wanted = WantedJudging(found.prompts, name, judge=judge, terms=terms, yes=yes)
    try:
        battles = judged(program, wanted)
    except KeyboardInterrupt:
        typer.echo(
            "Stopped. What was done is kept; run the same command again to continue.", err=True
        )
        raise typer.Exit(INTERRUPTED) from None
    left = len(found.prompts) - len(battles)
    ungraded = f"{left:,} {'prompt has' if left == 1 else 'prompts have'} no grade that can be read"
    if not battles:
        typer.echo(f"No battle was made: {ungraded}.", err=True)
        typer.echo("--judge MODEL --name SET tries another judge.", err=True)
        raise typer.Exit(1)
    scores = Counter(battle.score for battle in battles)
    graded = ", ".join(f"{scores[score]:,} x {score}" for score in (5, 4, 3, 2, 1))
    rest = f"; {ungraded}" if left else ""
    typer.echo(f"{counted(len(battles), 'battle')} in the set {wanted.name}: {graded}{rest}.")
    tell_taken_in(battles)


@app.command("pull")
def pull(
    source: Annotated[
        str,
        typer.Argument(
            metavar="arena|OWNER/NAME", help="Or a data set on the hub with the arena's columns."
        ),
    ] = "arena",
    *,
    name: SetName = None,
) -> None:
    """Fetch published battles from the Hugging Face hub: arena holds 55,000 human votes."""
    from routing.library import check_new, keep_set
    from routing.published import pull_battles

    folder = Program.open().paths.router
    name = name or source.rpartition("/")[2]
    check_new(folder, name)
    typer.echo(f"Fetching {source} …", err=True)
    try:
        report = pull_battles(source)
    except ValueError as error:
        raise UsageError(str(error)) from error
    keep_set(folder, name, report.battles)
    typer.echo(f"{counted(len(report.battles), 'battle')} fetched into the set {name}.")
    tell_taken_in(report.battles, report.rejected)


@app.command("rm")
def remove_battles(name: Annotated[str, typer.Argument(metavar="SET")]) -> None:
    """Remove an imported set."""
    from routing.library import remove_set

    remove_set(Program.open().paths.router, name)
    typer.echo(f"{name} is removed.")


@app.command("stats")
def stats(*, as_json: AsJson = False) -> None:
    """How many battles each set holds, between how many models, and who won."""
    from routing.library import read_sets

    sets = read_sets(Program.open().paths.router)
    rows: list[dict[str, Any]] = []
    for name, battles in sets.items():
        won = Counter(filter(None, map(_winner, battles)))
        rows.append(
            {
                "set": name,
                "battles": len(battles),
                "prompts": len({battle.prompt for battle in battles}),
                "models": len({m for b in battles for m in (b.model_a, b.model_b)}),
                "ties": len(battles) - won.total(),
                "won": dict(won.most_common()),
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from tui.tables import print_table

    shown = [row | {"won": _winners(row["won"])} for row in rows]
    print_table(tuple(shown[0]), [tuple(row.values()) for row in shown])


def _winner(battle: Battle) -> str:
    """The model that won, "" in a tie."""
    return {"a": battle.model_a, "b": battle.model_b}.get(battle.winner, "")


def _winners(won: Mapping[str, int]) -> str:
    """The models that won most, and how often."""
    named = [f"{model} {count:,}" for model, count in list(won.items())[:WINNERS_SHOWN]]
    return ", ".join([*named, *(["…"] if len(won) > WINNERS_SHOWN else [])])


def stem(file: Path) -> str:
    """A set's name by the file that it is from."""
    return file.name.partition(".")[0]
