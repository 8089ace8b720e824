"""Reads questions from CSV and JSON lines files, and says what is wrong with a file and where."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from audit.errors import DataError, Place
from audit.questions import KINDS, LEAST_OPTIONS, MOST_OPTIONS, Kind, Question, QuestionSet, checked
from audit.variants import LETTERS

_SPLIT_SUFFIX = re.compile(r"[_-](test|dev|val|validation|train)$", re.IGNORECASE)
_OPTION_COLUMN = re.compile(r"(?:option|choice)?[_ ]?([a-j]|10|[0-9])")


@dataclass(frozen=True, slots=True)
class _Row:
    """One question as its file has it: every format becomes one of these.

    Attributes:
        labels: what the file calls the options; the letters where it has no names for them.
        answer: an index, a label, or an option's own text.
    """

    place: Place
    stem: object
    options: Sequence[object]
    labels: Sequence[str]
    answer: object
    subject: str = ""
    id: str = ""
    kind: str = "test"


def read(path: Path) -> QuestionSet:
    """The questions of a CSV or JSON lines file, or of a folder of them, with their flags.

    A CSV file has no header, as MMLU's (question, options, letter), or one that names its
    columns. A folder is laid out as MMLU's: `test/` and `dev/`, the subject in the file's name;
    or it holds its files itself.

    Raises:
        DataError: a row is malformed, or there is nothing to read.
    """
    if path.is_dir():
        rows = _folder_rows(path)
    elif path.is_file():
        rows = list(_file_rows(path, "test"))
    else:
        raise DataError(Place(path), "is not there", "a CSV or JSON lines file, or a folder")
    return _set_of(path.stem, Place(path), rows)


def shipped() -> QuestionSet:
    """The questions that were written for this project."""
    asset = resources.files("assets") / "questions.jsonl"
    with resources.as_file(asset) as path:
        return replace(read(path), name="shipped")


def _set_of(name: str, place: Place, rows: Sequence[_Row]) -> QuestionSet:
    """The rows as questions, by kind.

    Raises:
        DataError: a row is malformed, an id is used twice, or no question is there to ask.
    """
    kinds: dict[str, list[Question]] = {kind: [] for kind in KINDS}
    ids: set[str] = set()
    for row in rows:
        if row.kind not in kinds:
            raise DataError(row.place, f"kind is {row.kind!r}", f"one of {', '.join(KINDS)}")
        question = _question(row)
        if question.id in ids:
            raise DataError(row.place, f"id {question.id!r} is used twice", "an id of its own")
        ids.add(question.id)
        kinds[row.kind].append(question)
    if not kinds["test"]:
        raise DataError(place, "holds no question to ask", "at least one row")
    return QuestionSet(
        name=name,
        test=checked(kinds["test"]),
        examples=checked(kinds["example"]),
        trivial=checked(kinds["trivial"]),
        ood=checked(kinds["ood"]),
    )


def _question(row: _Row) -> Question:
    """The row as a question.

    Raises:
        DataError: it is not one.
    """
    if not isinstance(row.stem, str) or not row.stem.strip():
        raise DataError(row.place, f"question is {row.stem!r}", "a text")
    options = tuple(_option(row.place, i, option) for i, option in enumerate(row.options))
    if not LEAST_OPTIONS <= len(options) <= MOST_OPTIONS:
        raise DataError(
            row.place,
            f"has {len(options)} option{'s' * (len(options) != 1)}",
            f"{LEAST_OPTIONS} to {MOST_OPTIONS}",
        )
    return Question(
        id=row.id or f"{row.place.file.stem}-{row.place.line}",
        stem=row.stem,
        options=options,
        answer=_answer(row, options),
        subject=row.subject,
        source=f"{row.place.file.name}:{row.place.line}",
    )


def _option(place: Place, index: int, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(place, f"option {LETTERS[index % len(LETTERS)]} is {value!r}", "a text")
    return value


def _answer(row: _Row, options: Sequence[str]) -> int:
    """Index of the right option: from an index, from a label, or from the option's own text.

    Raises:
        DataError: it points at no option, or at more than one.
    """
    answer = row.answer
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(options):
        return answer
    if isinstance(answer, str):
        labels = [label.upper() for label in row.labels[: len(options)]]
        for known, wanted in ((labels, answer.strip().upper()), (options, answer)):
            if list(known).count(wanted) == 1:
                return list(known).index(wanted)
    raise DataError(
        row.place,
        f"answer is {answer!r}",
        f"one of {', '.join(row.labels[: len(options)])}, or the text of one option",
        hint="In JSON an answer may also be a number that counts the options from 0.",
    )


def _folder_rows(folder: Path) -> list[_Row]:
    """The rows of `test/` as questions to ask and of `dev/` as examples; else of the folder."""
    tests = _files(folder / "test") or _files(folder)
    if not tests:
        raise DataError(Place(folder), "holds no questions", "*.csv or *.jsonl, or test/ and dev/")
    rows = [row for file in tests for row in _file_rows(file, "test")]
    examples = [row for file in _files(folder / "dev") for row in _file_rows(file, "example")]
    return rows + examples


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix in {".csv", ".jsonl"})


def _file_rows(file: Path, kind: Kind) -> Iterator[_Row]:
    """The rows of one file; `kind` where the file does not say.

    Raises:
        DataError: the file cannot be read as text, or a row is malformed.
    """
    named = _SPLIT_SUFFIX.search(file.stem)
    subject = _SPLIT_SUFFIX.sub("", file.stem) if named else ""
    reader = _csv_rows if file.suffix == ".csv" else _json_rows
    try:
        for row in reader(file, kind):
            yield replace(row, subject=row.subject or subject)
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x} at offset {error.start}"
        raise DataError(Place(file), f"is not UTF-8: {byte}", "UTF-8 text") from error
    except OSError as error:
        raise DataError(Place(file), error.strerror or str(error), "a readable file") from error


def _csv_rows(file: Path, kind: Kind) -> Iterator[_Row]:
    # Not pandas: ten rows of MMLU hold a literal None or NA, which it would turn into NaN.
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header: list[str] | None = None
        line = 1
        try:
            for cells in reader:
                place, line = Place(file, line), reader.line_num + 1
                if place.line == 1 and (header := _header(place, cells)):
                    continue
                if any(cells):
                    yield (
                        _headed(place, header, cells, kind) if header else _bare(place, cells, kind)
                    )
        except csv.Error as error:
            raise DataError(Place(file, line), str(error), "comma-separated values") from error


def _header(place: Place, cells: Sequence[str]) -> list[str] | None:
    """The column names in lower case; None where the first row is a question already."""
    names = [cell.strip().lower() for cell in cells]
    if "question" not in names:
        return None
    if "answer" not in names:
        raise DataError(place, f"columns are {', '.join(names)}", "a column named answer")
    return names


def _bare(place: Place, cells: Sequence[str], kind: Kind) -> _Row:
    if len(cells) < LEAST_OPTIONS + 2:
        many = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
        raise DataError(place, f"has {many}", "question, options, answer letter, between commas")
    stem, *options, answer = cells
    return _Row(place, stem, _without_blank_end(options), LETTERS, answer, kind=kind)


def _headed(place: Place, header: Sequence[str], cells: Sequence[str], kind: Kind) -> _Row:
    if len(cells) != len(header):
        raise DataError(place, f"has {len(cells)} columns", f"{len(header)}, as the header")
    fields = dict(zip(header, cells, strict=True))
    options = [value for name, value in fields.items() if _OPTION_COLUMN.fullmatch(name)]
    return _Row(
        place,
        fields["question"],
        _without_blank_end(options),
        LETTERS,
        fields["answer"],
        subject=fields.get("subject", ""),
        id=fields.get("id", ""),
        kind=fields.get("kind", kind),
    )


def _without_blank_end(options: Sequence[str]) -> Sequence[str]:
    """A table with room for five options leaves cells blank where a question has four."""
    count = len(options)
    while count and not options[count - 1].strip():
        count -= 1
    return options[:count]


def _json_rows(file: Path, kind: Kind) -> Iterator[_Row]:
    with file.open(encoding="utf-8-sig") as stream:
        for line, text in enumerate(stream, start=1):
            if text.strip():
                yield _json_row(Place(file, line), text.rstrip(), kind)


def _json_row(place: Place, text: str, kind: Kind) -> _Row:
    """The row of a JSON object: this project's keys, MMLU's, or those of ARC and CSQA.

    Raises:
        DataError: it is no object, or has no options.
    """
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(place, f"{error.msg} at column {error.colno}", "a JSON object") from error
    if not isinstance(fields, dict):
        raise DataError(place, f"is {text.strip()[:40]}", "a JSON object")
    stem, nested = fields.get("question"), {}
    if isinstance(stem, dict):
        nested, stem = stem, stem.get("stem")
    options, labels = _json_options(place, {**fields, **nested})
    return _Row(
        place,
        stem,
        options,
        labels,
        fields.get("answer", fields.get("answerKey")),
        subject=str(fields.get("subject") or ""),
        id=str(fields.get("id") or ""),
        kind=str(fields.get("kind", kind)),
    )


def _json_options(
    place: Place, fields: Mapping[str, Any]
) -> tuple[Sequence[object], Sequence[str]]:
    """Options and labels: from a list of texts, a list of {text, label}, or {text: [], label: []}.

    Raises:
        DataError: they are none of these.
    """
    options = fields.get("options", fields.get("choices"))
    if isinstance(options, dict):
        texts, labels = options.get("text"), options.get("label")
        if isinstance(texts, list) and isinstance(labels, list) and len(texts) == len(labels):
            return texts, [str(label) for label in labels]
    elif isinstance(options, list):
        if not all(isinstance(option, dict) for option in options):
            return options, LETTERS
        return (
            [option.get("text") for option in options],
            [str(option.get("label")) for option in options],
        )
    raise DataError(place, f"options are {options!r}", "a list of texts")
