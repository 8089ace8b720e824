"""The reproduction as Markdown: our numbers beside those that the RouteLLM paper prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.datasets import benchmarks
from bench.loglik_sets import loglik_sets
from routing.evaluation.curves import Interval, chance, oracle, saving

Kept = Mapping[str, Any]


class Row(NamedTuple):
    """CPT(50 %) and CPT(80 %) in %, and APGR."""

    cpt50: float
    cpt80: float
    apgr: float


# Tables 1 to 3 of arXiv 2406.18665: set -> training data -> router -> row.
PAPER = {
    "mt-bench": {
        "arena": {
            "bert": Row(78.09, 87.64, 0.391),
            "causal": Row(28.82, 77.53, 0.573),
            "factorization": Row(25.32, 74.26, 0.580),
            "similarity": Row(37.85, 58.99, 0.610),
        },
        "arena and judge": {
            "bert": Row(19.58, 34.02, 0.751),
            "causal": Row(31.50, 48.75, 0.679),
            "factorization": Row(13.40, 31.31, 0.802),
            "similarity": Row(23.21, 36.04, 0.759),
        },
    },
    "mmlu": {
        "arena": {
            "bert": Row(49.43, 77.80, 0.502),
            "causal": Row(48.88, 77.93, 0.499),
            "factorization": Row(45.00, 76.86, 0.524),
            "similarity": Row(55.82, 80.25, 0.473),
        },
        "arena and gold": {
            "bert": Row(41.30, 72.20, 0.572),
            "causal": Row(35.49, 70.31, 0.600),
            "factorization": Row(35.46, 71.40, 0.597),
            "similarity": Row(35.40, 71.55, 0.603),
        },
    },
    "gsm8k": {
        "arena": {
            "bert": Row(58.78, 83.84, 0.438),
            "causal": Row(56.09, 83.56, 0.461),
            "factorization": Row(53.59, 85.24, 0.475),
            "similarity": Row(54.43, 82.11, 0.475),
        },
        "arena and judge": {
            "bert": Row(44.76, 79.09, 0.531),
            "causal": Row(33.64, 63.26, 0.622),
            "factorization": Row(38.82, 72.62, 0.565),
            "similarity": Row(41.21, 72.20, 0.568),
        },
    },
}
# CPT(50 %) and CPT(80 %) of random routing in the same tables.
PAPER_CHANCE = {"mt-bench": (49.03, 78.08), "mmlu": (50.07, 79.93), "gsm8k": (50.00, 80.08)}
PAPER_SAVINGS = {"mt-bench": (3.66, 2.49), "mmlu": (1.41, 1.14), "gsm8k": (1.49, 1.27)}
# Claude 3 Opus against Llama 3 8B on MT-Bench, trained with judge data for another pair.
PAPER_TRANSFER = {"bert": 0.618, "causal": 0.625, "factorization": 0.703, "similarity": 0.667}
# The training data that holds gold rows of every other set, and the one that holds its own too.
WITHOUT = {"mt-bench": "all-gold", "mmlu": "gsm8k-gold", "gsm8k": "mmlu-gold"}
WITH = {"mmlu": "all-gold", "gsm8k": "all-gold"}
TITLES = {"mt-bench": "MT-Bench", "mmlu": "MMLU", "gsm8k": "GSM8K"}
# Our training data beside the paper's of the same kind.
COUNTERPARTS = {
    ("mt-bench", "elobench"): "arena",
    ("mt-bench", "starter"): "arena and judge",
    ("mmlu", "elobench"): "arena",
    ("mmlu", "mmlu-gold"): "arena and gold",
    ("gsm8k", "elobench"): "arena",
    ("gsm8k", "gsm8k-gold"): "arena and judge",
}
DIFFERENCES = """\
What differs from the paper, and why numbers are beside each other rather than equal:

- Embeddings are of all-MiniLM-L6-v2 (384 numbers, local, of a long prompt's first 96 tokens and its
  last 32), not of text-embedding-3-small (1,536).
- Battles are those of elobench_rwq (53,468, decided by GPT-4 turbo), not the 55,000 to 100,000 of
  people in the arena; the paper's judge data (120,000) is not public in this form. In its place
  stand the starter battles on MT-Bench and gold rows of GSM8K on GSM8K.
- Gold rows of MMLU are drawn from the test split, whose other rows are the test; the paper took the
  validation split.
- `ridge`, the default router, is none of the paper's: kernel ridge regression over the battles that
  concern the pair, on the last and a middle layer of the embedder and the surface of a prompt. To
  it alone a gold row that both models miss is not the same tie as one that both get right, and a
  win over a reply that a judge graded 3 of 5 is less than one over a reply graded 1. The starter
  battles have such grades but for their multiple-choice questions, which are right or wrong.
- `bert` starts from the MiniLM encoder (22 million parameters), not from BERT-base; `causal` from a
  model of 260,000 parameters that tells stories, not from Llama 3 8B: it shows that the code runs,
  not what such a router is worth. Both read 128 tokens and are trained once, for 300 steps (the
  paper: 2,000).
- GPT-4 turbo in elobench_rwq counts as gpt-4-1106-preview, and Mixtral has gold battles alone.
  `similarity` has gamma 500 instead of 10, and a tier more where these two would share one.
- Numbers are means over seeds (and over random splits, where there is gold), with their standard
  deviation; z is against random routing of the same prompts.
"""


def report(kept: Kept, regimens: Mapping[str, str]) -> str:
    """All tables; `regimens` says in words what each training data is."""
    parts = ["# RouteLLM's tables, rebuilt", "", DIFFERENCES, *_data(), *_paper_savings()]
    found = _by_test(kept)
    for test, title in TITLES.items():
        parts += [f"## {title}", "", *_table(test, found[test], regimens)]
    parts += [*_left_out(found), *_transfer(found)]
    return "\n".join(parts) + "\n"


def _data() -> list[str]:
    """Chance and oracle on the sets as they are, before any row is taken as gold."""
    lines = [
        "## The sets, and what needs no router",
        "",
        "| set | prompts | strong | weak | chance CPT50 / CPT80 / APGR (sd of a run) "
        "| paper's chance | oracle CPT50 / CPT80 / APGR |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in [*benchmarks(), *loglik_sets()]:
        grades = each.grades(each.models[0], each.models[1])
        random, best = chance(grades, 10_000 if len(grades) < 1000 else 2000), oracle(grades)
        low, high = Interval.of(random.apgr)
        theirs = " / ".join(f"{cpt:.2f}" for cpt in PAPER_CHANCE.get(each.name, ()))
        lines.append(
            f"| {each.name} | {len(grades):,} | {grades.strong.mean():.3f} "
            f"| {grades.weak.mean():.3f} | {100 * random.cpt50.mean():.1f} / "
            f"{100 * random.cpt80.mean():.1f} / {random.apgr.mean():.3f} "
            f"({random.deviation:.3f}; 95 % {low:.2f} to {high:.2f}) | {theirs} "
            f"| {100 * best.cpt(0.5):.2f} / {100 * best.cpt(0.8):.2f} / {best.apgr:.3f} |"
        )
    return [*lines, ""]


def _paper_savings() -> list[str]:
    """The paper's cost savings follow from its own tables: chance's CPT over the best router's."""
    lines = [
        "## The paper's cost savings, from its own tables",
        "",
        "| set | CPT50: chance / best | ratio | paper | CPT80: chance / best | ratio | paper |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, random in PAPER_CHANCE.items():
        rows = [row for routers in PAPER[name].values() for row in routers.values()]
        best = (min(row.cpt50 for row in rows), min(row.cpt80 for row in rows))
        cells = [
            f"{theirs:.2f} / {least:.2f} | {saving(least, theirs).calls:.2f}x | {printed:.2f}x"
            for theirs, least, printed in zip(random, best, PAPER_SAVINGS[name], strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


Found = dict[str, dict[tuple[str, str], list[dict[str, Any]]]]


def _by_test(kept: Kept) -> Found:
    """Test -> (regimen, router) -> what each seed gave."""
    found: Found = defaultdict(lambda: defaultdict(list))
    for key, lesson in kept.items():
        regimen, router, _ = key.split(" ")
        for test, numbers in lesson["tests"].items():
            found[test][regimen, router].append(numbers | {"dropped": lesson["dropped"]})
    return found


def _table(
    test: str,
    rows: Mapping[tuple[str, str], list[dict[str, Any]]],
    regimens: Mapping[str, str],
) -> list[str]:
    lines: list[str] = []
    for regimen, words in regimens.items():
        routers = {name: seeds for (of, name), seeds in rows.items() if of == regimen}
        if not routers:
            continue
        kind = COUNTERPARTS.get((test, regimen))
        first = next(iter(routers.values()))[0]
        dropped = sorted({each["dropped"] for seeds in routers.values() for each in seeds})
        span = f"{dropped[0]:,}" if len(dropped) == 1 else f"{dropped[0]:,} to {dropped[-1]:,}"
        lines += [
            f"Trained on {words} ({first['prompts']:,} prompts tested; {span} battles dropped as "
            f"too near to a test; benchmark-dataset similarity {first['similarity']:.3f}):",
            "",
            "| router | seeds | CPT50 | CPT80 | APGR | z | fewer calls 50 / 80 | cheaper 50 / 80 "
            f"| paper: {kind or 'no such row'} |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        ordered = sorted(routers.items(), key=lambda each: -_mean(each[1], "apgr"))
        lines += [
            _row(name, seeds, PAPER[test][kind].get(name) if kind else None)
            for name, seeds in ordered
        ]
        lines.append("")
    return lines


def _row(name: str, seeds: Sequence[Mapping[str, Any]], paper: Row | None) -> str:
    theirs = f"{paper.cpt50:.2f} / {paper.cpt80:.2f} / {paper.apgr:.3f}" if paper else ""
    ratios = " | ".join(
        f"{_mean(seeds, f'{kind}50'):.2f}x / {_mean(seeds, f'{kind}80'):.2f}x"
        for kind in ("calls", "price")
    )
    return (
        f"| {name} | {len(seeds)} | {_mean(seeds, 'cpt50'):.1f} | {_mean(seeds, 'cpt80'):.1f} "
        f"| {_apgr(seeds)} | {_mean(seeds, 'z'):+.1f} | {ratios} | {theirs} |"
    )


def _left_out(found: Found) -> list[str]:
    """Each set by routers that saw rows of all others and none of it, then by those that did."""
    columns = [(test, of, f"{TITLES[test]}, nothing of it") for test, of in WITHOUT.items()]
    columns += [(test, of, f"{TITLES[test]}, with its rows") for test, of in WITH.items()]
    names = dict.fromkeys(
        name for test, of, _ in columns for (regimen, name) in found[test] if regimen == of
    )
    if not names:
        return []
    lines = [
        "## Leaving a data set out",
        "",
        "Trained on elobench_rwq, the starter battles and gold rows of every other set: APGR (z).",
        "",
        f"| router | {' | '.join(words for _, _, words in columns)} |",
        "|---|" + "---|" * len(columns),
    ]
    for name in names:
        cells = [_cell(found[test].get((of, name), [])) for test, of, _ in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _transfer(found: Found) -> list[str]:
    pairs = [test for test in found if " against " in test]
    if not pairs:
        return []
    lines = [
        "## Pairs that no router was trained for",
        "",
        "Trained on battles of other models with gold rows of GPT-4 and Mixtral, tested on MMLU "
        "answered by other models (questions that are near a battle are left out). The paper's "
        "column is Claude 3 Opus against Llama 3 8B on MT-Bench: another pair, another set.",
        "",
        f"| router | {' | '.join(f'{pair}: APGR (z)' for pair in pairs)} | paper |",
        "|---|" + "---|" * (len(pairs) + 1),
    ]
    names = dict.fromkeys(name for pair in pairs for _, name in found[pair])
    for name in names:
        cells = [
            _cell(next((each for (_, of), each in found[pair].items() if of == name), []))
            for pair in pairs
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {PAPER_TRANSFER.get(name, '')} |")
    return [*lines, ""]


def _cell(seeds: Sequence[Mapping[str, Any]]) -> str:
    return f"{_apgr(seeds)} ({_mean(seeds, 'z'):+.1f})" if seeds else ""


def _apgr(seeds: Sequence[Mapping[str, Any]]) -> str:
    """The mean, and where there are several seeds their standard deviation."""
    apgr = [each["apgr"] for each in seeds]
    spread = f" ± {np.std(apgr, ddof=1):.3f}" if len(apgr) > 1 else ""
    return f"{np.mean(apgr):.3f}{spread}"


def _mean(seeds: Sequence[Mapping[str, Any]], field: str) -> float:
    return float(np.mean([each[field] for each in seeds]))
