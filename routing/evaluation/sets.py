"""Prompts with grades of the models that answered them: the paper's three sets, and any file."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.arrays import Doubles
from routing.errors import DataError
from routing.evaluation.curves import Grades, best_cosines
from routing.rows import read_text, without_halves

STRONG, WEAK = "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1"
# US dollars for a million tokens, prompts and replies together: arXiv 2406.18665, cost analysis.
PAPER_PRICES = {STRONG: 24.7, WEAK: 0.24}
NAMES = ("mt-bench", "mmlu", "gsm8k")
FOLDERS = dict(zip(NAMES, ("mt_bench", "mmlu", "gsm8k"), strict=True))
# Where the three folders lie below the given one: in it, or in a checkout of RouteLLM.
PLACES = (".", "routellm", "routellm/evals")
EXPECTED = (
    'JSON lines: {"prompt": "...", "quality": {"MODEL": 0.9, ...}, "cost": {"MODEL": 0.01}}; '
    "or votes with prompt, model_a, model_b and winner, as JSON lines, CSV or Parquet"
)
PROBLEMS_SHOWN = 3
PARQUET, VOTED_ON = b"PAR1", "model_a"
NEAR = 0.95  # the cosine from which on two prompts are one question


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Prompts and how well each model answered each.

    Attributes:
        quality: grades in any one unit, more is better, shape (prompts, models).
        cost: what each reply cost, in any one unit, shape (prompts, models); None where unknown.
        notes: what to know of it, a sentence each.
    """

    name: str
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    quality: Doubles
    cost: Doubles | None = None
    notes: tuple[str, ...] = ()

    def column(self, model: str) -> int:
        """Where the model stands in `models`.

        Raises:
            DataError: the set has no grades of it.
        """
        if model not in self.models:
            raise DataError(
                f"{self.name} has no grades of {model}; it has those of {', '.join(self.models)}"
            )
        return self.models.index(model)

    def grades(self, strong: str, weak: str) -> Grades:
        """The grades of a pair.

        Raises:
            DataError: the set has no grades of one of them, or both are the same.
        """
        if strong == weak:
            raise DataError(f"a pair is two models, and {strong} is given for both")
        return Grades(self.quality[:, self.column(strong)], self.quality[:, self.column(weak)])

    def mean_cost(self, model: str) -> float:
        """What a reply of the model costs on average; nan where unknown."""
        column = self.column(model)
        return math.nan if self.cost is None else float(self.cost[:, column].mean())

    def at(self, rows: Sequence[int] | NDArray[np.int64]) -> EvaluationSet:
        """The set of those prompts alone."""
        places = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            prompts=tuple(self.prompts[place] for place in places),
            quality=self.quality[places],
            cost=None if self.cost is None else self.cost[places],
        )


class Unseen(NamedTuple):
    """A set without the prompts that training holds.

    Attributes:
        left_out: how many prompts of the set were near one of training.
        similarity: the paper's benchmark-dataset similarity: the mean, over all prompts of the
            set, of the cosine to the nearest prompt of training.
    """

    evaluation: EvaluationSet
    left_out: int
    similarity: float


def unseen(
    evaluation: EvaluationSet, vectors: NDArray[np.float32], training: NDArray[np.float32]
) -> Unseen:
    """The set without prompts whose cosine to one of training is .95 or more.

    `vectors` are the unit rows of the set's prompts, `training` those of training's.

    Raises:
        DataError: nothing is left.
    """
    nearest = best_cosines(vectors, training)
    rows = np.flatnonzero(nearest < NEAR)
    if not len(rows):
        raise DataError(
            f"{evaluation.name}: each of its {len(nearest):,} prompts is among those that the "
            "routers learn from, so that nothing is left to measure them on",
            hint="Remove the battles that hold them (llmroute battles rm), or take another set.",
        )
    return Unseen(evaluation.at(rows), len(nearest) - len(rows), float(nearest.mean()))


def read_set(
    name: str, folder: Path | None = None, pair: tuple[str, str] | None = None
) -> EvaluationSet:
    """The set of that name, or of that file.

    `folder` holds the paper's sets (`NAMES`), which are read without their contaminated prompts.
    A file has JSON lines with a prompt, the quality of each model's reply and, where known, its
    cost; or votes, in any format of battles, of which those between the pair count, if one is
    given.

    Raises:
        DataError: it is not there, or malformed; the message names the line.
    """
    if name in NAMES:
        return _benchmark(name, _found(name, folder))
    if not Path(name).exists():
        raise DataError(f"{name}: neither a file nor one of {', '.join(NAMES)}")
    if _holds_votes(Path(name)):
        from routing.evaluation.votes import read_votes

        return read_votes(Path(name), pair)
    return read_file(Path(name))


def read_file(path: Path) -> EvaluationSet:
    """The set in a file of JSON lines.

    Raises:
        DataError: it cannot be read, or a line is malformed: nothing is left out in silence.
    """
    rows: list[_Row] = []
    problems: list[str] = []
    for line, text in _lines(path):
        try:
            rows.append(_row(text, rows[0] if rows else None))
        except ValueError as error:
            problems.append(f"line {line}: {error}")
    if problems:
        shown = "; ".join(problems[:PROBLEMS_SHOWN])
        more = f"; and {len(problems) - PROBLEMS_SHOWN} more" if problems[PROBLEMS_SHOWN:] else ""
        raise DataError(f"{path}, {shown}{more}", hint=f"Expected {EXPECTED}")
    if not rows:
        raise DataError(f"{path}: no prompt in it", hint=f"Expected {EXPECTED}")
    models = tuple(rows[0].quality)
    cost = None
    if rows[0].cost is not None:
        cost = np.array([[(row.cost or {})[model] for model in models] for row in rows])
    quality = np.array([[row.quality[model] for model in models] for row in rows])
    return EvaluationSet(path.name, tuple(row.prompt for row in rows), models, quality, cost)


@dataclass(frozen=True, slots=True)
class _Row:
    prompt: str
    quality: Mapping[str, float]
    cost: Mapping[str, float] | None


def _holds_votes(path: Path) -> bool:
    """Whether the file is Parquet, or the columns of its first line are those of a battle."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(PARQUET)) == PARQUET
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return is_parquet or next((_is_vote(line) for _, line in _lines(path)), False)


def _is_vote(line: str) -> bool:
    """Whether a line of JSON is a battle, or that of a CSV names its columns."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return VOTED_ON in line
    first = row[0] if isinstance(row, list) and row else row
    return isinstance(first, dict) and VOTED_ON in first


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for line, row in enumerate(read_text(path).split("\n"), start=1):
        if row.strip():
            yield line, row


def _row(text: str, first: _Row | None) -> _Row:
    """A line, which must name the same models as the first one.

    Raises:
        ValueError: it is malformed.
    """
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {_shown(text)}") from error
    if not isinstance(row, dict):
        raise ValueError(f"not a JSON object: {_shown(text)}")
    prompt = row.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"prompt is {_shown(prompt)}, expected a text")
    quality = _numbers(row, "quality")
    if len(quality) < 2:
        raise ValueError(f"quality of {len(quality)} model, expected two or more")
    cost = _numbers(row, "cost") if row.get("cost") is not None else None
    for name, price in (cost or {}).items():
        if price < 0:
            raise ValueError(f"cost of {name} is {price}, expected 0 or more")
    found = _Row(without_halves(prompt), quality, cost)
    _check_models(found, first or found)
    return found


def _numbers(row: Mapping[str, Any], key: str) -> dict[str, float]:
    values = row.get(key)
    if not isinstance(values, dict):
        raise ValueError(f"{key} is {_shown(values)}, expected a number for each model")
    for name, value in values.items():
        is_number = isinstance(value, int | float)  # true and false count as 1 and 0
        if not is_number or not math.isfinite(value):
            raise ValueError(f"{key} of {name} is {_shown(value)}, expected a finite number")
    return {name: float(value) for name, value in values.items()}


def _check_models(row: _Row, first: _Row) -> None:
    if (row.cost is None) != (first.cost is None):
        raise ValueError("cost stands in some lines only, expected in all or in none")
    for key, found in (("quality", row.quality), ("cost", row.cost)):
        if found is None:
            continue
        missing, more = first.quality.keys() - found.keys(), found.keys() - first.quality.keys()
        if missing:
            raise ValueError(f"no {key} of {', '.join(sorted(missing))}")
        if more:
            raise ValueError(f"{key} of {', '.join(sorted(more))}, which the first line has not")


def _found(name: str, folder: Path | None) -> Path:
    """The folder of one of the paper's sets."""
    places = [folder / place / FOLDERS[name] for place in PLACES] if folder else []
    for place in places:
        if place.is_dir():
            return place
    where = f"in {folder}" if folder else "here: LLMROUTE_DATA names no folder"
    raise DataError(
        f"the set {name} is not {where}",
        hint="git clone https://github.com/lm-sys/RouteLLM, and let LLMROUTE_DATA name its folder.",
    )


def _benchmark(name: str, folder: Path) -> EvaluationSet:
    try:
        bad = _contaminated(folder)
        if name == "mt-bench":
            return _mt_bench(folder, bad)
        files = [folder / "gsm8k_responses.csv"]
        if name == "mmlu":
            files = sorted((folder / "responses").glob("*.csv"))
        return _answered(name, files, bad)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(
            f"{folder}: not the set {name} as RouteLLM keeps it: {type(error).__name__} {error}",
            hint="Get the folder again from https://github.com/lm-sys/RouteLLM",
        ) from error


def _contaminated(folder: Path) -> set[str]:
    """Prompts of which the arena battles hold a near copy, as RouteLLM lists them."""
    lines = (folder / "contaminated_prompts.jsonl").read_text("utf-8").splitlines()
    return {json.loads(line)["eval_prompt"] for line in lines}


def _mt_bench(folder: Path, bad: set[str]) -> EvaluationSet:
    """Judged 1 to 10, the mean of both turns; routed on the first."""
    grades = defaultdict(list)
    for line in (folder / "judgements.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        grades[row["question_id"], row["model"]].append(float(row["score"]))
    lines = (folder / "question.jsonl").read_text("utf-8").splitlines()
    questions = [each for each in map(json.loads, lines) if not bad & set(each["turns"])]
    quality = [
        [_mean(grades[each["question_id"], model]) for model in PAPER_PRICES] for each in questions
    ]
    return _paper_set("mt-bench", [each["turns"][0] for each in questions], quality)


def _answered(name: str, files: Sequence[Path], bad: set[str]) -> EvaluationSet:
    """Right answers count 100, so that a mean is a percentage."""
    csv.field_size_limit(sys.maxsize)
    rows = []
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            rows += [row for row in csv.DictReader(file) if row["prompt"] not in bad]
    quality = [[100 * (row[model] == "True") for model in PAPER_PRICES] for row in rows]
    return _paper_set(name, [row["prompt"] for row in rows], quality)


def _paper_set(
    name: str, prompts: Sequence[str], quality: Sequence[Sequence[float]]
) -> EvaluationSet:
    rows = np.array(quality, dtype=np.float64).reshape(-1, len(PAPER_PRICES))
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError("no prompt, or one without a grade")
    cost = np.tile(np.array(list(PAPER_PRICES.values())), (len(rows), 1))
    return EvaluationSet(name, tuple(prompts), tuple(PAPER_PRICES), rows, cost)


def _mean(grades: Sequence[float]) -> float:
    if not grades:
        raise ValueError("a question without a grade")
    return sum(grades) / len(grades)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
