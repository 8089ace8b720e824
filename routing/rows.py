"""Rows of a data file, JSON lines, CSV or Parquet; a bad row carries the reason."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from routing.errors import DataError

T = TypeVar("T")

SHOWN_CHARACTERS = 60
SEMICOLON_AND_TAB = ";\t"  # between the columns, where a comma marks decimals


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table has to hold.

    Attributes:
        fit: whether a table with those column names does.
        expected: the same in words.
        ignored: columns of a CSV that mean something else than the keys of that name.
    """

    fit: Callable[[set[str]], bool]
    expected: str
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was skipped: its line in the file (from 1), what stood there and why not.

    In a Parquet file, or one JSON list, the row's number stands for the line.
    """

    line: int
    value: str
    reason: str


# One row: (line, columns), where an unreadable one carries its reason instead of columns.
Row = tuple[int, Mapping[str, Any] | RejectedRow]


class BadRowError(ValueError):
    """Why a row is skipped, and the value to blame."""

    def __init__(self, reason: str, value: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows of a file, whose format is found by content; any but Parquet may be gzipped.

    Raises:
        DataError: the file cannot be read, or is a table of other columns.
    """
    content = _content(path)
    if content.startswith(b"PAR1"):
        return _parquet_rows(path, content, columns)
    text = _decoded(path, content)
    if not text.strip():
        raise DataError(f"{path}: the file is empty; expected {columns.expected}")
    if text.lstrip().startswith("{"):
        return json_rows(text)
    rows = _json(text) if text.lstrip().startswith("[") else None
    if isinstance(rows, list) and rows:
        return _array_rows(rows)
    return _csv_rows(path, text, columns)


def read_text(path: Path) -> str:
    """The text of a file, gzipped or not.

    Raises:
        DataError: it cannot be read, or is no text in UTF-8.
    """
    return _decoded(path, _content(path))


def collect(
    rows: Iterable[Row], parse: Callable[[Mapping[str, Any]], T]
) -> tuple[list[T], list[RejectedRow]]:
    """What `parse` makes of each row, and the rows that it refused by a BadRowError."""
    good: list[T] = []
    rejected: list[RejectedRow] = []
    for line, row in rows:
        if isinstance(row, RejectedRow):
            rejected.append(row)
            continue
        try:
            good.append(parse(row))
        except BadRowError as error:
            rejected.append(RejectedRow(line, shown(error.value), error.reason))
    return good, rejected


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _array_rows(rows: list[object]) -> Iterator[Row]:
    """The rows of one JSON list, each in its place in it."""
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, RejectedRow(number, shown(row), "not a JSON object")


def json_rows(text: str) -> Iterator[Row]:
    """The rows of JSON lines."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, RejectedRow(number, shown(line), "not JSON")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, RejectedRow(number, shown(line), "not a JSON object")


def without_halves(text: str) -> str:
    """The text with half an emoji replaced, which can be neither stored nor tokenized.

    The arena's JSON has some.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown(value: object) -> str:
    """The value as an error quotes it."""
    text = "" if value is None else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the gzip data is cut or damaged",
            hint="Copy the file again.",
            detail=str(error),
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", detail=str(error)) from error


def _decoded(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8",
            hint="Expected JSON lines or CSV as UTF-8 text, or a Parquet file.",
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: a zero byte: a binary file; expected text")
    return text


def _csv_rows(path: Path, text: str, columns: Columns) -> Iterator[Row]:
    # The limit is the csv module's own; no field can be longer than the text.
    limit = csv.field_size_limit(min(len(text) + 1, sys.maxsize))
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, columns))
        header = _named([name.strip() for name in next(reader)], columns)
        _check(path, header, columns)
        line = reader.line_num + 1
        for values in reader:
            if len(values) == len(header):
                row = dict(zip(header, values, strict=True))
                yield line, {name: row[name] for name in header if name not in columns.ignored}
            elif values:
                reason = f"not {len(header)} columns, as the first line has"
                yield line, RejectedRow(line, shown(", ".join(values)), reason)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _named(header: list[str], columns: Columns) -> list[str]:
    """The names of the columns, in small letters where they fit only so."""
    small = [name.lower() for name in header]
    return small if not columns.fit(set(header)) and columns.fit(set(small)) else header


def _delimiter(text: str, columns: Columns) -> str:
    """What stands between the columns: what a spreadsheet writes, by the first line."""
    first = text.partition("\n")[0]
    for delimiter in SEMICOLON_AND_TAB:
        [header] = csv.reader([first.strip()], delimiter=delimiter)
        if columns.fit(set(_named([name.strip() for name in header], columns))):
            return delimiter
    return ","


def _parquet_rows(path: Path, content: bytes, columns: Columns) -> Iterator[Row]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(
            f"{path}: a Parquet file, which needs pyarrow to be read",
            hint="pip install pyarrow, or save the battles as CSV or JSON lines.",
        ) from error
    try:
        table = parquet.read_table(io.BytesIO(content))
        _check(path, table.column_names, columns)
        rows = table.to_pylist()
    except (OSError, ValueError) as error:  # what pyarrow raises for a damaged file
        raise DataError(f"{path}: the Parquet data is damaged", detail=str(error)) from error
    yield from enumerate(rows, start=1)


def _check(path: Path, header: list[str], columns: Columns) -> None:
    if not columns.fit(set(header)):
        raise DataError(
            f"{path}, line 1: {shown(', '.join(header))!r}; expected {columns.expected}"
        )
