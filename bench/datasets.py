"""Prompts, grades and battles that the tables stand on, and their embeddings, kept in a folder.

LLMROUTE_DATA names the folder of the reproduction data (by default ../shared/data); LLMROUTE_CACHE
where embeddings are kept between runs (by default a folder for temporary files).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routing.embeddings import Embedder
from routing.evaluation.sets import NAMES, EvaluationSet, read_set
from routing.kept_embedder import KeptEmbedder

DATA = Path(os.environ.get("LLMROUTE_DATA", Path(__file__).parents[2] / "shared" / "data"))
CACHE = Path(os.environ.get("LLMROUTE_CACHE", Path(tempfile.gettempdir()) / "llmroute-bench"))
ELOBENCH = DATA / "elobench_rwq" / "battles.csv.gz"


def benchmarks() -> list[EvaluationSet]:
    """MT-Bench, MMLU and GSM8K without their contaminated prompts; none without the data."""
    return [read_set(name, DATA) for name in NAMES] if (DATA / "routellm").is_dir() else []


def embedded(embedder: Embedder, prompts: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows of the prompts, computed once for each list of prompts and embedder."""
    return KeptEmbedder(embedder, CACHE).keep(prompts)
