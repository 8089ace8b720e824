"""Scores kept in a journal, so that a run that was stopped can be resumed.

One file holds the scores of one scorer identity, one line each, by the digest of what was asked.
Every line carries a checksum; one that was cut or damaged is dropped on reading, and scored again.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from audit.errors import StoreError
from audit.prompts import instruction, render
from audit.scorers import Identity, Score, Scorer
from audit.variants import Variant
from routing.journal import Journal

_FORMAT = 1


class Scores(Protocol):
    """Where scores are kept by digest: a ScoreStore, or a dict for a run that keeps nothing."""

    def get(self, key: str, /) -> Score | None:
        """The score of that digest; None where it is not known yet."""

    def __setitem__(self, key: str, score: Score, /) -> None:
        """Keeps the score."""


class ScoreStore(Journal):
    """The scores of one scorer, kept in one file; a context manager that holds its lock.

    Raises:
        StoreError: on entering, where the file is another format's or another process has it.
    """

    trouble = StoreError

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._header = {"format": _FORMAT, "identity": asdict(identity)}
        self._scores: dict[str, Score] = {}
        busy = f"another run is scoring {identity.model}; wait for it, or stop it"
        super().__init__(folder / f"{_file_stem(identity)}.jsonl", _line(self._header), busy)

    def __len__(self) -> int:
        return len(self._scores)

    def get(self, key: str, /) -> Score | None:
        """The score of that digest; None where it is not known yet."""
        return self._scores.get(key)

    def __setitem__(self, key: str, score: Score, /) -> None:
        """Keeps the score; it is on its way to the disk when this returns.

        Raises:
            StoreError: the disk refused it.
        """
        self._scores[key] = score
        self._append(_line({"key": key, "score": asdict(score)}))

    def _check(self, head: bytes) -> None:
        header = _parsed(head)
        if header is not None and header != self._header:
            raise StoreError(
                f"{self.path} holds the scores of another program version or model",
                hint="Move it away to score afresh.",
            )

    def _take(self, line: bytes) -> None:
        record = _parsed(line)
        if record and "key" in record:
            self._scores[record["key"]] = _score(record["score"])


def digest(variant: Variant) -> str:
    """The digest of what the model is shown: the key of a Score."""
    prompt = render(variant)
    asked = (prompt.bare, variant.scoring, instruction(variant))
    texts = [prompt.context, *prompt.continuations, *asked]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]


def measure(variants: Sequence[Variant], scorer: Scorer, kept: Scores) -> Iterator[Score]:
    """One Score for each Variant, in order: from what is kept, else from the scorer, then kept.

    Variants that show the same text are scored once.

    Raises:
        ModelError, EndpointError, BudgetError, StoreError: what was yielded is kept.
    """
    keys = [digest(variant) for variant in variants]
    missing: dict[str, Variant] = {}
    for key, variant in zip(keys, variants, strict=True):
        if kept.get(key) is None:
            missing.setdefault(key, variant)
    fresh = scorer.score(list(missing.values()))
    for key in keys:
        score = kept.get(key)
        if score is None:
            score = next(fresh)
            kept[key] = score
        yield score


def _file_stem(identity: Identity) -> str:
    """A file name that a user recognises and that no two identities share."""
    name = "".join(c if c.isalnum() or c in "-." else "_" for c in identity.model)[-60:]
    whole = json.dumps(asdict(identity), sort_keys=True)
    return f"{name.strip('.')}-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def _line(record: dict[str, Any]) -> bytes:
    """The record behind its checksum."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s" % (zlib.crc32(body), body)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The record; None where the line was cut or damaged."""
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    record: dict[str, Any] = json.loads(body)
    return record


def _score(record: dict[str, Any]) -> Score:
    measured: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
    }
    return Score(**measured)
