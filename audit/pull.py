"""Well-known question sets, fetched through `datasets` into one JSON lines file each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from audit.battery import Home
from audit.errors import DataError, Place
from audit.question_files import read
from audit.questions import Kind
from routing.errors import DataError as HubError
from routing.hub import dataset_rows

MOST_EXAMPLES = 300


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set lies on the hub.

    Attributes:
        splits: which split is asked, and which one gives the examples.
        home: the scoring that papers report for it.
    """

    dataset: str
    config: str | None
    splits: Mapping[Kind, str]
    home: Home = "symbol"


SOURCES = {
    "mmlu": Source("cais/mmlu", "all", {"test": "test", "example": "dev"}),
    "arc": Source(
        "allenai/ai2_arc", "ARC-Challenge", {"test": "test", "example": "validation"}, "cloze"
    ),
    # The test split has no answers.
    "csqa": Source("tau/commonsense_qa", None, {"test": "validation", "example": "train"}),
}


def pull(name: str, folder: Path) -> Path:
    """The file that now holds the set of that name: every question to ask, and examples.

    Raises:
        ValueError: no set has that name.
        DataError: the hub cannot be reached or lacks the set, its rows are malformed, or the disk
            refuses it.
    """
    if name not in SOURCES:
        raise ValueError(f"no question set is called {name!r}; there are {', '.join(SOURCES)}")
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(name, SOURCES[name])]
    fetched = folder / f".{name}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fetched.write_text("".join(lines), encoding="utf-8")
        read(fetched)
        return fetched.replace(folder / f"{name}.jsonl")
    except OSError as error:
        raise DataError(
            Place(fetched), f"{error.strerror}", "a file that can be written"
        ) from error
    finally:
        fetched.unlink(missing_ok=True)


def _rows(name: str, source: Source) -> Iterator[dict[str, Any]]:
    """The set's rows as `audit.questions` reads them."""
    for kind, split in source.splits.items():
        most = MOST_EXAMPLES if kind == "example" else None
        for number, row in enumerate(islice(_fetched(source, split), most)):
            yield {
                "id": str(row.get("id") or f"{name}-{kind}-{number}"),
                "kind": kind,
                "subject": row.get("subject", ""),
                "question": row.get("question"),
                "choices": row.get("choices"),
                "answer": row.get("answer", row.get("answerKey")),
            }


def _fetched(source: Source, split: str) -> Iterator[Mapping[str, Any]]:
    """The split's rows as they come.

    Raises:
        DataError: the hub cannot be reached, or lacks the set.
    """
    try:
        yield from dataset_rows(source.dataset, split, source.config)
    except HubError as error:
        raise DataError(
            Place(Path(source.dataset)),
            f"cannot be fetched: {error.__cause__}",
            f"its split {split} on the hub",
            hint="Is there a network? A CSV or JSON lines file can be given to --data instead.",
        ) from error
