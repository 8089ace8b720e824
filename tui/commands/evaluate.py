"""`llmroute router eval`: quality against cost of routers on graded prompts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.options import AsJson, Pool, Seed, Strong, Weak, check_place
from tui.money import counted
from tui.program import Program
from tui.progress import bars, follower
from tui.settings import split_pool

if TYPE_CHECKING:
    from tui.evaluation.comparison import View
    from tui.evaluation.measuring import Evaluated

PLOT_LINES, PLOT_WIDTH = 22, 100


def evaluate(
    *,
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            metavar="mt-bench|mmlu|gsm8k|FILE",
            help="A set of the RouteLLM paper (in the folder that LLMROUTE_DATA names), or JSON "
            "lines with prompt, the quality of each model's reply and, where known, its cost, "
            "or votes as `battles import` reads them.",
        ),
    ],
    routers: Annotated[
        str,
        typer.Option(
            "--router", metavar="A,B", help="Routers to measure; default: the one in use."
        ),
    ] = "",
    strong: Strong = None,
    weak: Weak = None,
    pool: Pool = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.svg|OUT.png",
            callback=check_place,
            help="Draw the curves into this SVG or PNG file.",
        ),
    ] = None,
) -> None:
    """Measure routers on graded prompts: quality recovered at each share of strong calls.

    The baselines need no router: chance, the price-only mix, each model alone. Prompts
    that the battles hold already are left out. Among more than two models the cheapest that is
    good enough is taken, and the curve is over cost.
    """
    from tui.evaluation.comparison import known
    from tui.evaluation.measuring import WantedEvaluation
    from tui.evaluation.measuring import evaluate as measure
    from tui.evaluation.plots import check_format, save_plot

    if plot:
        check_format(plot)
    names = _names(routers)
    wanted = WantedEvaluation(
        set_name, names, strong=strong, weak=weak, pool=split_pool(pool or ""), seed=seed
    )
    with bars(transient=True) as shown:
        found = measure(Program.open(), wanted, follower(shown))
    view = _view(found)
    if plot:
        save_plot(view.chart, plot)
    if as_json:
        fields = view.fields | {
            "benchmark_dataset_similarity": found.similarity,
            "left_out": found.left_out,
            "remarks": list(found.remarks),
        }
        typer.echo(json.dumps(known(fields), indent=2, ensure_ascii=False))
        return
    _print(view, found)
    if plot:
        typer.echo(f"Drawn into {plot}.")


def transfer(
    *,
    sets: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="mt-bench|mmlu|gsm8k|FILE",
            help="Give two or more; each is left out once.",
        ),
    ],
    routers: Annotated[
        str,
        typer.Option(
            "--router", metavar="A,B", help="Routers to measure; default: the one in use."
        ),
    ] = "",
    strong: Strong = None,
    weak: Weak = None,
    rows: Annotated[
        int, typer.Option(min=1, help="At most this many rows of each other set to learn from.")
    ] = 1500,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Leave one data set out: train routers on all the others and test them on that one.

    Each is taught from nothing, by the battles that there are, and then by gold rows of the other
    sets too. What is in use does not change.
    """
    from tui.evaluation import transfers
    from tui.evaluation.comparison import known

    names = _names(routers)
    wanted = transfers.WantedTransfer(sets, names, strong=strong, weak=weak, rows=rows, seed=seed)
    with bars(transient=True) as shown:
        found = list(transfers.transfer(Program.open(), wanted, follower(shown)))
    if as_json:
        typer.echo(json.dumps(known([transfers.as_json(each) for each in found]), indent=2))
        return
    from tui.tables import print_table

    print_table(transfers.COLUMNS, [transfers.row(each) for each in found])
    typer.echo("\nAPGR [95 %], and by how many deviations it exceeds random routing (z).")
    for remark in transfers.remarks(found):
        typer.echo(remark)


def _names(routers: str) -> list[str]:
    """The routers that the option names.

    Raises:
        UsageError: one of them is none.
    """
    from tui.router_states import check_known

    names = [name.strip() for name in routers.split(",") if name.strip()]
    for name in names:
        check_known(name)
    return names


def _view(found: Evaluated) -> View:
    from routing.evaluation.frontier import PoolComparison
    from tui.evaluation import comparison, pools

    if isinstance(found.comparison, PoolComparison):
        return pools.view(found.comparison)
    return comparison.view(found.comparison)


def _print(view: View, found: Evaluated) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tui.evaluation.plots import terminal_plot
    from tui.tables import print_text

    console = Console()
    print_text(view.heading)
    print_text(
        f"{counted(found.left_out, 'prompt')} left out because the battles hold the same (cosine "
        f".95 or more); mean cosine to the nearest battle {found.similarity:.3f}"
    )
    for caution in view.cautions:
        print_text(caution, style="bold")
    typer.echo()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for at, column in enumerate(view.columns):
        table.add_column(column, justify="right" if at else "left", overflow="fold", no_wrap=at > 0)
    for row in view.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    typer.echo()
    width = min(PLOT_WIDTH, shutil.get_terminal_size().columns)
    drawn = terminal_plot(view.chart, width, PLOT_LINES)
    console.print(Text.from_ansi(drawn), no_wrap=True, crop=True)
    for sentence in [*view.sentences, *found.remarks, "", view.legend]:
        print_text(sentence)
