"""Battles from a set with an answer key: the model that is right wins.

Source: Ong et al., RouteLLM (arXiv 2406.18665), section 4.1, "golden-labeled datasets".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from routing.battle_files import PROMPT_COLUMNS, BattleFile, prompt_of
from routing.battles import Battle, Winner
from routing.errors import DataError
from routing.rows import BadRowError, Columns, RejectedRow, collect, read_rows

KEY = "answer"
EXPECTED = (
    "a prompt (or question) with {models}: in JSON lines as answer and answers {{MODEL: ...}}, "
    "as correct {{MODEL: true}} or as quality {{MODEL: 0.5}}; in a CSV as one column a model, "
    "with answers beside a column answer, or with true and false"
)
TRUTHS = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}
AROUND_AN_ANSWER = "()[]{}*$% "


def gold_battles(path: Path, strong: str, weak: str) -> BattleFile:
    """A battle for each question that both models were asked; both right or both wrong is a tie.

    Where the file grades the models, the higher grade wins.

    Raises:
        DataError: the file cannot be read, or has no good row; the first bad one is named.
    """
    if strong == weak:
        raise DataError(f"a battle has two models, and {strong} is given for both")
    expected = EXPECTED.format(models=f"{strong} and {weak}")
    columns = Columns(
        lambda names: {strong, weak} <= names and bool(names & {*PROMPT_COLUMNS}), expected
    )
    battles, rejected = collect(
        read_rows(path, columns),
        lambda row: gold_battle(
            prompt_of(row), (strong, weak), (_grade(row, strong), _grade(row, weak))
        ),
    )
    if battles:
        return BattleFile(tuple(battles), tuple(rejected))
    raise DataError(f"{path}{_why(rejected)}", hint=f"Expected {expected}.")


def _why(rejected: Sequence[RejectedRow]) -> str:
    """What is wrong with a file without a good row."""
    if not rejected:
        return ": no row below the column names"
    first = rejected[0]
    found = f"line {first.line}: {first.reason} (found {first.value!r})"
    return f", {found}; no row of {len(rejected)} can be used"


def gold_battle(
    prompt: str, models: tuple[str, str], grades: Sequence[float], source: str = "gold"
) -> Battle:
    """The model with the higher grade wins; two alike tie, both bad where they are 0."""
    ours, theirs = grades
    winner: Winner = "tie" if ours == theirs else "a" if ours > theirs else "b"
    return Battle(prompt, *models, winner, source, both_bad=bool(ours == theirs == 0))


def _grade(row: Mapping[str, Any], model: str) -> float:
    """How good the model's answer is: right or wrong, or as the row grades it."""
    graded = next((row[key] for key in ("correct", "quality") if key in row), None)
    if graded is not None:
        return _number(_of(graded, model), model)
    given = _of(row.get("answers", row), model)
    if KEY in row:
        return float(is_right(given, row[KEY]))
    truth = TRUTHS.get(str(given).strip().lower())
    if truth is None:
        raise BadRowError(f"{model} is neither true nor false, and there is no answer key", given)
    return truth


def _of(answers: object, model: str) -> Any:  # noqa: ANN401  # any JSON value
    if not isinstance(answers, Mapping):
        raise BadRowError("no answer by model", answers)
    if model not in answers:
        raise BadRowError(f"nothing of {model}", ", ".join(map(str, answers)))
    return answers[model]


def _number(value: object, model: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRowError(f"the grade of {model} is no finite number", value)
    return float(value)


def is_right(given: object, key: object) -> bool:
    """Whether an answer is the right one: the same text or number, "(B)." and "B" alike."""
    ours, theirs = _plain(given), _plain(key)
    if not theirs:
        raise BadRowError("the answer key is empty", key)
    if ours == theirs:
        return True
    try:
        return float(ours.replace(",", "")) == float(theirs.replace(",", ""))
    except ValueError:
        return False


def _plain(value: object) -> str:
    text = "" if value is None else str(value)
    return text.strip().rstrip(".:").strip(AROUND_AN_ANSWER).casefold()
