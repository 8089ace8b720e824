"""The kept reports: finding them, and summaries read without importing the audit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from routing.files import replace_file
from tui.errors import AppError, UsageError

if TYPE_CHECKING:
    from audit.report import Report


class _Finding(msgspec.Struct, frozen=True):
    sentence: str


class _Identity(msgspec.Struct, frozen=True):
    model: str


class _Effect(msgspec.Struct, frozen=True):
    accuracy: float | None
    interval: tuple[float | None, float | None]


class _Results(msgspec.Struct, frozen=True):
    identity: _Identity
    effects: tuple[_Effect, ...]


class _Report(msgspec.Struct, frozen=True):
    """What is read of `audit.report.to_json`."""

    created: str
    results: _Results
    findings: tuple[_Finding, ...]
    verdict: str


class Note(msgspec.Struct, frozen=True):
    """One report in a few words.

    Attributes:
        day: "2026-01-31".
        line: as in "61 % ± 4, picks C when unsure".
    """

    file: Path
    model: str
    day: str
    line: str


def keep(audits: Path, report: Report) -> Path:
    """The file that now holds the report, among those that `report_files` finds.

    Raises:
        AppError: it cannot be written.
    """
    from audit.report import to_json

    name = re.sub(r"[^\w.-]+", "_", report.model).strip("._")[-60:]
    stamp = re.sub(r"\D", "", report.created)[:14]
    folder = _folder(audits)
    file = folder / f"{stamp}-{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, to_json(report).encode())
    except OSError as error:
        raise AppError(
            f"{file} cannot be written: {error.strerror}",
            hint="What was scored is kept; run the same command again to make the report.",
        ) from error
    return file


def find_report(audits: Path, name: str) -> Path:
    """A report by its file, or the newest one kept of the model of that name.

    Raises:
        UsageError: there is none.
    """
    if Path(name).expanduser().exists():
        return Path(name).expanduser()
    for file in report_files(audits):
        note = _note(file)
        if file.stem == name or (note and note.model == name):
            return file
    raise UsageError(
        f"{name} is no file, and no report of a model of that name is kept.",
        hint="llmroute audit list shows those kept.",
    )


def now() -> str:
    """The current time as reports state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def report_files(audits: Path) -> list[Path]:
    """The files of the reports kept so far, the newest first."""
    return sorted(_folder(audits).glob("*.json"), reverse=True)


def summary(file: Path) -> dict[str, str | int]:
    """A kept report's fields for the list: its model, when, and how many findings it has.

    Raises:
        DataError: it cannot be read, or is no report of this version.
    """
    from audit.findings import find, tests_of, verdict
    from audit.report import from_json

    report = from_json(file)
    results, form = report.results, report.results.form
    return {
        "created": report.created,
        "model": report.model,
        "battery": form.battery,
        "questions": len(results.question_ids),
        "set": form.questions,
        "findings": len(find(results)),
        "tests": tests_of(results),
        "verdict": verdict(results),
        "report": file.stem,
        "file": str(file),
    }


def read_notes(audits: Path) -> list[Note]:
    """A note on each kept report, the newest first; unreadable ones are left out."""
    return [note for file in report_files(audits) if (note := _note(file))]


def newest_notes(audits: Path) -> dict[str, Note]:
    """By model the note on its newest report; older files are not read."""
    newest: dict[str, Path] = {}
    for file in report_files(audits):
        newest.setdefault(file.stem.partition("-")[2], file)
    notes = [note for file in newest.values() if (note := _note(file))]
    return {note.model: note for note in notes}


def _note(file: Path) -> Note | None:
    try:
        report = msgspec.json.decode(file.read_bytes(), type=_Report)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    said = ", ".join(filter(None, (_accuracy(report), _first_finding(report))))
    return Note(file, report.results.identity.model, report.created[:10], said)


def _accuracy(report: _Report) -> str:
    """The first baseline's, with half of its 95 % interval: "61 % ± 4"."""
    if not report.results.effects or report.results.effects[0].accuracy is None:
        return ""
    first = report.results.effects[0]
    low, high = first.interval
    around = "" if low is None or high is None else f" ± {50 * (high - low):.0f}"
    return f"{100 * (first.accuracy or 0):.0f} %{around}"


def _first_finding(report: _Report) -> str:
    """What the first finding says before its numbers: "picks C when unsure"."""
    if report.findings:
        words = report.findings[0].sentence.partition(":")[0]
    else:
        words = report.verdict.partition(" at the ")[0]  # that no bias was found, or none sought
    return words[:1].lower() + words[1:]


def _folder(audits: Path) -> Path:
    return audits / "reports"
