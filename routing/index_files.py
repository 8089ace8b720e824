"""An index over battles as a file, which names its embedder and is read whole or not at all.

    MAGIC | length of the header, 8 bytes | header, JSON | battles, JSON lines | rows | FAISS
    | states

The header names the format, the embedder, and each part's length and the digest of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from routing.battles import Battle
from routing.errors import DataError, RouterError
from routing.files import replace_file
from routing.index import BattleIndex, Kind

MAGIC = b"llmroute index\n"
FORMAT = 2
ANEW = "Remove the file; it is rebuilt from the battles."


class Header(msgspec.Struct, frozen=True):
    """What a saved index says of itself.

    Attributes:
        dimension: of a vector.
        states: how many numbers a prompt's middle states are.
        lengths: bytes of battles, rows, FAISS and states.
    """

    format: int
    embedder: str
    dimension: int
    kind: Kind
    states: int
    lengths: tuple[int, int, int, int]
    sha256: str


def save_index(index: BattleIndex, path: Path) -> None:
    """Put the index in place of the file, readable by its owner alone.

    Raises:
        DataError: the file or its folder cannot be written; what was there is still there.
    """
    import faiss

    parts = (
        b"\n".join(msgspec.json.encode(battle) for battle in index.battles),
        index.row_of.astype("<i8").tobytes(),
        faiss.serialize_index(index.faiss).tobytes(),
        index.states.astype("<f2").tobytes(),
    )
    header = Header(
        format=FORMAT,
        embedder=index.embedder,
        dimension=index.dimension,
        kind=index.kind,
        states=index.states.shape[1],
        lengths=(len(parts[0]), len(parts[1]), len(parts[2]), len(parts[3])),
        sha256=_digest(parts),
    )
    head = msgspec.json.encode(header)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, b"".join((MAGIC, len(head).to_bytes(8, "little"), head, *parts)))
    except OSError as error:
        raise DataError(
            f"{path}: the index cannot be written: {error.strerror}", detail=str(error)
        ) from error


def load_index(path: Path, embedder: str) -> BattleIndex:
    """The index that was saved.

    Raises:
        DataError: there is none, it is of another format, cut or damaged.
        RouterError: it holds another embedder's vectors.
    """
    import faiss

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: no index: {error.strerror}", detail=str(error)) from error
    header, body = _opened(path, content)
    if header.embedder != embedder:
        raise RouterError(
            f"{path}: the index holds vectors of {header.embedder}, expected {embedder}", hint=ANEW
        )
    parts = _parts(path, header, body)
    lines = bytes(parts.battles).split(b"\n")
    index = BattleIndex(
        header.embedder,
        header.kind,
        faiss.deserialize_index(np.frombuffer(parts.faiss, dtype=np.uint8)),
        [msgspec.json.decode(line, type=Battle) for line in lines if line],
        np.frombuffer(parts.rows, dtype="<i8").astype(np.int64),
    )
    if header.states:
        states = np.frombuffer(parts.states, dtype="<f2").astype(np.float16)
        index.states = states.reshape(-1, header.states)
    return index


class _Parts(NamedTuple):
    battles: memoryview
    rows: memoryview
    faiss: memoryview
    states: memoryview


def _digest(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _opened(path: Path, content: bytes) -> tuple[Header, memoryview]:
    damaged = DataError(
        f"{path}: not an index of this program, or damaged; expected format {FORMAT}", hint=ANEW
    )
    start = len(MAGIC) + 8
    if not content.startswith(MAGIC) or len(content) < start:
        raise damaged
    end = start + int.from_bytes(content[len(MAGIC) : start], "little")
    try:
        header = msgspec.json.decode(content[start:end], type=Header)
    except msgspec.DecodeError as error:
        raise damaged from error
    if header.format != FORMAT:
        raise DataError(f"{path}: index format {header.format}, expected {FORMAT}", hint=ANEW)
    return header, memoryview(content)[end:]


def _parts(path: Path, header: Header, body: memoryview) -> _Parts:
    if len(body) != sum(header.lengths):
        raise DataError(
            f"{path}: the index is cut: {len(body)} bytes, expected {sum(header.lengths)}",
            hint=ANEW,
        )
    if _digest([body]) != header.sha256:
        raise DataError(
            f"{path}: the index is damaged: its digest is not {header.sha256[:12]}…", hint=ANEW
        )
    ends = [0, *accumulate(header.lengths)]
    return _Parts(*(body[start:end] for start, end in pairwise(ends)))
