"""Decision time, error and memory of the similarity router's forms, against routellm's own router.

All forms answer the same queries in turn, in one process; routellm's row is measured in the same
run, where it is installed (`pip install routellm==0.2.0`). Prompts are real ones of elobench_rwq,
each drawn with noise to a vector of its own, where LLMROUTE_DATA has them; a mixture of made-up
clusters elsewhere. Bytes are those of the process, battles as Python objects included.

    python -m bench.decision [ROWS ...]       default: 55000 1000000
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.datasets import ELOBENCH, benchmarks, embedded
from routing.arrays import Doubles, Floats
from routing.battle_files import read_battles
from routing.battles import Battle, Winner
from routing.embeddings import SentenceEmbedder
from routing.index import unique_prompts
from routing.routers.similarity import GAMMA, REFERENCE_GAMMA, Form, SimilarityRouter

DIMENSION = 384
NOISE = 0.6  # its length against the prompt's own vector: near ones have a cosine of .86
QUERIES = 200
REFERENCE_QUERIES = 15
TURN = 5
ROWS = (55_000, 1_000_000)
LARGEST_REFERENCE = 100_000


class Sample(NamedTuple):
    """Battles with distinct prompts, their vectors, and queries."""

    battles: list[Battle]
    vectors: Floats
    queries: Floats
    pair: tuple[str, str]


class Timed(NamedTuple):
    """What one form answered, and what each answer took: seconds on the clock, and of all cores."""

    chances: Doubles
    seconds: Doubles
    cpu_seconds: Doubles


def unit(rows: NDArray[np.floating[Any]]) -> Floats:
    """Rows of length 1."""
    lengths: Doubles = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)


def sample(count: int, embedder: SentenceEmbedder) -> Sample:
    """Real battles drawn with noise; made-up ones without the data."""
    rng = np.random.default_rng(0)
    sets = benchmarks()
    if ELOBENCH.exists() and sets:
        source = list(read_battles(ELOBENCH).battles)
        prompts = unique_prompts(source)
        row_of = {prompt: row for row, prompt in enumerate(prompts)}
        known = embedded(embedder, prompts)
        asked = np.concatenate([embedded(embedder, graded.prompts) for graded in sets])
        pair = ("gpt-4-turbo", "meta-llama/Llama-2-13b-chat-hf")
    else:
        source, known, asked = made_up(rng)
        row_of = {battle.prompt: row for row, battle in enumerate(source)}
        pair = ("model0", "model12")
    drawn = rng.integers(len(source), size=count)
    vectors = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, 50_000):
        part = drawn[start : start + 50_000]
        rows = known[[row_of[source[at].prompt] for at in part]]
        noise = rng.normal(size=rows.shape) * NOISE / DIMENSION**0.5
        vectors[start : start + 50_000] = unit(rows + noise)
    battles = [
        Battle(f"prompt number {place}", source[at].model_a, source[at].model_b, source[at].winner)
        for place, at in enumerate(drawn.tolist())
    ]
    return Sample(battles, vectors, asked[rng.choice(len(asked), QUERIES, replace=False)], pair)


def made_up(rng: np.random.Generator) -> tuple[list[Battle], Floats, Floats]:
    """20,000 battles between 25 models over 300 clusters that share a direction, and queries."""
    centres = rng.normal(size=(300, DIMENSION)) * 1.5 + 0.4
    cluster = rng.integers(300, size=25_000)
    rows = unit(centres[cluster] + rng.normal(size=(25_000, DIMENSION)))
    ease = rng.random(300)
    battles = []
    for place in range(20_000):
        a, b = rng.choice(25, 2, replace=False)
        tie = rng.random() < 0.6 * ease[cluster[place]]
        a_wins = rng.random() < 1 / (1 + np.exp((a - b) / 6))
        winner: Winner = "tie" if tie else ("a" if a_wins else "b")
        battles.append(Battle(f"made up {place}", f"model{a}", f"model{b}", winner))
    return battles, rows[:20_000], rows[20_000:]


def routellm_router(data: Sample) -> Callable[[Floats], float] | None:
    """The reference's own router on these battles, asked with a vector; None if not installed."""
    os.environ.setdefault("OPENAI_API_KEY", "none")  # its module builds a client when imported
    try:
        import pandas as pd
        from routellm.routers import routers
        from routellm.routers.similarity_weighted import utils
    except ImportError:
        return None
    router = routers.SWRankingRouter.__new__(routers.SWRankingRouter)
    names = {"a": "model_a", "b": "model_b", "tie": "tie"}
    frame = pd.DataFrame(
        [(each.model_a, each.model_b, names[each.winner]) for each in data.battles],
        columns=["model_a", "model_b", "winner"],
    )
    ratings = utils.compute_elo_mle_with_tie(frame)
    router.model2tier = utils.compute_tiers(ratings, num_tiers=10)
    for side in ("model_a", "model_b"):
        frame[side] = frame[side].map(router.model2tier)
    router.arena_df, router.arena_conv_embedding = frame, data.vectors.astype(np.float64)
    router.strong_model, router.weak_model = data.pair
    router.embedding_model = ""

    def ask(query: Floats) -> float:
        answer = SimpleNamespace(data=[SimpleNamespace(embedding=query.astype(np.float64))])
        embeddings = SimpleNamespace(create=lambda **_: answer)
        routers.OPENAI_CLIENT = SimpleNamespace(embeddings=embeddings)
        return float(router.calculate_strong_win_rate(""))

    return ask


def timed(asks: dict[str, Callable[[Floats], float]], queries: Floats) -> dict[str, Timed]:
    """Every way of asking, some queries in turn, so that a busy machine is busy for all."""
    for ask in asks.values():
        ask(queries[0])
    chances: dict[str, list[float]] = {name: [] for name in asks}
    seconds: dict[str, list[float]] = {name: [] for name in asks}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in asks}
    for start in range(0, len(queries), TURN):
        for name, ask in asks.items():
            for query in queries[start : start + TURN]:
                began, cpu_began = time.perf_counter(), time.process_time()
                chances[name].append(ask(query))
                seconds[name].append(time.perf_counter() - began)
                cpu_seconds[name].append(time.process_time() - cpu_began)
    return {
        name: Timed(np.array(chances[name]), np.array(seconds[name]), np.array(cpu_seconds[name]))
        for name in asks
    }


def resident() -> float:
    """Mebibytes of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Fitted(NamedTuple):
    """A router, and what it took to fit it."""

    router: SimilarityRouter
    cost: str

    def at(self, gamma: float) -> Fitted:
        """The same at another gamma, over the same index."""
        router = copy.copy(self.router)
        router.gamma = gamma
        return Fitted(router._fit(router.index_), self.cost)


def fitted(data: Sample, embedder: SentenceEmbedder, form: Form) -> Fitted:
    """A router of that form, with the memory and the time that it took."""
    before, start = resident(), time.perf_counter()
    router = SimilarityRouter(embedder, *data.pair, form=form)
    router.fit(data.battles, data.vectors)
    seconds = time.perf_counter() - start
    return Fitted(router, f"{resident() - before:,.0f} MiB, {seconds:.0f} s")


def asker(router: SimilarityRouter) -> Callable[[Floats], float]:
    """The router as a function of one vector."""
    return lambda query: float(router.win_probability_from(query[None])[0])


def spearman(a: Doubles, b: Doubles) -> float:
    """Rank correlation of numbers without ties."""
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])


def forms_table(count: int, embedder: SentenceEmbedder) -> Table:
    """Every form at that many battles, for the reference's gamma and for the default one."""
    data = sample(count, embedder)
    table = Table(
        "gamma", "form", "median ms", "p99 ms", "CPU ms", "times routellm", "max |dp|", "mean |dp|",
        "rank corr.", "memory and time to fit", title=f"{count:,} battles x {DIMENSION}", box=None,
    )  # fmt: skip
    slow = None
    routers: dict[str, Fitted] = {form: fitted(data, embedder, form) for form in forms(count)}
    for gamma in (REFERENCE_GAMMA, GAMMA):
        routers = {form: each.at(gamma) for form, each in routers.items()}
        asks = {form: asker(each.router) for form, each in routers.items()}
        if slow is None and count <= LARGEST_REFERENCE:
            slow = against_routellm(data, embedder, asks, table)
        found = timed(asks, data.queries)
        for form, each in routers.items():
            cells = numbers(found[form], found["exact"].chances, slow)
            table.add_row(f"{gamma:g}", form, *cells, each.cost)
    return table


def against_routellm(
    data: Sample,
    embedder: SentenceEmbedder,
    asks: dict[str, Callable[[Floats], float]],
    table: Table,
) -> float | None:
    """Add routellm's row; its median in seconds, None if it is not installed.

    Its error is that of its optimiser, which stops early: against our reference=True.
    """
    theirs = routellm_router(data)
    if theirs is None:
        return None
    ours = SimilarityRouter(embedder, *data.pair, reference=True)
    ours.fit(long_enough(data.battles), data.vectors)
    queries = data.queries[:REFERENCE_QUERIES]
    found = timed({"routellm": theirs, **asks}, queries)["routellm"]
    slow = float(np.median(found.seconds))
    table.add_row("10", "routellm 0.2.0", *numbers(found, ours.win_probability_from(queries), slow))
    return slow


def long_enough(battles: list[Battle]) -> list[Battle]:
    """The same battles, none of which the reference drops for a short prompt."""
    return [dataclasses.replace(each, prompt=f"{each.prompt:>20}") for each in battles]


def forms(count: int) -> tuple[Form, ...]:
    """Bytes pay for a copy of the rows; at a million there is the moments' form."""
    return ("exact", "bytes", "moments") if count <= LARGEST_REFERENCE else ("exact", "moments")


def numbers(found: Timed, exact: Doubles, slow: float | None) -> list[str]:
    """Time, error against the exact form, and order."""
    gap = np.abs(found.chances - exact)
    median = float(np.median(found.seconds))
    return [
        f"{median * 1000:.2f}",
        f"{np.quantile(found.seconds, 0.99) * 1000:.2f}",
        f"{float(np.median(found.cpu_seconds)) * 1000:.2f}",
        "" if slow is None else f"{slow / median:.0f}",
        f"{gap.max():.1e}",
        f"{gap.mean():.1e}",
        f"{spearman(found.chances, exact):.4f}",
    ]


def main(counts: list[int]) -> None:
    """Print a table for each number of battles."""
    warnings.simplefilter("ignore")
    console, embedder = Console(width=150), SentenceEmbedder()
    embedder.embed(["hello"])  # first of all, as the engine does: it says how OpenMP is to wait
    import faiss
    import torch

    console.print(
        f"threads: FAISS {faiss.omp_get_max_threads()}, torch {torch.get_num_threads()}; "
        f"load before: {os.getloadavg()[0]:.1f}; embedding excluded unless said"
    )
    for count in counts:
        console.print(forms_table(count, embedder))
    try:
        import routellm  # noqa: F401 asked for its presence alone
    except ImportError:
        console.print("routellm is not installed: its row, and ratios to it, are missing")


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or list(ROWS))
