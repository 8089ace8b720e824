"""Multiple-choice questions: readers for every accepted format, and the checks on bad data."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from audit.errors import DataError, Place
from audit.variants import LETTERS

Flag = Literal["names letters", "all of the above", "duplicate options", "duplicate question"]
Kind = Literal["test", "example", "trivial", "ood"]

LEAST_OPTIONS = 2
MOST_OPTIONS = 10
KINDS: tuple[Kind, ...] = ("test", "example", "trivial", "ood")

# "All of the above", "none of these", "all the above": right only in some orders of the options.
_ALL_OF_THE_ABOVE = re.compile(
    r"\b(all|none|any|both|neither|either|some|most|each|two) (of )?(the )?"
    r"(above|below|these|those|them|following|others?|(other )?(options|answers|choices))\b"
    r"|\bthe above\b|^\W*(all|none|both|neither|either)\W*$",
    re.IGNORECASE,
)
# "Both A and C", "(B), (C) and (D).", "A or B only"; not "P(A and B)", not "vitamins A and D".
_NAMES_LETTERS = re.compile(
    r"^\W*((?i:both|either|neither|nor|only|options?|answers?|choices?)\s+)*"
    r"\(?[A-J]\)?((\s*,)?(\s+(and|or|nor|&))?\s*\(?\b[A-J]\)?)+"
    r"(?=\W*$|\s+(only|both|is|are)\b)"
    r"|\b(?i:both|either|neither|options?) \(?[A-Ja-j]\)?\.? (and|or|nor|&) \(?[A-Ja-j]\b"
)
_SPLIT_SUFFIX = re.compile(r"[_-](test|dev|val|validation|train)$", re.IGNORECASE)
_OPTION_COLUMN = re.compile(r"(?:option|choice)?[_ ]?([a-j]|10|[0-9])")


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice item.

    Attributes:
        id: unique within its set, stable over runs.
        options: 2 to 10 texts, as they stand in the file.
        answer: index of the right option.
        subject: "" where the set has none.
        source: "file:line".
        flags: what is wrong with it, or special about it.
    """

    id: str
    stem: str
    options: tuple[str, ...]
    answer: int
    subject: str = ""
    source: str = ""
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions by use: to be asked, as few-shot examples, as very easy or far-off examples."""

    name: str
    test: tuple[Question, ...]
    examples: tuple[Question, ...] = ()
    trivial: tuple[Question, ...] = ()
    ood: tuple[Question, ...] = ()


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


def checked(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The same questions with their flags; the second copy of a question is the duplicate."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    flagged = []
    for question in questions:
        key = (question.stem.strip(), question.options)
        flags = _flags(question.options)
        if key in seen:
            flags.add("duplicate question")
        seen.add(key)
        flagged.append(replace(question, flags=frozenset(flags)))
    return tuple(flagged)


def floors(questions: Sequence[Question]) -> dict[str, float]:
    """Accuracy, in [0, 1], of answering without reading: always one position, the longest text."""
    if not questions:
        return {}
    golds = Counter(question.answer for question in questions)
    count = len(questions)
    always = {f"always {LETTERS[i]}": golds[i] / count for i in range(max(golds) + 1)}
    longest = sum(_longest(question.options) == question.answer for question in questions)
    return {**always, "longest option": longest / count}


def sample(questions: Sequence[Question], count: int, seed: int) -> tuple[Question, ...]:
    """A seeded sample of that size, in the original order, each subject with its share.

    Shares are rounded by largest remainder; within a subject the questions with the least hash
    of (seed, id) are taken, so a larger sample of the same seed holds nearly all of a smaller one.
    """
    if count >= len(questions):
        return tuple(questions)
    subjects: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        subjects[question.subject].append(question)
    quotas = _quotas({name: len(members) for name, members in subjects.items()}, count)
    taken = {
        question.id
        for name, members in subjects.items()
        for question in sorted(members, key=lambda q: _rank(seed, q.id))[: quotas[name]]
    }
    return tuple(question for question in questions if question.id in taken)


def _rank(seed: int, question_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0sample\0{question_id}".encode()).digest()


def _quotas(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of each subject, proportional to its size, `count` together."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    quotas = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (quotas[name] - exact[name], name))
    for name in by_remainder[: count - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def _longest(options: Sequence[str]) -> int:
    return max(range(len(options)), key=lambda i: (len(options[i]), -i))


def _flags(options: Sequence[str]) -> set[Flag]:
    flags: set[Flag] = set()
    if any(_ALL_OF_THE_ABOVE.search(option) for option in options):
        flags.add("all of the above")
    if any(_NAMES_LETTERS.search(option) for option in options):
        flags.add("names letters")
    if len({option.strip() for option in options}) < len(options):
        flags.add("duplicate options")
    return flags


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
        raise DataError(place, f"has {len(cells)} columns", "question, options, answer letter")
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
                yield _json_row(Place(file, line), text, kind)


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
