"""Decisions a second of every router, embedding in and out, one prompt at a time and in batches.

Every router has learnt from the starter battles; how well does not matter here, so that bert and
causal have taken a step or two. Two rows show the similarity router over 55,000 battles. The causal
model is a Llama of 34 million random weights: its row shows what the method costs, not what a model
of billions does. Beside them stand the paper's requests a second (its table 7), on an NVIDIA L4 or,
for similarity and factorization, a CPU machine, embedding by OpenAI included.

    python -m bench.throughput [ROUTER ...]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.decision import sample
from bench.random_llama import build
from routing.arrays import Floats
from routing.battle_files import starter_battles
from routing.battles import Battle
from routing.embeddings import SentenceEmbedder
from routing.index import unique_prompts
from routing.routers import ROUTERS, Router
from routing.routers.bert import BertRouter
from routing.routers.causal import CausalRouter
from routing.routers.chance import ChanceRouter
from routing.routers.factorization import FactorizationRouter
from routing.routers.ridge import RidgeRouter
from routing.routers.similarity import SimilarityRouter

ARENA = 55_000
SECONDS = 4.0  # for each measurement
TURNS = 5
BATCH = 64
VECTOR_BATCH = 4096
PAPER = {"similarity": 2.9, "factorization": 155, "bert": 70, "causal": 42}

Ask = Callable[[int], object]


class Rate(NamedTuple):
    """Prompts a second, by the clock and by CPU seconds of all cores; the median of some turns."""

    clock: float
    cpu: float

    def __str__(self) -> str:
        return f"{_short(self.clock)} ({_short(self.cpu)})"


class Measured(NamedTuple):
    """One router: rates from text, and from unit vectors where it reads them."""

    name: str
    battles: int
    single: Rate
    batch: Rate
    vectors_single: Rate | None = None
    vectors_batch: Rate | None = None


def rate(ask: Ask, size: int) -> Rate:
    """How many prompts a second `ask` takes, given the number of each call of so many prompts."""
    ask(0)
    rates = []
    number = 1
    for _ in range(TURNS):
        calls, clock, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - clock < SECONDS / TURNS:
            ask(number)
            number, calls = number + 1, calls + 1
        rates.append(
            (
                calls * size / (time.perf_counter() - clock),
                calls * size / max(time.process_time() - cpu, 1e-9),
            )
        )
    return Rate(*(float(each) for each in np.median(rates, axis=0)))


def from_text(router: Router, prompts: Sequence[str], size: int) -> Rate:
    """Win probabilities of prompts, so many a call."""

    def ask(number: int) -> object:
        start = number * size % (len(prompts) - size + 1)
        return router.win_probability(prompts[start : start + size])

    return rate(ask, size)


def from_vectors(router: FactorizationRouter | SimilarityRouter, rows: Floats, size: int) -> Rate:
    """Win probabilities of unit rows, so many a call."""

    def ask(number: int) -> object:
        start = number * size % (len(rows) - size + 1)
        return router.win_probability_from(rows[start : start + size])

    return rate(ask, size)


def measured(router: Router, battles: int, prompts: Sequence[str], rows: Floats) -> Measured:
    """One router, every way."""
    single, batch = (from_text(router, prompts, size) for size in (1, BATCH))
    if not isinstance(router, FactorizationRouter | SimilarityRouter):
        return Measured(router_name(router), battles, single, batch)
    many = np.tile(rows, (-(-VECTOR_BATCH // len(rows)), 1))[:VECTOR_BATCH]
    size = VECTOR_BATCH if isinstance(router, FactorizationRouter) else BATCH
    return Measured(
        router_name(router),
        battles,
        single,
        batch,
        from_vectors(router, rows, 1),
        from_vectors(router, many, size),
    )


def router_name(router: Router) -> str:
    """How the table calls it."""
    form = f" ({router.form})" if isinstance(router, SimilarityRouter) else ""
    return f"{type(router).__name__.removesuffix('Router').lower()}{form}"


def routers(
    embedder: SentenceEmbedder, battles: Sequence[Battle], wanted: Sequence[str]
) -> Iterator[tuple[Router, int]]:
    """The wanted routers, one after the other, and how many battles each knows."""
    starters = len(battles)
    if "chance" in wanted:
        yield ChanceRouter().fit(battles), starters
    if "ridge" in wanted:
        yield RidgeRouter(embedder).fit(battles), starters
    if "similarity" in wanted:
        yield SimilarityRouter(embedder).fit(battles), starters
        arena = sample(ARENA, embedder)
        for form in ("exact", "moments"):
            router = SimilarityRouter(embedder, *arena.pair, form=form)
            yield router.fit(arena.battles, arena.vectors), ARENA
    if "factorization" in wanted:
        yield FactorizationRouter(embedder).fit(battles), starters
    for name in ("bert", "causal"):
        if name in wanted:
            yield text_router(name, embedder, battles), starters


def text_router(name: str, embedder: SentenceEmbedder, battles: Sequence[Battle]) -> Router:
    """The packaged encoder, or a causal model of random weights, after two steps."""
    if name == "bert":
        schedule = replace(BertRouter.default_schedule, steps=2)
        bert = BertRouter(embedder, schedule=schedule)
        bert.sample_size = 1
        return bert.fit(battles)
    with tempfile.TemporaryDirectory() as folder:
        base = build(Path(folder), (battle.prompt for battle in battles))
        schedule = replace(CausalRouter.default_schedule, steps=2)
        causal = CausalRouter(embedder, base=str(base), schedule=schedule)
        causal.sample_size = 1
        return causal.fit(battles)


def table(rows: Sequence[Measured]) -> Table:
    """The rates beside the paper's."""
    printed = Table(
        "router", "battles", "one prompt", f"{BATCH} at once", "one vector", "many vectors",
        "paper", box=None, title="prompts a second by the clock (per CPU second)",
    )  # fmt: skip
    for row in rows:
        rates = (row.single, row.batch, row.vectors_single, row.vectors_batch)
        cells = ["" if each is None else str(each) for each in rates]
        paper = PAPER.get(row.name.partition(" ")[0])
        printed.add_row(row.name, f"{row.battles:,}", *cells, "" if paper is None else f"{paper:g}")
    return printed


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def main(wanted: Sequence[str]) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    console, embedder = Console(width=150), SentenceEmbedder()
    embedder.embed(["hello"])
    import torch

    battles = list(starter_battles())
    prompts = unique_prompts(battles)
    rows = embedder.embed(prompts)
    characters = int(np.mean([len(prompt) for prompt in prompts]))
    console.print(
        f"torch threads: {torch.get_num_threads()}; load before: {os.getloadavg()[0]:.1f}; "
        f"{len(prompts)} prompts of {characters} characters on average"
    )
    found = [
        measured(router, known, prompts, rows)
        for router, known in routers(embedder, battles, wanted)
    ]
    console.print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:] or list(ROUTERS))
