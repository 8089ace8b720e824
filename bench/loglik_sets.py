"""Real instruct models on MMLU, ARC and OpenBookQA as sets of graded prompts: mmlu_arc_loglik.

Right answers count 100. A call costs what its model has parameters: one unit for a billion.
"""

from __future__ import annotations

import csv
import gzip
import json
import string
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from bench.datasets import DATA
from routing.evaluation.sets import EvaluationSet

FOLDER = DATA / "mmlu_arc_loglik"
BILLIONS = {"llama3.1-8b": 8.03, "gemma3-4b": 4.3, "llama3.2-3b": 3.21, "gemma3-1b": 1.0}
# The strongest against each of two others: pairs that no router here was trained for.
PAIRS = (("llama3.1-8b", "gemma3-1b"), ("llama3.1-8b", "llama3.2-3b"))


def pool_set(groups: Sequence[str] = ("mmlu",)) -> EvaluationSet:
    """All four models on those groups of questions; the models as in `BILLIONS`."""
    right: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in _rows("loglik"):
        if row["group"] in groups:
            right[row["task"], row["doc_id"]][row["model"]] = 100 * float(row["acc"])
    prompts, quality = [], []
    for row in _rows("questions"):
        grades = right.get((row["task"], row["doc_id"]), {})
        if grades.keys() >= BILLIONS.keys():
            prompts.append(_prompt(row["question"], json.loads(row["choices_json"])))
            quality.append([grades[model] for model in BILLIONS])
    cost = np.tile(list(BILLIONS.values()), (len(prompts), 1))
    return EvaluationSet("+".join(groups), tuple(prompts), tuple(BILLIONS), np.array(quality), cost)


def loglik_sets() -> list[EvaluationSet]:
    """MMLU for each of `PAIRS`; none without the data."""
    if not FOLDER.is_dir():
        return []
    pool = pool_set()
    return [_of_pair(pool, strong, weak) for strong, weak in PAIRS]


def _of_pair(pool: EvaluationSet, strong: str, weak: str) -> EvaluationSet:
    columns = [pool.column(strong), pool.column(weak)]
    assert pool.cost is not None
    return EvaluationSet(
        f"{strong} against {weak}",
        pool.prompts,
        (strong, weak),
        pool.quality[:, columns],
        pool.cost[:, columns],
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(FOLDER / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _prompt(question: str, choices: Sequence[str]) -> str:
    """The question as RouteLLM asks those of MMLU."""
    lettered = zip(string.ascii_uppercase, choices, strict=False)
    return "\n".join([question, *(f"{letter}. {choice}" for letter, choice in lettered), "Answer:"])
