"""Prompts, grades and battles that the tables stand on, and their embeddings, kept in a folder.

LLMROUTE_DATA names the folder of the reproduction data (by default ../shared/data); LLMROUTE_CACHE
where embeddings are kept between runs (by default a folder for temporary files).
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.embeddings import Embedder

DATA = Path(os.environ.get("LLMROUTE_DATA", Path(__file__).parents[2] / "shared" / "data"))
CACHE = Path(os.environ.get("LLMROUTE_CACHE", Path(tempfile.gettempdir()) / "llmroute-bench"))
ELOBENCH = DATA / "elobench_rwq" / "battles.csv.gz"
STRONG, WEAK = "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1"


class Graded(NamedTuple):
    """A benchmark: its prompts and how well each of the two models answered each."""

    name: str
    prompts: list[str]
    strong: NDArray[np.float64]
    weak: NDArray[np.float64]


def benchmarks() -> list[Graded]:
    """MT-Bench, MMLU and GSM8K without their contaminated prompts; none without the data."""
    folder = DATA / "routellm"
    if not folder.is_dir():
        return []
    mmlu = sorted((folder / "mmlu" / "responses").glob("*.csv"))
    return [
        _mt_bench(folder / "mt_bench"),
        _answered("MMLU", mmlu, _contaminated(folder / "mmlu")),
        _answered(
            "GSM8K", [folder / "gsm8k" / "gsm8k_responses.csv"], _contaminated(folder / "gsm8k")
        ),
    ]


def embedded(embedder: Embedder, prompts: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows of the prompts, computed once for each list of prompts and embedder."""
    text = "\0".join((embedder.name, *prompts)).encode("utf-8", "surrogatepass")
    path = CACHE / f"{hashlib.sha256(text).hexdigest()[:24]}.npy"
    if not path.exists():
        print(f"embedding {len(prompts):,} prompts ...", file=sys.stderr)
        CACHE.mkdir(parents=True, exist_ok=True)
        np.save(path, embedder.embed(prompts))
    rows: NDArray[np.float32] = np.load(path)
    return rows


def _contaminated(folder: Path) -> set[str]:
    lines = (folder / "contaminated_prompts.jsonl").read_text("utf-8").splitlines()
    return {json.loads(line)["eval_prompt"] for line in lines}


def _mt_bench(folder: Path) -> Graded:
    grades = defaultdict(list)
    for line in (folder / "judgements.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        grades[row["question_id"], row["model"]].append(row["score"])
    lines = (folder / "question.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    bad = _contaminated(folder)
    questions = [each for each in questions if not bad & set(each["turns"])]
    strong, weak = (
        np.array([np.mean(grades[each["question_id"], model]) for each in questions])
        for model in (STRONG, WEAK)
    )
    return Graded("MT-Bench", [each["turns"][0] for each in questions], strong, weak)


def _answered(name: str, files: list[Path], bad: set[str]) -> Graded:
    csv.field_size_limit(sys.maxsize)
    rows = []
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            rows += [row for row in csv.DictReader(file) if row["prompt"] not in bad]
    strong, weak = (
        np.array([row[model] == "True" for row in rows], dtype=np.float64)
        for model in (STRONG, WEAK)
    )
    return Graded(name, [row["prompt"] for row in rows], strong, weak)
