"""Scores on disk: a run that was stopped, by hand or by force, goes on where it stopped.

One file holds the scores of one scorer identity, one line each, by the digest of what was asked.
Every line carries a checksum and is handed to the operating system whole as soon as it is known,
so that `kill -9` costs at most the line being written, and that line is dropped on reading.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from io import BufferedWriter
from pathlib import Path
from typing import Any, Protocol, Self

from filelock import FileLock, Timeout

from audit.errors import StoreError
from audit.prompts import instruction, render
from audit.scorers import Identity, Score, Scorer
from audit.variants import Variant

_FORMAT = 1


class Scores(Protocol):
    """Where scores are kept by digest: a ScoreStore, or a dict for a run that keeps nothing."""

    def get(self, key: str, /) -> Score | None:
        """The score of that digest; None where it is not known yet."""

    def __setitem__(self, key: str, score: Score, /) -> None:
        """Keeps the score."""


class ScoreStore:
    """The scores of one scorer, kept in one file; a context manager that holds its lock.

    Attributes:
        path: the file.
        dropped: how many damaged lines were left out on opening; they will be scored again.

    Raises:
        StoreError: on entering, where the file is another format's or another process has it.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.identity = identity
        self.path = folder / f"{_file_stem(identity)}.jsonl"
        self.dropped = 0
        self._scores: dict[str, Score] = {}
        self._lock = FileLock(f"{self.path}.lock", timeout=0)
        self._stream: BufferedWriter | None = None

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._open()
        except Timeout as error:
            raise StoreError(
                f"another run is scoring {self.identity.model}",
                hint="Wait for it, or stop it; this run then goes on with its scores.",
                detail=str(self.path),
            ) from error
        except OSError as error:
            self._close()
            raise StoreError(f"cannot keep scores in {self.path}: {error.strerror}") from error
        except StoreError:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

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
        if self._stream is None:
            raise ValueError("the score store is not open; use it in a with statement")
        self._scores[key] = score
        try:
            self._stream.write(_line({"key": key, "score": asdict(score)}))
            self._stream.flush()
        except OSError as error:
            raise StoreError(
                f"cannot keep scores in {self.path}: {error.strerror}",
                hint="Free some space and run the same command again; it goes on from here.",
            ) from error

    def _open(self) -> None:
        """Reads what is there, leaves a damaged end out, and opens the file to go on."""
        known = self.path.read_bytes() if self.path.exists() else b""
        lines = known.split(b"\n")
        if known and (header := _parsed(lines[0])) != self._header() and header is not None:
            raise StoreError(
                f"{self.path} holds the scores of another program version or model",
                hint="Move it away to score afresh.",
            )
        records = [_parsed(line) for line in lines[1:] if line]
        for record in records:
            if record and "key" in record:
                self._scores[record["key"]] = _score(record["score"])
        self.dropped = sum(record is None for record in records)
        self._stream = self.path.open("ab")
        if not known:
            self._stream.write(_line(self._header()))
        elif not known.endswith(b"\n"):
            self._stream.write(b"\n")
        self._stream.flush()

    def _close(self) -> None:
        if self._stream:
            with suppress(OSError):  # told already, where a line was refused
                self._stream.close()
        self._lock.release()

    def _header(self) -> dict[str, Any]:
        return {"format": _FORMAT, "identity": asdict(self.identity)}


def digest(variant: Variant) -> str:
    """What tells one question to a model from another: the texts that it is shown."""
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
    """A file name that a person recognises and that no two identities share."""
    name = "".join(c if c.isalnum() or c in "-." else "_" for c in identity.model)[-60:]
    whole = json.dumps(asdict(identity), sort_keys=True)
    return f"{name.strip('.')}-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def _line(record: dict[str, Any]) -> bytes:
    """The record as a line of its own, its checksum first."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


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
