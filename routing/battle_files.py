"""Files of preference battles: readers for every accepted format, and the one that is written."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from routing.battles import Battle, Winner
from routing.errors import DataError
from routing.files import replace_file

WINNERS: Mapping[str, Winner] = {
    "a": "a",
    "model_a": "a",
    "b": "b",
    "model_b": "b",
    "tie": "tie",
    "tie(bothbad)": "tie",
    "tie(allbad)": "tie",
}
WINNER_COLUMNS: Mapping[str, Winner] = {
    "winner_model_a": "a",
    "winner_model_b": "b",
    "winner_tie": "tie",
}
PROMPT_COLUMNS = ("prompt", "question")
EXPECTED = (
    "columns model_a, model_b, prompt (or question) and winner (or winner_model_a, "
    "winner_model_b, winner_tie), or JSON lines with those keys"
)
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was skipped: its line in the file (from 1), what stood there and why not.

    In a Parquet file the row's number stands for the line.
    """

    line: int
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class BattleFile:
    """What a file held: the battles, and the rows that were skipped."""

    battles: tuple[Battle, ...]
    rejected: tuple[RejectedRow, ...] = ()

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were skipped for each reason, the most frequent first."""
        return dict(Counter(row.reason for row in self.rejected).most_common())


def read_battles(path: Path, source: str | None = None) -> BattleFile:
    """The battles of a file and the rows that were skipped.

    The format is found by content: the arena's CSV or Parquet columns, `elobench_rwq` CSV, or
    JSON lines; any but Parquet may be gzipped. `source` names the battles that name none
    themselves; the file's name by default.

    Raises:
        DataError: the file cannot be read, is of no known format, or has no good row.
    """
    rows = _rows(path, _content(path))
    found = _collect(rows, source or path.name.split(".")[0])
    if not found.battles:
        raise _no_good_row(path, found)
    return found


def write_battles(path: Path, battles: Iterable[Battle]) -> None:
    """Put the battles in place of the file, as JSON lines that `read_battles` reads.

    Raises:
        DataError: the file cannot be written; what was there is still there.
    """
    lines = "".join(_line(battle) for battle in battles)
    try:
        replace_file(path, lines.encode())
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror}", detail=str(error)
        ) from error


def starter_battles() -> tuple[Battle, ...]:
    """The battles that ship with the program, between the pseudo-models "strong" and "weak"."""
    text = resources.files("assets").joinpath("starter_battles.jsonl").read_text("utf-8")
    return _collect(_json_rows(text), "starter").battles


def _line(battle: Battle) -> str:
    winner = battle.winner if battle.winner == "tie" else f"model_{battle.winner}"
    row = {
        "prompt": battle.prompt,
        "model_a": battle.model_a,
        "model_b": battle.model_b,
        "winner": winner,
        "source": battle.source,
    }
    if battle.battle_id:
        row["battle_id"] = battle.battle_id
    return json.dumps(row, ensure_ascii=False) + "\n"


# One row: (line, columns), where an unreadable one carries its reason instead of columns.
_Row = tuple[int, Mapping[str, Any] | RejectedRow]


class _BadRowError(ValueError):
    """Why a row is skipped, and the value to blame."""

    def __init__(self, reason: str, value: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value


def _collect(rows: Iterable[_Row], source: str) -> BattleFile:
    battles: list[Battle] = []
    rejected: list[RejectedRow] = []
    for line, row in rows:
        if isinstance(row, RejectedRow):
            rejected.append(row)
            continue
        try:
            battles.append(_battle(row, source))
        except _BadRowError as error:
            rejected.append(RejectedRow(line, _shown(error.value), error.reason))
    return BattleFile(tuple(battles), tuple(rejected))


def _battle(row: Mapping[str, Any], source: str) -> Battle:
    model_a, model_b = _text(row, "model_a"), _text(row, "model_b")
    if model_a == model_b:
        raise _BadRowError("a model against itself", model_a)
    return Battle(
        prompt=_prompt(row),
        model_a=model_a,
        model_b=model_b,
        winner=_winner(row),
        source=str(row.get("source") or source),
        battle_id=str(row.get("battle_id") or ""),
    )


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise _BadRowError(f"no {column}", value)
    return value.strip()


def _prompt(row: Mapping[str, Any]) -> str:
    column = next((name for name in PROMPT_COLUMNS if name in row), "prompt")
    value = row.get(column)
    if column == "prompt":
        value = _first_turn(value)
    if not isinstance(value, str) or not value.strip():
        raise _BadRowError("no prompt", value)
    # Half an emoji, as the arena's JSON has them, can be neither stored nor tokenized.
    return value.strip().encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _first_turn(value: object) -> object:
    """The first of a list of turns, be it a list or the arena's JSON text; else the value."""
    turns = value
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            turns = json.loads(value)
        except ValueError:  # a plain prompt that starts with a bracket
            return value
    if isinstance(turns, list) and all(isinstance(turn, str | None) for turn in turns):
        return turns[0] if turns else None
    return value


def _winner(row: Mapping[str, Any]) -> Winner:
    if "winner" in row:
        value = row["winner"]
        if value is None or value == "":
            raise _BadRowError("no winner", value)
        winner = WINNERS.get(str(value).replace(" ", "").lower())
        if winner is None:
            raise _BadRowError("unknown winner, expected model_a, model_b or tie", value)
        return winner
    marked = [winner for column, winner in WINNER_COLUMNS.items() if _is_set(row.get(column))]
    if len(marked) != 1:
        raise _BadRowError("not exactly one of winner_model_a, _b, _tie is 1", marked)
    return marked[0]


def _is_set(value: object) -> bool:
    return str(value).strip().lower() in {"1", "1.0", "true"}


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


def _rows(path: Path, content: bytes) -> Iterator[_Row]:
    if content.startswith(b"PAR1"):
        return _parquet_rows(path, content)
    text = _decoded(path, content)
    if not text.strip():
        raise DataError(f"{path}: the file is empty; expected {EXPECTED}")
    if text.lstrip().startswith("{"):
        return _json_rows(text)
    return _csv_rows(path, text)


def _decoded(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; expected text",
            hint="Save the file as UTF-8.",
            detail=str(error),
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: a zero byte: a binary file; expected {EXPECTED}")
    return text


def _json_rows(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, RejectedRow(number, _shown(line), "not JSON")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, RejectedRow(number, _shown(line), "not a JSON object")


def _csv_rows(path: Path, text: str) -> Iterator[_Row]:
    # The limit is the csv module's own; no field can be longer than the text.
    limit = csv.field_size_limit(min(len(text) + 1, sys.maxsize))
    try:
        reader = csv.reader(io.StringIO(text, newline=""))
        header = [name.strip() for name in next(reader)]
        _check_columns(path, header)
        line = reader.line_num + 1
        for values in reader:
            if len(values) == len(header):
                row = dict(zip(header, values, strict=True))
                row.pop("source", None)  # where the prompt is from, not the name of the set
                yield line, row
            elif values:
                reason = f"not {len(header)} columns, as the first line has"
                yield line, RejectedRow(line, _shown(", ".join(values)), reason)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _parquet_rows(path: Path, content: bytes) -> Iterator[_Row]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(
            f"{path}: a Parquet file, which needs pyarrow to be read",
            hint="pip install pyarrow, or save the battles as CSV or JSON lines.",
        ) from error
    try:
        table = parquet.read_table(io.BytesIO(content))
        _check_columns(path, table.column_names)
        rows = table.to_pylist()
    except (OSError, ValueError) as error:  # what pyarrow raises for a damaged file
        raise DataError(f"{path}: the Parquet data is damaged", detail=str(error)) from error
    yield from enumerate(rows, start=1)


def _check_columns(path: Path, header: list[str]) -> None:
    names = set(header)
    known = (
        {"model_a", "model_b"} <= names
        and any(name in names for name in PROMPT_COLUMNS)
        and ("winner" in names or names >= WINNER_COLUMNS.keys())
    )
    if not known:
        raise DataError(f"{path}, line 1: {_shown(', '.join(header))!r}; expected {EXPECTED}")


def _no_good_row(path: Path, found: BattleFile) -> DataError:
    if not found.rejected:
        return DataError(f"{path}: no row below the column names")
    first = found.rejected[0]
    return DataError(
        f"{path}, line {first.line}: {first.reason} (found {first.value!r}); no row of "
        f"{len(found.rejected)} is a battle; expected {EXPECTED}"
    )


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
