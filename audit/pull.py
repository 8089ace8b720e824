"""Well-known question sets, fetched through `datasets` into one JSON lines file each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.battery import Home
from audit.errors import DataError, Place
from audit.questions import Kind, read

Load = Callable[[str, str | None, str], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set lies on the hub.

    Attributes:
        splits: which split is asked, and which one gives the examples.
        home: the scoring that papers report for it.
        most_examples: how many examples are taken.
    """

    dataset: str
    config: str | None
    splits: Mapping[Kind, str]
    home: Home = "symbol"
    most_examples: int = 300


SOURCES = {
    "mmlu": Source("cais/mmlu", "all", {"test": "test", "example": "dev"}),
    "arc": Source(
        "allenai/ai2_arc", "ARC-Challenge", {"test": "test", "example": "validation"}, "cloze"
    ),
    # The test split has no answers.
    "csqa": Source("tau/commonsense_qa", None, {"test": "validation", "example": "train"}),
}


def pull(name: str, folder: Path, load: Load | None = None) -> Path:
    """The file that now holds the set of that name: every question to ask, and examples.

    Raises:
        ValueError: no set has that name.
        DataError: `datasets` is missing or cannot fetch it, or what came is malformed.
    """
    if name not in SOURCES:
        raise ValueError(f"no question set is called {name!r}; there are {', '.join(SOURCES)}")
    rows = "".join(
        json.dumps(row, ensure_ascii=False) + "\n"
        for row in _rows(name, SOURCES[name], load or _load)
    )
    folder.mkdir(parents=True, exist_ok=True)
    fetched = folder / f".{name}.jsonl"
    fetched.write_text(rows, encoding="utf-8")
    try:
        read(fetched)
        return fetched.replace(folder / f"{name}.jsonl")
    finally:
        fetched.unlink(missing_ok=True)


def _rows(name: str, source: Source, load: Load) -> Iterator[dict[str, Any]]:
    """The set's rows as `audit.questions` reads them."""
    for kind, split in source.splits.items():
        try:
            fetched = load(source.dataset, source.config, split)
        except ImportError as error:
            raise DataError(
                Place(Path(name)),
                "cannot be fetched: the package datasets is not installed",
                "that package",
                hint="Run: pip install datasets",
            ) from error
        except (OSError, ValueError, RuntimeError) as error:
            raise DataError(
                Place(Path(name)),
                f"cannot be fetched: {error}",
                f"{source.dataset} on the hub",
                hint="Is there a network? A CSV or JSON lines file can be given to --data instead.",
            ) from error
        for number, row in enumerate(fetched):
            if kind == "example" and number >= source.most_examples:
                break
            yield _row(name, kind, number, row)


def _row(name: str, kind: Kind, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    answer = row["answer"] if "answer" in row else row["answerKey"]
    return {
        "id": str(row.get("id") or f"{name}-{kind}-{number}"),
        "kind": kind,
        "subject": row.get("subject", ""),
        "question": row["question"],
        "choices": row["choices"],
        "answer": answer,
    }


def _load(dataset: str, config: str | None, split: str) -> Iterable[Mapping[str, Any]]:
    from datasets import load_dataset

    rows: Iterable[Mapping[str, Any]] = load_dataset(dataset, config, split=split)
    return rows
