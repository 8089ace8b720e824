"""The FAISS index over battles: build, save, load, search, add.

Every prompt is stored once, however many battles it has. On disk:

    MAGIC | length of the header, 8 bytes | header, JSON | battles, JSON lines | rows | FAISS

The header names the format, the embedder, and each part's length and the digest of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from routing.battles import Battle
from routing.errors import DataError, RouterError
from routing.files import replace_file

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Kind = Literal["flat", "hnsw", "ivf"]

MAGIC = b"llmroute index\n"
FORMAT = 1
# Below this a scan of all rows takes less than 20 ms, and is exact.
FLAT_ROWS = 200_000
HNSW_LINKS = 32
HNSW_EFFORT = 128
HNSW_BUILD_EFFORT = 80
IVF_LISTS_PER_ROOT, IVF_MOST_LISTS = 8, 2048  # lists = this times the root of the rows
IVF_PROBES = 32
IVF_TRAINING_ROWS_PER_LIST = 39  # with fewer FAISS warns


class Nearest(NamedTuple):
    """The rows nearest to each query and their cosines, best first, both (m, k).

    Where fewer than k rows were found the row is -1 and the cosine -inf.
    """

    rows: Ints
    cosines: Floats


class Scan(NamedTuple):
    """Rows and their cosines with a query, both (n,)."""

    rows: Ints
    cosines: Floats


class Header(msgspec.Struct, frozen=True):
    """What a saved index says of itself. `lengths`: bytes of battles, rows and FAISS part."""

    format: int
    embedder: str
    dimension: int
    kind: Kind
    lengths: tuple[int, int, int]
    sha256: str


class BattleIndex:
    """Battles, found by the cosine between a query and their prompts.

    Args:
        embedder: name of the embedder whose vectors it holds.
        kind: "flat" compares with every row; "ivf" only with those in the nearest lists, one
            byte a number; "hnsw" walks a graph, fastest to search and slowest to build.

    Attributes:
        battles: in the order in which they came; forgotten ones are gone.
        row_of: the row of each battle's prompt.
    """

    def __init__(self, embedder: str, kind: Kind, index: Any) -> None:  # noqa: ANN401 faiss has no types
        self.embedder = embedder
        self.kind: Kind = kind
        self.battles: list[Battle] = []
        self.row_of: Ints = np.empty(0, dtype=np.int64)
        self._index = index
        self._rows: dict[str, int] = {}
        self._empty: set[int] = set()

    @classmethod
    def build(
        cls, battles: Sequence[Battle], vectors: Floats, embedder: str, kind: Kind | None = None
    ) -> Self:
        """The index of battles whose prompts have these unit vectors.

        `vectors` has a row for each of `unique_prompts(battles)`, in that order. `kind` is chosen
        by size when None.
        """
        index = cls(embedder, kind or kind_for(len(vectors)), None)
        index._index = _new_index(index.kind, vectors)
        index.add(battles, vectors)
        return index

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self._index.d)

    @property
    def size(self) -> int:
        """How many rows there are, those without battles included."""
        return int(self._index.ntotal)

    @property
    def empty(self) -> Ints:
        """The rows whose battles were all forgotten."""
        return np.array(sorted(self._empty), dtype=np.int64)

    def new_prompts(self, battles: Sequence[Battle]) -> list[str]:
        """The distinct prompts among the battles that have no row yet, in order of appearance."""
        return [prompt for prompt in unique_prompts(battles) if prompt not in self._rows]

    def add(self, battles: Sequence[Battle], vectors: Floats) -> Ints:
        """Take battles in; the row of each one's prompt.

        `vectors` has a row for each of `new_prompts(battles)`, in that order.
        """
        new = self.new_prompts(battles)
        if vectors.shape != (len(new), self.dimension):
            raise ValueError(f"expected vectors {(len(new), self.dimension)}, not {vectors.shape}")
        self._rows.update(zip(new, range(self.size, self.size + len(new)), strict=True))
        if len(new):
            self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        rows = np.array([self._rows[battle.prompt] for battle in battles], dtype=np.int64)
        self._empty.difference_update(rows.tolist())
        self.battles.extend(battles)
        self.row_of = np.append(self.row_of, rows)
        return rows

    def remove(self, battle_id: str) -> Ints:
        """Forget the battles of that id; the positions at which they stood."""
        places = [at for at, battle in enumerate(self.battles) if battle.battle_id == battle_id]
        rows = set(self.row_of[places].tolist())
        for place in reversed(places):
            del self.battles[place]
        self.row_of = np.delete(self.row_of, places)
        # FAISS cannot take a row out of a graph: a row without battles is passed over.
        self._empty |= {row for row in rows if row not in self.row_of}
        return np.array(places, dtype=np.int64)

    def search(self, queries: Floats, count: int) -> Nearest:
        """The rows with battles that are nearest to each query, as many as `count`."""
        found = min(count + len(self._empty), self.size)
        if not found or not len(queries):
            nowhere = np.full((len(queries), count), -1, dtype=np.int64)
            return Nearest(nowhere, np.full(nowhere.shape, -np.inf, dtype=np.float32))
        cosines, rows = self._index.search(
            np.ascontiguousarray(queries, np.float32), found, params=self._effort
        )
        unwanted = np.isin(rows, [-1, *self._empty])
        order = np.argsort(unwanted, axis=1, kind="stable")
        rows = np.where(unwanted, -1, rows)
        cosines = np.where(unwanted, -np.inf, cosines)
        pad = ((0, 0), (0, max(0, count - found)))
        return Nearest(
            np.pad(np.take_along_axis(rows, order, 1), pad, constant_values=-1)[:, :count],
            np.pad(np.take_along_axis(cosines, order, 1), pad, constant_values=-np.inf)[:, :count],
        )

    def battles_at(self, row: int) -> list[int]:
        """Positions of the battles that were fought over that row's prompt."""
        return np.flatnonzero(self.row_of == row).tolist()

    def vectors(self) -> Floats:
        """The unit vectors of all rows, (size, dimension); a number is a byte's worth in "ivf".

        In "flat" it is the memory of FAISS itself: valid until the next `add`, not to be written.
        """
        import faiss

        vectors: Floats
        if self.kind == "flat" and self.size:
            held = faiss.rev_swig_ptr(self._index.get_xb(), self.size * self.dimension)
            vectors = held.reshape(self.size, self.dimension)
        else:
            if self.kind == "ivf":
                self._index.make_direct_map()
            vectors = self._index.reconstruct_n(0, self.size)
        return vectors

    def vectors_of(self, rows: Ints) -> Floats:
        """The unit vectors of some rows, (m, dimension)."""
        if self.kind == "ivf":
            self._index.make_direct_map()
        vectors: Floats = self._index.reconstruct_batch(rows)
        return vectors

    @property
    def lists(self) -> int:
        """How many lists an "ivf" index has."""
        return int(self._index.nlist)

    def members(self, at: int) -> Ints:
        """The rows of an "ivf" list, in the order in which it holds them; FAISS's own memory."""
        import faiss

        lists, size = self._index.invlists, self._index.invlists.list_size(at)
        if not size:
            return np.empty(0, dtype=np.int64)
        rows: Ints = faiss.rev_swig_ptr(lists.get_ids(at), size)
        return rows

    def scan(self, query: Floats, lists: Ints) -> Scan:
        """Every row of some "ivf" lists with its cosine."""
        near = np.vecdot(self._centroids[lists], query)
        self._index.nprobe = len(lists)
        found = self._index.range_search_preassigned(query[None], -np.inf, lists[None], near[None])
        return Scan(rows=found[2], cosines=found[1])

    @cached_property
    def _effort(self) -> Any:  # noqa: ANN401 faiss has no types
        import faiss

        if self.kind != "ivf":
            return None
        effort = faiss.SearchParametersIVF()
        effort.nprobe = IVF_PROBES
        return effort

    @cached_property
    def _centroids(self) -> Floats:
        centroids: Floats = self._index.quantizer.reconstruct_n(0, self.lists)
        return centroids

    def known_vectors(self) -> dict[str, Floats]:
        """Prompt -> unit vector, so that what is known need not be embedded again."""
        vectors = self.vectors().copy()
        return {prompt: vectors[row] for prompt, row in self._rows.items()}

    def save(self, path: Path) -> None:
        """Put the index in place of the file, readable by its owner alone.

        Raises:
            DataError: the file cannot be written; what was there is still there.
        """
        import faiss

        parts = (
            b"\n".join(msgspec.json.encode(battle) for battle in self.battles),
            self.row_of.astype("<i8").tobytes(),
            faiss.serialize_index(self._index).tobytes(),
        )
        header = Header(
            format=FORMAT,
            embedder=self.embedder,
            dimension=self.dimension,
            kind=self.kind,
            lengths=(len(parts[0]), len(parts[1]), len(parts[2])),
            sha256=_digest(parts),
        )
        head = msgspec.json.encode(header)
        try:
            replace_file(path, b"".join((MAGIC, len(head).to_bytes(8, "little"), head, *parts)))
        except OSError as error:
            raise DataError(
                f"{path}: the index cannot be written: {error.strerror}", detail=str(error)
            ) from error

    @classmethod
    def load(cls, path: Path, embedder: str) -> Self:
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
                f"{path}: the index holds vectors of {header.embedder}, expected {embedder}",
                hint="Remove the file; it is built anew from the battles.",
            )
        parts = _parts(path, header, body)
        index = cls(
            header.embedder,
            header.kind,
            faiss.deserialize_index(np.frombuffer(parts[2], dtype=np.uint8)),
        )
        index._restore(parts[0], parts[1])
        return index

    def _restore(self, battles: bytes, rows: bytes) -> None:
        self.battles = [
            msgspec.json.decode(line, type=Battle) for line in battles.split(b"\n") if line
        ]
        self.row_of = np.frombuffer(rows, dtype="<i8").astype(np.int64)
        self._rows = {
            battle.prompt: int(row) for battle, row in zip(self.battles, self.row_of, strict=True)
        }
        self._empty = set(range(self.size)) - set(self.row_of.tolist())


def unique_prompts(battles: Sequence[Battle]) -> list[str]:
    """The distinct prompts, in order of appearance."""
    return list(dict.fromkeys(battle.prompt for battle in battles))


def kind_for(rows: int) -> Kind:
    """The kind of index that suits that many rows."""
    return "flat" if rows < FLAT_ROWS else "ivf"


def _new_index(kind: Kind, vectors: Floats) -> Any:  # noqa: ANN401 faiss has no types
    """An empty FAISS index of that kind, trained where it needs to be."""
    import faiss

    index: Any
    dimension, metric = vectors.shape[1], faiss.METRIC_INNER_PRODUCT
    if kind == "flat":
        return faiss.IndexFlat(dimension, metric)
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimension, HNSW_LINKS, metric)
        index.hnsw.efConstruction = HNSW_BUILD_EFFORT
        index.hnsw.efSearch = HNSW_EFFORT
        return index
    lists = round(IVF_LISTS_PER_ROOT * len(vectors) ** 0.5)
    lists = max(1, min(lists, IVF_MOST_LISTS, len(vectors) // IVF_TRAINING_ROWS_PER_LIST))
    index = faiss.index_factory(dimension, f"IVF{lists},SQ8", metric)
    index.cp.max_points_per_centroid = IVF_TRAINING_ROWS_PER_LIST
    index.cp.min_points_per_centroid = 1
    index.train(np.ascontiguousarray(vectors, dtype=np.float32))
    return index


def _digest(parts: Sequence[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _opened(path: Path, content: bytes) -> tuple[Header, memoryview]:
    damaged = DataError(
        f"{path}: not an index of this program, or damaged; expected format {FORMAT}",
        hint="Remove the file; it is built anew from the battles.",
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
        raise DataError(
            f"{path}: index format {header.format}, expected {FORMAT}", hint=damaged.hint
        )
    return header, memoryview(content)[end:]


def _parts(path: Path, header: Header, body: memoryview) -> list[bytes]:
    if len(body) != sum(header.lengths):
        raise DataError(
            f"{path}: the index is cut: {len(body)} bytes, expected {sum(header.lengths)}",
            hint="Remove the file; it is built anew from the battles.",
        )
    if _digest([body]) != header.sha256:
        raise DataError(
            f"{path}: the index is damaged: its digest is not {header.sha256[:12]}…",
            hint="Remove the file; it is built anew from the battles.",
        )
    first, second = header.lengths[0], header.lengths[0] + header.lengths[1]
    return [bytes(body[:first]), bytes(body[first:second]), bytes(body[second:])]
