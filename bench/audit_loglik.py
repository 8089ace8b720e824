"""Prints the audit's statistics on published log-likelihoods of real models on MMLU.

Run `python -m bench.audit_loglik`. The first two columns give ties to the first
option, as the published numbers do; the others break them fairly, as the audit does.
"""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from audit.battery import Battery, Plan
from audit.perturbations import Materials, unperturbed
from audit.questions import Question, checked
from audit.results import Results, evaluate
from audit.scorers import Identity, Score
from audit.statistics import rstd
from bench.datasets import DATA

LOGLIK = DATA / "mmlu_arc_loglik"
HEADER = (
    f"{'model':12} {'n':>6} {'acc':>6} {'RStd':>5}  {'acc':>6} {'95 % interval':>15} {'tied':>5} "
    f"{'RStd':>5} {'unbiased':>8} {'p':>7} {'batch calibrated':>16} {'seconds':>7}"
)


def main() -> None:
    """Print one line a model."""
    questions = mmlu_questions()
    print(HEADER)
    for model, scores in mmlu_scores(questions).items():
        start = time.perf_counter()
        results = evaluate(Identity(model), battery(questions), scores)
        print(line(questions, scores, results, time.perf_counter() - start))


def battery(questions: tuple[Question, ...]) -> Battery:
    """The questions as they stand, once each."""
    variants = tuple(unperturbed(q, "symbol.0shot", Materials(), 0) for q in questions)
    return Battery("mmlu", Plan("position"), questions, variants, {})


def line(
    questions: tuple[Question, ...], scores: list[Score], results: Results, seconds: float
) -> str:
    """A model's row of the table."""
    gold = np.array([question.answer for question in questions])
    correct = np.array([score.loglik for score in scores], dtype=float).argmax(axis=1) == gold
    (effect,) = results.effects
    spread, calibrated = effect.by_position, results.remedies[1]
    assert spread is not None
    low, high = effect.interval
    return (
        f"{results.identity.model:12} {effect.n:6} {correct.mean():6.4f} "
        f"{rstd(gold, correct):5.2f}  "
        f"{effect.accuracy:6.4f} [{low:.4f}, {high:.4f}] {effect.tied:4} {spread.rstd:5.2f} "
        f"{spread.band_high:8.2f} {spread.p:7.4f} "
        f"{calibrated.accuracy:8.4f} / {calibrated.rstd:5.2f} {seconds:7.1f}"
    )


def mmlu_questions() -> tuple[Question, ...]:
    """The questions by task and number."""
    return checked(
        [
            Question(
                id=f"{row['task']}/{row['doc_id']}",
                stem=row["question"],
                options=tuple(json.loads(row["choices_json"])),
                answer=int(row["answer"]),
                subject=row["task"].removeprefix("mmlu_"),
            )
            for row in rows("questions.csv.gz")
        ]
    )


def mmlu_scores(questions: tuple[Question, ...]) -> dict[str, list[Score]]:
    """Each model's Scores in the questions' order."""
    known: dict[str, dict[str, Score]] = defaultdict(dict)
    for row in rows("loglik.csv.gz"):
        nats = tuple(float(row[f"ll_{i}"]) for i in range(4))
        known[row["model"]][f"{row['task']}/{row['doc_id']}"] = Score(loglik=nats)
    return {model: [scores[q.id] for q in questions] for model, scores in known.items()}


def rows(name: str) -> Iterator[dict[str, str]]:
    """The MMLU rows of a table."""
    with gzip.open(LOGLIK / name, "rt", encoding="utf-8", newline="") as stream:
        yield from (row for row in csv.DictReader(stream) if row["group"] == "mmlu")


if __name__ == "__main__":
    main()
