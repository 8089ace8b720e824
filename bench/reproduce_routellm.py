"""The tables of the RouteLLM paper, rebuilt with the data at hand, beside the paper's own numbers.

Run `LLMROUTE_DATA=... python -m bench.reproduce_routellm`. Each training and its measurements are
kept in `bench/results/reproduce_routellm.json` as they come, so that a stopped run goes on where it
stopped; `--fresh` starts over, `--report` only prints what is kept. Training is on battles of
elobench_rwq, the starter battles, and gold battles from parts of MMLU and GSM8K that no test holds.
Battles whose prompt has a cosine of .95 or more to a test's prompt are dropped, and counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from bench.datasets import CACHE, DATA, ELOBENCH, benchmarks
from bench.loglik_sets import loglik_sets
from bench.reproduction_report import report
from routing.arrays import Doubles
from routing.battle_files import read_battles, starter_battles
from routing.battles import Battle
from routing.checkpoints import battles_digest
from routing.embeddings import SentenceEmbedder
from routing.evaluation.curves import Chance, best_cosines, chance, curve, saving
from routing.evaluation.sets import NEAR, STRONG, WEAK, EvaluationSet
from routing.evaluation.transfer import gold_of
from routing.files import replace_file
from routing.index import unique_prompts
from routing.kept_embedder import KeptEmbedder
from routing.routers import ROUTERS, Router, router_class

RESULTS = Path(__file__).parent / "results" / "reproduce_routellm.json"
REPORT = RESULTS.with_suffix(".md")
SEEDS = 5
# Routers that read text: one seed, two regimens and a short training, for a CPU.
SLOW = ("bert", "causal")
SLOW_REGIMENS = ("gold-alone", "elobench")
SHORT = {"steps": 300, "check_every": 50}
SHORT_TOKENS = 128
MMLU_ROWS, GSM8K_ROWS = 1500, 800
DRAWS = 500
STORIES = DATA / "stories260k_hf"  # the only causal language model at hand: it knows no facts


@dataclass(frozen=True, eq=False)
class Regimen:
    """What a router learns from, and what it is measured on.

    Attributes:
        gold: how many random rows of each set are gold battles; the set's others are its test.
        elobench: whether it learns from elobench_rwq.
    """

    name: str
    words: str
    starters: bool
    gold: dict[str, int]
    tests: tuple[str, ...]
    elobench: bool = True


class Lesson(NamedTuple):
    """Battles to learn from, tests that they hold nothing of, and how many battles were dropped.

    Attributes:
        similarity: benchmark-dataset similarity by test.
    """

    battles: list[Battle]
    tests: list[EvaluationSet]
    dropped: int
    similarity: dict[str, float]


ALL = ("mt-bench", "mmlu", "gsm8k")
REGIMENS = (
    Regimen("elobench", "elobench_rwq alone", False, {}, ALL),
    Regimen(
        "gold-alone",
        f"{MMLU_ROWS:,} gold rows of MMLU alone",
        False,
        {"mmlu": MMLU_ROWS},
        ALL,
        elobench=False,
    ),
    Regimen("starter-alone", "the starter battles alone", True, {}, ALL, elobench=False),
    Regimen("starter", "elobench_rwq and the starter battles", True, {}, ALL),
    Regimen(
        "mmlu-gold",
        f"both and {MMLU_ROWS:,} gold rows of MMLU; no row of the others",
        True,
        {"mmlu": MMLU_ROWS},
        (*ALL, "loglik"),
    ),
    Regimen(
        "gsm8k-gold",
        f"both and {GSM8K_ROWS:,} gold rows of GSM8K; no row of the others",
        True,
        {"gsm8k": GSM8K_ROWS},
        ALL,
    ),
    Regimen(
        "all-gold",
        f"both, {MMLU_ROWS:,} gold rows of MMLU and {GSM8K_ROWS:,} of GSM8K",
        True,
        {"mmlu": MMLU_ROWS, "gsm8k": GSM8K_ROWS},
        ALL,
    ),
)


def _renamed(battle: Battle) -> Battle:
    """elobench_rwq calls the paper's strong model by its other name."""
    names = {"gpt-4-turbo": STRONG}
    return replace(
        battle,
        model_a=names.get(battle.model_a, battle.model_a),
        model_b=names.get(battle.model_b, battle.model_b),
    )


class Classroom:
    """All battles and tests with their embeddings, and what each regimen makes of them."""

    def __init__(self) -> None:
        self.sets = {each.name: each for each in benchmarks()}
        self.loglik = loglik_sets()
        self.elobench = [_renamed(each) for each in read_battles(ELOBENCH, "elobench_rwq").battles]
        self.starters = list(starter_battles())
        self.reader = SentenceEmbedder()

    @cached_property
    def embedder(self) -> KeptEmbedder:
        """Knows the rows of all prompts."""
        embedder = KeptEmbedder(self.reader, CACHE)
        sets = [each.prompts for each in (*self.sets.values(), *self.loglik)]
        for prompts in (unique_prompts(self.elobench), unique_prompts(self.starters), *sets):
            embedder.keep(embedder.unknown(prompts))
        return embedder

    def digest(self, regimen: Regimen) -> str:
        """Tells one lesson from another: what was learnt from another one is learnt again."""
        read = f"{battles_digest(self._shared(regimen))}\n{regimen.gold}\n{self.reader.name}"
        return hashlib.sha256(read.encode()).hexdigest()[:12]

    def _shared(self, regimen: Regimen) -> list[Battle]:
        """The battles that every seed learns from."""
        return [
            *(self.elobench if regimen.elobench else []),
            *(self.starters if regimen.starters else []),
        ]

    @lru_cache(maxsize=1)  # noqa: B019  # there is one room, and it lasts as long as the program
    def lesson(self, regimen: Regimen, seed: int) -> Lesson:
        """The battles of the regimen without those near a test, and its tests."""
        battles = self._shared(regimen)
        tests = [self.sets[name] for name in regimen.tests if name in self.sets]
        for at, test in enumerate(tests):
            if count := regimen.gold.get(test.name):
                order = np.random.default_rng(seed).permutation(len(test.prompts))
                taught = test.at(order[:count])
                battles += gold_of(taught, (STRONG, WEAK), f"gold {test.name}")
                tests[at] = test.at(np.sort(order[count:]))
        kept, dropped = self._without(battles, tests)
        learnt = self.embedder.embed(unique_prompts(kept))
        nearest = {test.name: self._nearest(test, learnt) for test in tests}
        if "loglik" in regimen.tests:  # the same questions as those of the gold battles
            found = self._nearest(self.loglik[0], learnt) if self.loglik else np.empty(0)
            for each in self.loglik:
                tests.append(each.at(np.flatnonzero(found < NEAR)))
                nearest[each.name] = found[found < NEAR]
        means = {name: float(found.mean()) for name, found in nearest.items()}
        return Lesson(kept, tests, dropped, means)

    def _nearest(self, test: EvaluationSet, learnt: NDArray[np.float32]) -> Doubles:
        return best_cosines(self.embedder.embed(test.prompts), learnt)

    def _without(
        self, battles: Sequence[Battle], tests: Sequence[EvaluationSet]
    ) -> tuple[list[Battle], int]:
        prompts = unique_prompts(battles)
        vectors = self.embedder.embed(prompts)
        near = np.zeros(len(prompts), dtype=bool)
        for test in tests:
            near |= best_cosines(vectors, self.embedder.embed(test.prompts)) >= NEAR
        gone = {prompt for prompt, is_near in zip(prompts, near, strict=True) if is_near}
        kept = [battle for battle in battles if battle.prompt not in gone]
        return kept, len(battles) - len(kept)


def untrained(name: str, seed: int, embedder: KeptEmbedder) -> Router:
    """The router of that name with that seed, where it has one."""
    kind: Any = router_class(name)
    options: dict[str, Any] = {}
    if schedule := getattr(kind, "default_schedule", None):
        options["schedule"] = replace(schedule, seed=seed, **(SHORT if name in SLOW else {}))
    if name == "ridge":
        options["seed"] = seed
    if name in SLOW:
        options["tokens"] = SHORT_TOKENS
    if name == "causal":
        options["base"] = str(STORIES)
    router: Router = kind(embedder, STRONG, WEAK, **options)
    return router


class Yardstick:
    """What random routing gives on each test, drawn once for each."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, ...], Chance] = {}

    def measured(self, router: Router, test: EvaluationSet, seed: int) -> dict[str, float]:
        """What one router does on one test, as JSON keeps it."""
        pair = (test.models[0], test.models[1])
        grades = test.grades(*pair)
        key = (test.name, *test.prompts)
        if key not in self._drawn:
            self._drawn[key] = chance(grades, DRAWS)
        random = self._drawn[key]
        found = curve(router.for_pair(*pair).win_probability(test.prompts), grades, seed)
        costs = [test.mean_cost(model) for model in pair]
        half = saving(found.cpt(0.5), float(random.cpt50.mean()), *costs)
        most = saving(found.cpt(0.8), float(random.cpt80.mean()), *costs)
        return {
            "prompts": len(test.prompts),
            "apgr": found.apgr,
            "cpt50": 100 * found.cpt(0.5),
            "cpt80": 100 * found.cpt(0.8),
            "z": random.z(found.apgr),
            "calls50": half.calls,
            "calls80": most.calls,
            "price50": half.price,
            "price80": most.price,
        }


def learn(
    room: Classroom, yardstick: Yardstick, name: str, regimen: Regimen, seed: int
) -> dict[str, Any]:
    """Train one router and measure it on every test of the regimen."""
    lesson = room.lesson(regimen, seed)
    start = time.process_time()
    router = untrained(name, seed, room.embedder).fit(lesson.battles)
    trained = time.process_time() - start
    return {
        "data": room.digest(regimen),
        "battles": len(lesson.battles),
        "dropped": lesson.dropped,
        "train_cpu_s": round(trained, 1),
        "tests": {
            test.name: {
                **yardstick.measured(router, test, seed),
                "similarity": lesson.similarity[test.name],
            }
            for test in lesson.tests
        },
    }


def plan(names: Sequence[str], seeds: int) -> list[tuple[Regimen, str, int]]:
    """Every training that belongs to the tables, the quick ones first."""
    quick = [name for name in names if name not in SLOW]
    slow = [name for name in names if name in SLOW]
    by_name = {regimen.name: regimen for regimen in REGIMENS}
    regimens = sorted(REGIMENS, key=lambda regimen: not regimen.gold)  # the goals are about gold
    return [
        *(
            (of, name, seed)
            for seed in range(seeds)
            for of in regimens
            for name in quick
            if seed == 0 or of.gold or _is_random(name)
        ),
        *((by_name[of], name, 0) for of in SLOW_REGIMENS for name in slow),
    ]


def _is_random(name: str) -> bool:
    """Another seed gives another router of the same battles."""
    return name == "ridge" or hasattr(router_class(name), "default_schedule")


def main() -> None:
    """Train and measure what is missing, keep it, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [name for name in ROUTERS if name != "chance"]
    parser.add_argument("--routers", default=",".join(names), metavar="A,B")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--fresh", action="store_true", help="forget what is kept")
    parser.add_argument("--report", action="store_true", help="train nothing")
    options = parser.parse_args()
    kept = {} if options.fresh or not RESULTS.exists() else json.loads(RESULTS.read_text())
    if not options.report:
        _run(kept, options.routers.split(","), options.seeds)
    text = report(kept, {each.name: each.words for each in REGIMENS})
    REPORT.write_text(text)
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def _run(kept: dict[str, Any], names: Sequence[str], seeds: int) -> None:
    if not (DATA / "routellm").is_dir():
        print("LLMROUTE_DATA names no folder with routellm/: nothing to train on", file=sys.stderr)
        return
    room, yardstick = Classroom(), Yardstick()
    digests = {regimen.name: room.digest(regimen) for regimen in REGIMENS}
    for key in [key for key, each in kept.items() if each["data"] != digests[key.split()[0]]]:
        del kept[key]
    missing = [each for each in plan(names, seeds) if _key(*each) not in kept]
    for at, (regimen, name, seed) in enumerate(missing, start=1):
        print(f"{at} of {len(missing)}: {_key(regimen, name, seed)}", file=sys.stderr, flush=True)
        kept[_key(regimen, name, seed)] = learn(room, yardstick, name, regimen, seed)
        RESULTS.parent.mkdir(exist_ok=True)
        replace_file(RESULTS, (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())


def _key(regimen: Regimen, name: str, seed: int) -> str:
    return f"{regimen.name} {name} {seed}"


if __name__ == "__main__":
    main()
