"""Files of preference battles: readers for every accepted format, and the one that is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from routing.battles import Battle, Winner
from routing.errors import DataError
from routing.files import replace_file
from routing.rows import (
    BadRowError,
    Columns,
    RejectedRow,
    Row,
    collect,
    json_rows,
    read_rows,
    read_text,
    without_halves,
)

BOTH_BAD = ("tie(bothbad)", "tie(allbad)")
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
SCORES = ("1", "2", "3", "4", "5")
TABLES = frozenset({".csv", ".json", ".jsonl", ".parquet"})
PROMPT_COLUMNS = ("prompt", "question")
EXPECTED = (
    "columns model_a, model_b, prompt (or question) and winner (or winner_model_a, "
    "winner_model_b, winner_tie), or JSON lines with those keys"
)


@dataclass(frozen=True, slots=True)
class BattleFile:
    """What a file held: the battles, and the rows that were skipped."""

    battles: tuple[Battle, ...]
    rejected: tuple[RejectedRow, ...] = ()

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were skipped for each reason, the most frequent first."""
        return dict(Counter(row.reason for row in self.rejected).most_common())


@dataclass(frozen=True, slots=True)
class PromptFile:
    """What a file held: each prompt once, and the rows that were skipped."""

    prompts: tuple[str, ...]
    rejected: tuple[RejectedRow, ...] = ()


def read_battles(path: Path, source: str | None = None) -> BattleFile:
    """The battles of a file and the rows that were skipped.

    The format is found by content: the arena's CSV or Parquet columns, `elobench_rwq` CSV, or
    JSON lines; any but Parquet may be gzipped. `source` names the battles that name none
    themselves; the file's name by default.

    Raises:
        DataError: the file cannot be read, is of no known format, or has no good row.
    """
    found = collect_battles(read_rows(path, COLUMNS), source or path.name.split(".")[0])
    if not found.battles:
        raise _no_good_row(path, found)
    return found


def read_prompts(path: Path) -> PromptFile:
    """The prompts of a file and the rows that were skipped.

    JSON lines, CSV and Parquet have a column prompt (or question); any other file is a text with
    one prompt a line.

    Raises:
        DataError: the file cannot be read, or has no prompt.
    """
    if TABLES.isdisjoint(path.suffixes):
        found = [line.strip() for line in read_text(path).split("\n") if line.strip()]
        rejected: list[RejectedRow] = []
    else:
        found, rejected = collect(read_rows(path, PROMPTS), prompt_of)
    if not found:
        raise DataError(f"{path}: there is no prompt in it; expected {PROMPTS.expected}")
    return PromptFile(tuple(dict.fromkeys(found)), tuple(rejected))


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
    return collect_battles(json_rows(text), "starter").battles


def _line(battle: Battle) -> str:
    winner = battle.winner if battle.winner == "tie" else f"model_{battle.winner}"
    if battle.both_bad:
        winner = "tie (bothbad)"
    row: dict[str, str | int] = {
        "prompt": battle.prompt,
        "model_a": battle.model_a,
        "model_b": battle.model_b,
        "winner": winner,
        "source": battle.source,
    }
    if battle.battle_id:
        row["battle_id"] = battle.battle_id
    if battle.score is not None:
        row["score"] = battle.score
    if battle.earlier:
        row["earlier"] = battle.earlier
    return json.dumps(row, ensure_ascii=False) + "\n"


def collect_battles(rows: Iterable[Row], source: str) -> BattleFile:
    """The battles among the rows; `source` names those that name none themselves."""
    battles, rejected = collect(rows, lambda row: _battle(row, source))
    return BattleFile(tuple(battles), tuple(rejected))


def _battle(row: Mapping[str, Any], source: str) -> Battle:
    model_a, model_b = _text(row, "model_a"), _text(row, "model_b")
    if model_a == model_b:
        raise BadRowError("a model against itself", model_a)
    return Battle(
        prompt=prompt_of(row),
        model_a=model_a,
        model_b=model_b,
        winner=_winner(row),
        source=str(row.get("source") or source),
        battle_id=str(row.get("battle_id") or ""),
        score=_score(row.get("score")),
        both_bad=_label(row.get("winner")) in BOTH_BAD,
        earlier=_earlier(row.get("earlier")),
    )


def _earlier(value: object) -> int:
    """Read from our own files only; elsewhere a column of that name means something else."""
    return value if isinstance(value, int) and value > 0 else 0


def _score(value: object) -> int | None:
    if value is None or value == "":
        return None
    if str(value).strip() not in SCORES:
        raise BadRowError("score is not 1, 2, 3, 4 or 5", value)
    return int(str(value))


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise BadRowError(f"no {column}", value)
    return value.strip()


def prompt_of(row: Mapping[str, Any]) -> str:
    """The row's prompt, of a list of turns the first.

    Raises:
        BadRowError: there is none.
    """
    column = next((name for name in PROMPT_COLUMNS if name in row), "prompt")
    value = row.get(column)
    if column == "prompt":
        value = _first_turn(value)
    if not isinstance(value, str) or not value.strip():
        raise BadRowError("no prompt", value)
    return without_halves(value.strip())


def _first_turn(value: object) -> object:
    """The first turn of a list, given as a list or as the arena's JSON text; else the value."""
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
            raise BadRowError("no winner", value)
        winner = WINNERS.get(_label(value)) or _by_name(row, value)
        if winner is None:
            raise BadRowError("unknown winner, expected model_a, model_b or tie", value)
        return winner
    marked = [winner for column, winner in WINNER_COLUMNS.items() if _is_set(row.get(column))]
    if len(marked) != 1:
        raise BadRowError("not exactly one of winner_model_a, _b, _tie is 1", marked)
    return marked[0]


def _by_name(row: Mapping[str, Any], value: object) -> Winner | None:
    """The side of the model that is named as the winner."""
    a, b = row.get("model_a"), row.get("model_b")
    if value not in (a, b) or a == b:
        return None
    return "a" if value == a else "b"


def _label(value: object) -> str:
    return str(value).replace(" ", "").lower()


def _is_set(value: object) -> bool:
    return str(value).strip().lower() in {"1", "1.0", "true"}


def _has_battles(names: set[str]) -> bool:
    """Whether a table with those columns holds battles."""
    return (
        {"model_a", "model_b"} <= names
        and any(name in names for name in PROMPT_COLUMNS)
        and ("winner" in names or names >= WINNER_COLUMNS.keys())
    )


# A CSV's source says where the prompt is from, which is not the name of the set.
COLUMNS = Columns(_has_battles, EXPECTED, ignored=frozenset({"source"}))


PROMPTS = Columns(
    lambda names: bool(names & {*PROMPT_COLUMNS}),
    "a column prompt (or question), JSON lines with that key, or a text of one prompt a line",
)


def _no_good_row(path: Path, found: BattleFile) -> DataError:
    if not found.rejected:
        return DataError(f"{path}: no row below the column names")
    first = found.rejected[0]
    return DataError(
        f"{path}, line {first.line}: {first.reason} (found {first.value!r}); no row of "
        f"{len(found.rejected)} is a battle; expected {EXPECTED}"
    )
