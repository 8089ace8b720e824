"""The person's routers, as they are used, on a set of graded prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import UsageError

if TYPE_CHECKING:
    from routing.comparison import Comparison
    from routing.evaluation_sets import EvaluationSet
    from routing.routers import Router
    from tui.program import Program

DATA_VARIABLE = "LLMROUTE_DATA"
VECTORS = "evaluation"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to evaluate; no router for the one in use, no model for the pair that fits the set."""

    set_name: str
    routers: Sequence[str] = ()
    strong: str | None = None
    weak: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was found.

    Attributes:
        similarity: mean over the set's prompts of the cosine to the nearest battle.
        left_out: prompts of the set that the battles hold.
        remarks: what else to know of it, a sentence each.
    """

    comparison: Comparison
    similarity: float
    left_out: int
    remarks: tuple[str, ...]


# Hears of what is being done, how much of it there is, and each part of it that is done.
Follow = Callable[[str, int], Callable[[int], None]]


def evaluate(program: Program, wanted: Wanted, follow: Follow) -> Evaluated:
    """Measure the routers.

    Raises:
        RoutingError: the set or a router cannot be read, or the set lacks a model.
        UsageError: a router is named twice.
    """
    from routing.comparison import compare
    from routing.embeddings import KeptEmbedder, SentenceEmbedder
    from routing.evaluation_sets import read_set, unseen
    from routing.library import open_routers
    from routing.neighbours import open_index

    names = wanted.routers or [program.settings.router]
    if len(set(names)) < len(names):
        raise UsageError(f"--router {','.join(names)}: a router is named twice")
    evaluation = read_set(wanted.set_name, _data(program))
    pair = chosen_pair(evaluation, wanted, program)
    folder = program.paths.router
    embedder = KeptEmbedder(SentenceEmbedder(program.settings.embedder), folder / VECTORS)
    opened = open_routers(names, folder, embedder)
    vectors = embedder.keep(
        evaluation.prompts, follow("Embedding the set's prompts", len(evaluation.prompts))
    )
    index = open_index(embedder, opened.battles, folder)  # held: its vectors are its own memory
    clean = unseen(evaluation, vectors, index.vectors())
    routers = {name: router.for_pair(*pair) for name, router in opened.routers.items()}
    tell = follow("Asking the routers", len(routers))
    chances = {}
    for name, router in routers.items():
        chances[name] = router.win_probability(clean.evaluation.prompts)
        tell(1)
    comparison = compare(clean.evaluation, pair, chances, seed=wanted.seed)
    remarks = tuple(_stood_in(name, router) for name, router in routers.items())
    return Evaluated(comparison, clean.similarity, clean.left_out, tuple(filter(None, remarks)))


def chosen_pair(evaluation: EvaluationSet, wanted: Wanted, program: Program) -> tuple[str, str]:
    """The strong and the weak model to evaluate: as wanted, else as set, else as the set has them.

    Of the set's own models the strong one is the best and the weak one the cheapest of the others,
    or the worst where costs are not known.
    """
    names = (wanted.strong or program.settings.strong, wanted.weak or program.settings.weak)
    strong, weak = (
        given or (name if name in evaluation.models else None)
        for given, name in zip((wanted.strong, wanted.weak), names, strict=True)
    )
    by_quality = sorted(
        (model for model in evaluation.models if model not in {strong, weak}),
        key=lambda model: -float(evaluation.quality[:, evaluation.column(model)].mean()),
    )
    if strong is None:
        strong = by_quality.pop(0)
    if weak is None:
        by_cost = sorted(reversed(by_quality), key=evaluation.mean_cost)
        weak = by_cost[0] if evaluation.cost is not None else by_quality[-1]
    return strong, weak


def _stood_in(name: str, router: Router) -> str:
    if not router.stand_ins:
        return ""
    models = " and ".join(router.stand_ins)
    return f"{name}: no battle tells of {models}, so that others stand in."


def _data(program: Program) -> Path | None:
    folder = program.environment.get(DATA_VARIABLE)
    return Path(folder).expanduser() if folder else None
