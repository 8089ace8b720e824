"""Routing among four models by gold battles: does it beat the best single model and mixing by lot?

Run it with `python -m bench.pool [--routers A,B]`. Llama 3.1 8B, Gemma 3 4B, Llama 3.2 3B
and Gemma 3 1B answered MMLU, ARC and OpenBookQA; a call costs what its model has parameters.
Trained on 1,500 random questions of MMLU, with the starter battles beside them or without, tested
on its others, and on ARC and OpenBookQA, of which nothing was trained on. A model that by these
battles is not worth its price gets no question, as in the chat. Questions whose prompt has a cosine
of .95 or more to a trained one are left out. The table is kept in `bench/results/pool.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.datasets import CACHE
from bench.loglik_sets import BILLIONS, FOLDER, pool_set
from bench.reproduce_routellm import untrained
from routing.battle_files import starter_battles
from routing.battles import Battle
from routing.embeddings import SentenceEmbedder
from routing.evaluation.frontier import PoolRouterResult, compare_pool
from routing.evaluation.sets import EvaluationSet, unseen
from routing.evaluation.transfer import gold_of
from routing.index import unique_prompts
from routing.kept_embedder import KeptEmbedder
from routing.ladder import Record
from routing.models import Model, Pool
from routing.routers.pool import PoolRouter
from routing.worth import outdone

RESULT = Path(__file__).parent / "results" / "pool.md"
SEEDS, ROWS, DRAWS = 5, 1500, 500
OTHERS = ("arc_challenge", "arc_easy", "openbookqa")
POOL = Pool(tuple(map(Model, BILLIONS)))
# For each router, whether it had the starters too, and set: what each seed gave.
Found = dict[tuple[str, bool, str], list[PoolRouterResult]]


def gold(evaluation: EvaluationSet) -> list[Battle]:
    """A battle for each question and two of the models; alike is a tie."""
    by_pair = [gold_of(evaluation, pair) for pair in combinations(evaluation.models, 2)]
    return [battle for of_question in zip(*by_pair, strict=True) for battle in of_question]


def measure(names: Sequence[str]) -> tuple[Found, list[str]]:
    """All routers over all seeds, and a line for each set about its models."""
    embedder = KeptEmbedder(SentenceEmbedder(), CACHE)
    mmlu, others = pool_set(), pool_set(OTHERS)
    for each in (mmlu, others):
        embedder.keep(each.prompts)
    starters = list(starter_battles())
    embedder.keep(unique_prompts(starters))
    found: Found = {}
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(mmlu.prompts))
        battles = gold(mmlu.at(order[:ROWS]))
        learnt = embedder.embed(unique_prompts([*starters, *battles]))
        tests = [
            unseen(each, embedder.embed(each.prompts), learnt).evaluation
            for each in (mmlu.at(np.sort(order[ROWS:])), others)
        ]
        passed = outdone(POOL.models, list(BILLIONS.values()), Record.of(battles))
        for name, more in product(names, (False, True)):
            taught = [*starters, *battles] if more else battles
            router = PoolRouter(untrained(name, seed, embedder).fit(taught), POOL, passed)
            for test in tests:
                chances = {name: router.win_probabilities(test.prompts)}
                compared = compare_pool(test, POOL.names, chances, DRAWS, seed)
                found.setdefault((name, more, test.name), []).extend(compared.routers)
    return found, [_singles(mmlu), _singles(others)]


def table(found: Found) -> list[str]:
    """What each router gains over the price-only mix, and the verdict, over the seeds."""
    lines = [
        "| router | starters too | set | seeds | gain over the price-only mix (points) "
        "| of one seed, 95 % | quality at half the strongest's cost | routing pays |",
        "|---|---|---|---|---|---|---|---|",
    ]
    half = np.array([BILLIONS[POOL.strong.name] / 2])
    for (name, more, test), seeds in found.items():
        gains = [each.verdict.gain for each in seeds]
        low, high = seeds[0].verdict.interval
        reached = [float(each.curve.at(half)[0]) for each in seeds]
        pays = sum(each.verdict.pays for each in seeds)
        mean = f"{np.mean(gains):+.2f} ± {np.std(gains, ddof=1):.2f}"
        lines.append(
            f"| {name} | {'yes' if more else 'no'} | {test} | {len(seeds)} | {mean} "
            f"| {low:+.2f} to {high:+.2f} | {np.mean(reached):.2f} | in {pays} of {len(seeds)} |"
        )
    return lines


def _singles(evaluation: EvaluationSet) -> str:
    means = zip(evaluation.models, evaluation.quality.mean(axis=0), strict=True)
    models = ", ".join(f"{model} {mean:.2f}" for model, mean in means)
    best = float(evaluation.quality.max(axis=1).mean())
    return (
        f"- {evaluation.name}, {len(evaluation.prompts):,} questions, % right: {models}; "
        f"any of them {best:.2f}"
    )


def main() -> None:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routers", default="ridge,similarity,factorization", metavar="A,B")
    names = parser.parse_args().routers.split(",")
    if not FOLDER.is_dir():
        print("LLMROUTE_DATA names no folder with mmlu_arc_loglik/")
        return
    found, singles = measure(names)
    first, _, rest = (__doc__ or "").partition("\n\n")
    about = rest.partition("`. ")[2].replace("\n", " ").strip()  # behind how to run it
    text = "\n".join([f"# {first}", "", about, "", *singles, "", *table(found), ""])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text)
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
