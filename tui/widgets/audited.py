"""An audit under way, and a report, as what the audit screen draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tui.audits.job import AuditJob
from tui.audits.view import ReportView, Rows
from tui.audits.wire import COLUMNS, Failed
from tui.visible import visible

BAR_COLUMNS = 40


def draw_job(job: AuditJob) -> RenderableType:
    """How far the audit is, and what it says so far."""
    begun = job.begun.lines if job.begun else (f"{job.order.model}: getting ready …",)
    parts: list[RenderableType] = [*map(_line, begun), Text()]
    if job.scored:
        scored = job.scored
        bar = Table.grid()
        bar.add_row(
            ProgressBar(
                scored.total,
                scored.done,
                width=BAR_COLUMNS,
                complete_style="bold",
                finished_style="bold",
            )
        )
        parts += [bar, _line(scored.summary), Text(), _table(COLUMNS, scored.rows)]
    if isinstance(job.ended, Failed):
        parts += [Text(), _line(job.ended.message, "bold"), _line(job.ended.hint)]
    return Group(*parts)


def draw_report(view: ReportView, stopped: str = "") -> RenderableType:
    """The findings first, then every number; `stopped` says why the run has no end."""
    return Group(*_report(view, stopped))


def _report(view: ReportView, stopped: str) -> Iterator[RenderableType]:
    yield _line(view.title, "bold")
    yield Text()
    if stopped:
        yield _line(stopped, "bold")
    for sentence in view.sentences:
        yield _line(sentence)
    for advice in view.advice:
        yield Padding(_line(advice, "dim"), (0, 0, 0, 2))
    yield Text()
    yield _table(view.columns, view.rows)
    yield _line(view.about_columns, "dim")
    if view.remedy_rows:
        yield Text()
        yield _table(view.remedy_columns, view.remedy_rows)
    if view.length_rows:
        yield Text()
        yield _table(view.length_columns, view.length_rows)
        yield _line(view.about_lengths, "dim")
    yield Text()
    yield _pairs(view.forms)
    yield Text()
    yield _pairs(view.facts)
    for remark in view.remarks:
        yield _line(remark, "dim")


def _table(columns: Sequence[str], rows: Rows) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for name in columns:
        is_words = name in {"perturbation", "remedy", "what it does"}
        table.add_column(name, justify="left" if is_words else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(_line, row))
    return table


def _pairs(pairs: Rows) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in pairs:
        table.add_row(*map(_line, row))
    return table


def _line(text: str, style: str = "") -> Text:
    return Text(visible(text), style)
