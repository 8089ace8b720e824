"""Quality of the untrained routers: APGR on MT-Bench, MMLU and GSM8K, nothing of them in training.

Printed for the starter battles alone and with elobench_rwq imported. Strong: GPT-4 1106 preview,
weak: Mixtral 8x7B; no battle names either, so that the tiers of "strong" and "weak" stand in. Also
what the defaults of `similarity` were chosen by: how well the starter battles are predicted, each
by the others.
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.datasets import CACHE, ELOBENCH, benchmarks
from routing.battle_files import read_battles, starter_battles
from routing.battles import Battle
from routing.embeddings import SentenceEmbedder
from routing.evaluation.curves import Interval, best_cosines, bootstrap, chance, curve
from routing.evaluation.sets import STRONG, WEAK, EvaluationSet
from routing.index import unique_prompts
from routing.kept_embedder import KeptEmbedder
from routing.routers import SAMPLE_SIZE, Router
from routing.routers.ridge import RidgeRouter
from routing.routers.similarity import GAMMA, SimilarityRouter

DRAWS = 1000
LEAKED, SUSPECT = 0.95, 0.90
GAMMAS = (10, 100, 300, GAMMA, 1000, 3000, 10_000)


def quality(router: Router, sets: list[EvaluationSet]) -> list[str]:
    """One cell for each benchmark."""
    router = router.for_pair(STRONG, WEAK)
    cells = []
    for graded in sets:
        probabilities = router.win_probability(graded.prompts)
        grades = graded.grades(STRONG, WEAK)
        found = curve(probabilities, grades).apgr
        low, high = Interval.of(bootstrap([probabilities], grades, DRAWS).apgr[0])
        z = chance(grades, DRAWS).z(found)
        cells.append(f"{found:.3f} [{low:.3f}, {high:.3f}] {z:+.1f}")
    return cells


def left_out(battles: list[Battle], embedder: KeptEmbedder) -> Table:
    """How well each of a sample of battles is predicted by the others, for each setting."""
    drawn = np.sort(np.random.default_rng(0).permutation(len(battles))[:SAMPLE_SIZE])
    battles = [battles[place] for place in drawn]
    vectors = embedder.keep(unique_prompts(battles))
    strong = np.array([{"a": 1.0, "b": 0.0, "tie": 0.5}[battle.winner] for battle in battles])
    table = Table("gamma", "normalize", "log loss", "AUC", "spread of p", box=None)
    for normalize in ("query", "row"):
        for gamma in GAMMAS:
            router = SimilarityRouter(embedder, gamma=gamma, normalize=normalize)
            chance = router.fit(battles, vectors).sample()
            loss = -np.mean(strong * np.log(chance) + (1 - strong) * np.log(1 - chance))
            won, lost = chance[strong == 1], chance[strong < 1]
            auc = (won[:, None] > lost[None, :]).mean()
            table.add_row(
                f"{gamma:g}", normalize, f"{loss:.4f}", f"{auc:.3f}", f"{chance.std():.3f}"
            )
    return table


def leaks(battles: list[Battle], sets: list[EvaluationSet], embedder: KeptEmbedder) -> list[str]:
    """A line for each benchmark, and one for each pair of prompts that is suspiciously near."""
    prompts = unique_prompts(battles)
    vectors = embedder.keep(prompts)
    lines = []
    for graded in sets:
        queries = embedder.keep(graded.prompts)
        best = best_cosines(queries, vectors)
        lines.append(
            f"{graded.name}: highest cosine to a starter prompt {best.max():.3f}, mean of the "
            f"highest {best.mean():.3f}, {(best >= LEAKED).sum()} at or above {LEAKED}"
        )
        for at in np.flatnonzero(best >= SUSPECT):
            near = prompts[int((vectors @ queries[at]).argmax())]
            lines.append(f"  {best[at]:.3f}  {near[:70]!r}  ~  {graded.prompts[at][:70]!r}")
    return lines


def main() -> None:
    """Print the tables."""
    console, embedder = Console(width=150), KeptEmbedder(SentenceEmbedder(), CACHE)
    starters = list(starter_battles())
    console.print(
        f"{len(starters)} starter battles; {SAMPLE_SIZE} of them, each predicted by the others "
        f"(default of similarity: gamma {GAMMA:g}, query)"
    )
    console.print(left_out(starters, embedder))
    embedder.keep(unique_prompts(starters))
    sets = benchmarks()
    if not sets:
        console.print("LLMROUTE_DATA names no folder with routellm/: no benchmarks here")
        return
    table = Table(
        "APGR [95 %] z", *(f"{graded.name} ({len(graded.prompts):,})" for graded in sets), box=None
    )
    trained_on = {"starter battles": starters}
    if ELOBENCH.exists():
        imported = list(read_battles(ELOBENCH, "elobench_rwq").battles)
        trained_on["with elobench_rwq"] = [*starters, *imported]
        embedder.keep(unique_prompts(imported))
    for graded in sets:
        embedder.keep(graded.prompts)
    for name, battles in trained_on.items():
        for router in (RidgeRouter(embedder), SimilarityRouter(embedder)):
            row = f"{name}, {type(router).__name__.removesuffix('Router').lower()}"
            table.add_row(row, *quality(router.fit(battles), sets))
    console.print(table)
    for line in leaks(starters, sets, embedder):
        console.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    main()
