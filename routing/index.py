"""The FAISS index over battles: build, search, add, remove; `routing.index_files` keeps it.

Every prompt is stored once, however many battles it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from routing.arrays import Floats, Halves, Ints
from routing.battles import Battle

Kind = Literal["flat", "hnsw", "ivf"]

# Below this a scan of all rows takes less than 20 ms, and is exact.
FLAT_ROWS = 200_000
HNSW_LINKS = 32
HNSW_EFFORT = 128
HNSW_BUILD_EFFORT = 80
IVF_LISTS_PER_ROOT, IVF_MOST_LISTS = 8, 2048  # lists = this times the root of the rows
IVF_PROBES = 32
IVF_TRAINING_ROWS_PER_LIST = 39  # with fewer FAISS warns
SEED = 0
NOWHERE: Ints = np.empty(0, dtype=np.int64)


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


class BattleIndex:
    """Battles, found by the cosine between a query and their prompts.

    Args:
        embedder: name of the embedder whose vectors it holds.
        kind: "flat" compares with every row; "ivf" only with those in the nearest lists, one
            byte a number; "hnsw" walks a graph, fastest to search and slowest to build.
        faiss: FAISS's own index, with a row for each of the battles' prompts.
        battles, row_of: what was in it.

    Attributes:
        battles: in the order in which they came; forgotten ones are gone.
        row_of: the row of each battle's prompt.
        states: the middle states of each row's prompt, (size, k); (0, 0) where it was built
            without.
    """

    def __init__(
        self,
        embedder: str,
        kind: Kind,
        faiss: Any,  # noqa: ANN401 faiss has no types
        battles: Sequence[Battle] = (),
        row_of: Ints = NOWHERE,
    ) -> None:
        self.embedder = embedder
        self.kind: Kind = kind
        self.faiss = faiss
        self.battles = list(battles)
        self.row_of = row_of
        self.states: Halves = np.empty((0, 0), dtype=np.float16)
        rows = row_of.tolist()
        self._rows = {battle.prompt: row for battle, row in zip(battles, rows, strict=True)}
        self._empty = set(range(self.size)) - set(rows)

    @classmethod
    def build(
        cls,
        battles: Sequence[Battle],
        vectors: Floats,
        embedder: str,
        kind: Kind | None = None,
        states: Floats | None = None,
    ) -> Self:
        """The index of battles whose prompts have these unit vectors, and these middle states.

        `vectors` and `states` have a row for each of `unique_prompts(battles)`, in that order.
        `kind` is chosen by size when None.
        """
        kind = kind or kind_for(len(vectors))
        index = cls(embedder, kind, _new_index(kind, vectors))
        if states is not None:
            index.states = np.empty((0, states.shape[1]), dtype=np.float16)
        index.add(battles, vectors, states)
        return index

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.faiss.d)

    @property
    def size(self) -> int:
        """How many rows there are, those without battles included."""
        return int(self.faiss.ntotal)

    @property
    def empty(self) -> Ints:
        """The rows whose battles were all forgotten."""
        return np.array(sorted(self._empty), dtype=np.int64)

    def new_prompts(self, battles: Sequence[Battle]) -> list[str]:
        """The distinct prompts among the battles that have no row yet, in order of appearance."""
        return [prompt for prompt in unique_prompts(battles) if prompt not in self._rows]

    def add(self, battles: Sequence[Battle], vectors: Floats, states: Floats | None = None) -> Ints:
        """Take battles in; the row of each one's prompt.

        `vectors` and `states` have a row for each of `new_prompts(battles)`, in that order. An
        index that was built without states takes none.
        """
        new = self.new_prompts(battles)
        _check_shape("vectors", vectors, (len(new), self.dimension))
        if width := self.states.shape[1]:
            _check_shape("states", states, (len(new), width))
            self.states = np.concatenate([self.states, np.asarray(states, np.float16)])
        self._rows.update(zip(new, range(self.size, self.size + len(new)), strict=True))
        if len(new):
            self.faiss.add(np.ascontiguousarray(vectors, dtype=np.float32))
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
        cosines, rows = self.faiss.search(
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

    def some_rows(self, most: int) -> Ints:
        """The rows that have battles; if more than `most`, a fixed random sample of them."""
        rows = np.unique(self.row_of)
        if len(rows) > most:
            rows = np.random.default_rng(SEED).choice(rows, most, replace=False)
        return rows

    def prompts_of(self, rows: Ints) -> list[str]:
        """The prompts of some rows."""
        prompt_of = {row: prompt for prompt, row in self._rows.items()}
        return [prompt_of[row] for row in rows.tolist()]

    def vectors(self) -> Floats:
        """The unit vectors of all rows, (size, dimension); a number is a byte's worth in "ivf".

        In "flat" it is the memory of FAISS itself: valid until the next `add`, not to be written.
        """
        import faiss

        vectors: Floats
        if self.kind == "flat" and self.size:
            held = faiss.rev_swig_ptr(self.faiss.get_xb(), self.size * self.dimension)
            vectors = held.reshape(self.size, self.dimension)
        else:
            if self.kind == "ivf":
                self.faiss.make_direct_map()
            vectors = self.faiss.reconstruct_n(0, self.size)
        return vectors

    def vectors_of(self, rows: Ints) -> Floats:
        """The unit vectors of some rows, (m, dimension)."""
        if self.kind == "ivf":
            self.faiss.make_direct_map()
        vectors: Floats = self.faiss.reconstruct_batch(rows)
        return vectors

    def states_of(self, rows: Ints) -> Floats:
        """The middle states of some rows, (m, k); k is 0 where it was built without."""
        if not self.states.size:
            return np.empty((len(rows), 0), dtype=np.float32)
        return self.states[rows].astype(np.float32)

    @property
    def lists(self) -> int:
        """How many lists an "ivf" index has."""
        return int(self.faiss.nlist)

    def members(self, at: int) -> Ints:
        """The rows of an "ivf" list, in the order in which it holds them; FAISS's own memory."""
        import faiss

        lists, size = self.faiss.invlists, self.faiss.invlists.list_size(at)
        if not size:
            return np.empty(0, dtype=np.int64)
        rows: Ints = faiss.rev_swig_ptr(lists.get_ids(at), size)
        return rows

    def scan(self, query: Floats, lists: Ints) -> Scan:
        """Every row of some "ivf" lists with its cosine."""
        near = np.vecdot(self._centroids[lists], query)
        self.faiss.nprobe = len(lists)
        found = self.faiss.range_search_preassigned(query[None], -np.inf, lists[None], near[None])
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
        centroids: Floats = self.faiss.quantizer.reconstruct_n(0, self.lists)
        return centroids

    def known_rows(self) -> dict[str, tuple[Floats, Floats]]:
        """Prompt -> unit vector and states, so that what is known need not be embedded again."""
        vectors, states = self.vectors().copy(), self.states_of(np.arange(self.size))
        return {prompt: (vectors[row], states[row]) for prompt, row in self._rows.items()}


def unique_prompts(battles: Sequence[Battle]) -> list[str]:
    """The distinct prompts, in order of appearance."""
    return list(dict.fromkeys(battle.prompt for battle in battles))


def kind_for(rows: int) -> Kind:
    """The kind of index that suits that many rows."""
    return "flat" if rows < FLAT_ROWS else "ivf"


def _check_shape(what: str, rows: Floats | None, expected: tuple[int, int]) -> None:
    shape = None if rows is None else rows.shape
    if shape != expected:
        raise ValueError(f"expected {what} {expected}, not {shape}")


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
