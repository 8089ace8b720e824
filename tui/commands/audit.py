"""`llmroute audit`: how far a model's multiple-choice score can be trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audit.errors import BudgetError, DataError, MismatchError
from tui.commands.group import Commands
from tui.commands.options import STDOUT, AsJson, KeyName, Seed, check_place, flag
from tui.errors import AppError, UsageError
from tui.program import Program
from tui.progress import INTERRUPTED

if TYPE_CHECKING:
    from audit.leaderboard import Leaderboard
    from audit.report import Report
    from audit.run import Run
    from tui.audits.opening import WantedAudit

app = Commands(alone_is_help=False)
data = Commands("Question sets: pull.")
app.add_typer(data, name="data")


Battery = Literal["quick", "paper", "position", "symbols", "scoring", "fewshot"]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        callback=check_place,
        help="Write everything as JSON; - is standard output, in place of the report.",
    ),
]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", callback=check_place, help="Write a web page with plots."
    ),
]
MarkdownFile = Annotated[
    Path | None,
    typer.Option("--markdown", metavar="FILE", callback=check_place, help="Write Markdown."),
]


@app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|PATH|URL",
            help="demo/biased, a folder, a connected model, a server's URL, mistral-7b, a hub id.",
        ),
    ] = None,
    battery: Annotated[Battery, typer.Option(help="Which perturbations; paper: all.")] = "quick",
    questions: Annotated[
        str | None,
        typer.Option("--data", metavar="FILE|mmlu|arc|csqa", help="Another question set."),
    ] = None,
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="At most that many questions, sampled by subject.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0.0, metavar="USD", help="Stop before spending more.")
    ] = None,
    fresh: Annotated[
        bool, flag("--fresh/--resume", about="Ignore kept scores, or reuse them.")
    ] = False,
    seed: Seed = 0,
    symbols: Annotated[
        Literal["rare", "auto"],
        typer.Option(help="Unusual symbols; auto: each one token to the local model."),
    ] = "rare",
    api_base: Annotated[
        str | None, typer.Option("--api-base", metavar="URL", help="Server of the model.")
    ] = None,
    key_name: KeyName = None,
    device: Annotated[str, typer.Option(help="For a local model: cpu, cuda, cuda:1.")] = "",
    dtype: Annotated[
        Literal["", "float32", "bfloat16", "float16"],
        typer.Option(
            metavar="float32|bfloat16|float16", show_default=False, help="For a local model."
        ),
    ] = "",
    json_file: JsonFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    selftest: Annotated[
        bool, flag("--selftest", about="Check the installation from end to end.")
    ] = False,
) -> None:
    """How far a model's multiple-choice score can be trusted.

    Asks the same questions in many forms and says which of them change the answers.

    Ctrl+C keeps what was scored; run the same command again to continue.
    """
    if context.invoked_subcommand:
        return
    if selftest:
        check_installation()
        return
    if model is None:
        raise UsageError(
            "No model is named.",
            hint="llmroute audit --model demo/biased shows what a finding looks like.",
        )
    from tui.audits.opening import WantedAudit

    wanted = WantedAudit(
        model=model,
        battery=battery,
        data=questions,
        max_samples=max_samples,
        max_cost=max_cost,
        seed=seed,
        fresh=fresh,
        auto_symbols=symbols == "auto",
        device=device,
        dtype=dtype,
    )
    program = Program.open(api_base=api_base, key_name=key_name)
    perform(program, wanted, {"json": json_file, "html": html, "markdown": markdown})


@app.command("compare")
def compare(
    reports: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT", help="A report's file, or a model that has a kept report."
        ),
    ],
    *,
    json_file: JsonFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
) -> None:
    """Rank several models by their reports, under each perturbation."""
    from audit.leaderboard import compare as rank
    from audit.page import leaderboard_page
    from audit.report import from_json, leaderboard_json, leaderboard_markdown
    from tui.audits.kept import find_report

    if len(reports) < 2:
        raise UsageError(f"{len(reports)} report is given; a comparison needs at least 2.")
    program = Program.open()
    read = [from_json(find_report(program.paths.audits, name)) for name in reports]
    partial = [report.model for report in read if not report.is_whole]
    if partial:
        raise MismatchError(
            f"the run of {partial[0]} was stopped before its end",
            hint="Run its command again to finish it.",
        )
    board = rank([report.results for report in read])
    if STDOUT not in {html, markdown, json_file}:
        print_leaderboard(board)
    write(html, lambda: leaderboard_page(board))
    write(markdown, lambda: leaderboard_markdown(board))
    write(json_file, lambda: leaderboard_json(board))


@app.command("list")
def list_reports(*, as_json: AsJson = False) -> None:
    """List the kept reports, the newest first."""
    from tui.audits.kept import report_files, summary
    from tui.tables import print_table

    rows: list[dict[str, str | int]] = []
    for file in report_files(Program.open().paths.audits):
        try:
            rows.append(summary(file))
        except DataError as error:
            typer.echo(str(error), err=True)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        columns = ("report", "model", "battery", "set", "questions", "findings", "tests")
        print_table(columns, [tuple(row[name] for name in columns) for row in rows])
    else:
        typer.echo("No report is kept yet: llmroute audit --model demo/biased makes one.")


@app.command("show")
def show_report(
    report: Annotated[
        str, typer.Argument(metavar="REPORT", help="Its file, its name, or its model.")
    ],
    *,
    json_file: JsonFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
) -> None:
    """Print a kept report; for a model, its newest."""
    from audit.report import from_json
    from tui.audits.kept import find_report

    read = from_json(find_report(Program.open().paths.audits, report))
    show(read, {"json": json_file, "html": html, "markdown": markdown})


@data.command("pull")
def pull(
    name: Annotated[Literal["mmlu", "arc", "csqa"], typer.Argument(metavar="mmlu|arc|csqa")],
) -> None:
    """Fetch a well-known question set from the Hugging Face hub."""
    from audit.pull import pull as fetch
    from audit.question_files import read
    from tui.audits.opening import pulled_folder

    file = fetch(name, pulled_folder(Program.open()))
    held = read(file)
    typer.echo(f"{len(held.test):,} questions and {len(held.examples):,} examples are in {file}.")
    typer.echo(f"Ask them with: llmroute audit --model NAME --data {name}")


def check_installation() -> None:
    """Print every check of the self test as it is done.

    Raises:
        typer.Exit: one failed.
    """
    from audit.selftest import checks

    failed = 0
    for check in checks():
        failed += not check.passed
        typer.echo(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.detail}")
    typer.echo("All is well." if not failed else f"{failed} of the checks failed.")
    raise typer.Exit(1 if failed else 0)


def perform(program: Program, wanted: WantedAudit, files: dict[str, Path | None]) -> None:
    """Run the audit, show it as it goes, keep and print its report.

    Raises:
        AuditError: it could not be run, or not to its end.
    """
    from tui.audits.kept import keep, now
    from tui.audits.opening import opened

    with opened(program, wanted) as run:
        over_budget = watch(run)
        report = run.report(now())
    try:
        kept = keep(program.paths.audits, report)
    finally:  # a full disk does not take the findings from whoever waited for them
        show(report, files)
    typer.echo(f"Kept in {kept}", err=True)
    if over_budget:
        raise over_budget


def watch(run: Run) -> BudgetError | None:
    """Show the run as it goes; the error where it stopped for its cost.

    Raises:
        typer.Exit: it was interrupted.
    """
    from tui.audits.progress import following

    announce(run)
    try:
        with following(run) as follow:
            for progress in run.events():
                follow(progress)
    except BudgetError as error:
        if not run.scores:
            raise
        return error
    except KeyboardInterrupt:
        typer.echo(
            f"Stopped: {len(run.scores):,} of {len(run.battery.variants):,} prompts are scored and "
            "kept. Run the same command again to continue.",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    return None


def announce(run: Run) -> None:
    """Say what is about to be asked, and what it may cost."""
    from tui.audits.progress import introduction

    first, *more = introduction(run)
    typer.echo("\n  ".join([first, *more]), err=True)


def show(report: Report, files: Mapping[str, Path | None]) -> None:
    """Print the report, and write it in each form that has a file.

    Raises:
        AppError: a file cannot be written.
    """
    from audit.page import page
    from audit.report import markdown, to_json

    if STDOUT not in files.values():
        print_report(report)
    write(files["json"], lambda: to_json(report))
    write(files["html"], lambda: page(report))
    write(files["markdown"], lambda: markdown(report))


def write(file: Path | None, text: Callable[[], str]) -> None:
    """Write a text into the file, or on standard output for "-"; nothing where none is given.

    Raises:
        AppError: the file cannot be written.
    """
    if file is None:
        return
    if file == STDOUT:
        typer.echo(text(), nl=False)
        return
    try:
        file.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise AppError(f"{file} cannot be written: {error.strerror}") from error


def print_report(report: Report) -> None:
    """Print the findings, then every number."""
    from audit import tables
    from audit.report import facts, forms, remarks, remedies, sentences
    from tui.tables import print_facts, print_table, print_text

    for sentence in sentences(report):
        print_text(sentence)
    for advice in remedies(report):
        print_text(f"  {advice}")
    typer.echo()
    print_table(tables.SHORT_COLUMNS, tables.short_rows(report.results))
    print_text(tables.ABOUT_SHORT_COLUMNS)
    if report.results.remedies:
        typer.echo()
        print_table(tables.REMEDY_COLUMNS, tables.remedy_rows(report.results))
    if report.results.by_length:
        typer.echo()
        print_table(tables.LENGTH_COLUMNS, tables.length_rows(report.results))
        print_text(tables.ABOUT_LENGTHS)
    typer.echo()
    print_facts("What each perturbation changes", dict(forms(report.results)))
    print_facts("What was measured", dict(facts(report)))
    for remark in remarks(report):
        print_text(remark)


def print_leaderboard(board: Leaderboard) -> None:
    """Print the models from the best to the worst, the largest moves and every ranking."""
    from audit.report import moves, standings
    from audit.tables import rank_columns, ranking_rows
    from tui.tables import print_table, print_text

    for sentence in (*standings(board), *moves(board)):
        print_text(sentence)
    typer.echo()
    print_table(rank_columns(board), ranking_rows(board))
    print_text("tau: Kendall's tau-b with the baseline's ranking; n/a where all share one rank.")
