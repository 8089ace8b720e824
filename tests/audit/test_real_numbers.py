"""Accuracy and RStd of real models, from their published log-likelihoods."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audit.question_files import read
from audit.questions import floors
from audit.statistics import Draws, rstd, spread

DATA = Path(os.environ.get("LLMROUTE_DATA", Path(__file__).parents[3] / "shared" / "data"))

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="LLMROUTE_DATA names no folder"),
]


def rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / "mmlu_arc_loglik" / name, "rt", encoding="utf-8", newline="") as stream:
        yield from (row for row in csv.DictReader(stream) if row["group"] == "mmlu")


@pytest.mark.parametrize(
    ("model", "accuracy", "points"),
    [
        ("llama3.1-8b", 0.7016, 4.45),
        ("llama3.2-3b", 0.6201, 2.65),
        ("gemma3-4b", 0.5938, 6.51),
        ("gemma3-1b", 0.3965, 8.32),
    ],
)
def test_mmlu_as_published(model: str, accuracy: float, points: float):
    gold_of = {(r["task"], r["doc_id"]): int(r["answer"]) for r in rows("questions.csv.gz")}
    mine = [r for r in rows("loglik.csv.gz") if r["model"] == model]
    gold = np.array([gold_of[r["task"], r["doc_id"]] for r in mine])
    # The published numbers give ties to the first option.
    correct = np.array([[float(r[f"ll_{i}"]) for i in range(4)] for r in mine]).argmax(1) == gold
    assert correct.mean() == pytest.approx(accuracy, abs=5e-5)
    assert rstd(gold, correct) == pytest.approx(points, abs=5e-3)
    found = spread(gold, correct, np.full(len(gold), 4), Draws(np.random.default_rng(0), 2000))
    assert found is not None
    assert found.band_high < 1.3 < points
    assert found.p < 0.001


def test_mmlu_has_the_traps_that_are_known_of_it():
    questions = read(DATA / "mcq" / "mmlu").test
    assert len(questions) == 14_042
    assert sum(bool({"None", "NA"} & set(q.options)) for q in questions) == 10
    assert sum("duplicate question" in q.flags for q in questions) == 105
    duplicates = [q for q in questions if "duplicate options" in q.flags]
    assert len(duplicates) == 9
    texts = [[option.strip() for option in q.options] for q in duplicates]
    golds = [t.count(t[q.answer]) for t, q in zip(texts, duplicates, strict=True)]
    assert sum(count > 1 for count in golds) == 4
    assert floors(questions)["always D"] == pytest.approx(0.269, abs=5e-4)
    assert floors(questions)["longest option"] == pytest.approx(0.279, abs=5e-4)
