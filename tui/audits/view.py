"""A kept report as text to draw; reading one loads the audit, so it is done in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Rows = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ReportView:
    """What the screen shows of a report, from its top to its end; each row is cells of text."""

    title: str
    sentences: Sequence[str]
    advice: Sequence[str]
    columns: tuple[str, ...]
    rows: Rows
    about_columns: str
    forms: Rows
    remedy_columns: tuple[str, ...]
    remedy_rows: Rows
    length_columns: tuple[str, ...]
    length_rows: Rows
    about_lengths: str
    facts: Rows
    remarks: Sequence[str]


def read_report(file: Path) -> ReportView:
    """The report in that file.

    Raises:
        DataError: it cannot be read, or is none.
    """
    from audit import report as audited
    from audit import tables

    report = audited.from_json(file)
    return ReportView(
        title=f"Audit of {report.model}",
        sentences=audited.sentences(report),
        advice=audited.remedies(report),
        columns=tables.SHORT_COLUMNS,
        rows=tables.short_rows(report.results),
        about_columns=tables.ABOUT_SHORT_COLUMNS,
        forms=audited.forms(report.results),
        remedy_columns=tables.REMEDY_COLUMNS,
        remedy_rows=tables.remedy_rows(report.results),
        length_columns=tables.LENGTH_COLUMNS,
        length_rows=tables.length_rows(report.results),
        about_lengths=tables.ABOUT_LENGTHS,
        facts=audited.facts(report),
        remarks=audited.remarks(report),
    )
