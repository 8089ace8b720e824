"""Evaluation of the user's routers on a set of graded prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tui.errors import UsageError
from tui.model_check import outdone_words

if TYPE_CHECKING:
    from routing.arrays import Doubles
    from routing.battles import Battle
    from routing.evaluation.comparison import Comparison
    from routing.evaluation.frontier import PoolComparison
    from routing.evaluation.sets import EvaluationSet, Unseen
    from routing.evaluation.transfer import Graded
    from routing.kept_embedder import KeptEmbedder
    from routing.library import Opened
    from routing.routers import Router
    from tui.program import Program
    from tui.progress import Follow

DATA_VARIABLE = "LLMROUTE_DATA"
VECTORS = "evaluation"


@dataclass(frozen=True, slots=True)
class WantedEvaluation:
    """What to evaluate; no router means the one in use, no model those that fit the set."""

    set_name: str
    routers: Sequence[str] = ()
    strong: str | None = None
    weak: str | None = None
    pool: Sequence[str] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was found.

    Attributes:
        similarity: mean over the set's prompts of the cosine to the nearest battle.
        left_out: prompts of the set that the battles hold.
        remarks: a sentence each.
    """

    comparison: Comparison | PoolComparison
    similarity: float
    left_out: int
    remarks: tuple[str, ...]


def evaluate(program: Program, wanted: WantedEvaluation, follow: Follow) -> Evaluated:
    """Measure the routers.

    Raises:
        RoutingError: the set or a router cannot be read, or the set lacks a model.
        UsageError: a router is named twice.
    """
    from routing.embeddings import SentenceEmbedder
    from routing.kept_embedder import KeptEmbedder
    from routing.library import open_routers

    names = wanted.routers or [program.settings.router]
    if len(set(names)) < len(names):
        raise UsageError(f"--router {','.join(names)}: a router is named twice")
    evaluation = priced(read_wanted(program, wanted), program)
    models = chosen_models(evaluation, wanted, program)
    folder = program.paths.router
    embedder = KeptEmbedder(SentenceEmbedder(program.settings.embedder), folder / VECTORS)
    opened = open_routers(names, folder, embedder)
    clean = _clean(evaluation, opened, embedder, folder, follow)
    tell = follow("Asking the routers", len(names))
    outdone = _outdone(clean.evaluation, models, opened.battles)
    asked = {}
    for name, router in opened.routers.items():
        asked[name] = _ask(router, models, outdone, clean.evaluation.prompts)
        tell(1)
    chances = {name: answer.win_probabilities for name, answer in asked.items()}
    remarks = (
        *evaluation.notes,
        *_said_once({name: answer.remarks for name, answer in asked.items()}),
        *outdone_words(outdone, models[0]),
        *_elsewhere(opened),
    )
    comparison = _compared(clean.evaluation, models, chances, wanted.seed)
    return Evaluated(comparison, clean.similarity, clean.left_out, remarks)


def _clean(
    evaluation: EvaluationSet,
    opened: Opened,
    embedder: KeptEmbedder,
    folder: Path,
    follow: Follow,
) -> Unseen:
    """The set without the prompts that the battles hold."""
    from routing.evaluation.sets import unseen
    from routing.neighbours import open_index

    tell = follow("Embedding the set's prompts", len(evaluation.prompts))
    vectors = embedder.keep(evaluation.prompts, tell)
    index = open_index(embedder, opened.battles, folder)  # held: its vectors are its own memory
    return unseen(evaluation, vectors, index.vectors())


def _compared(
    evaluation: EvaluationSet, models: Sequence[str], chances: Mapping[str, Doubles], seed: int
) -> Comparison | PoolComparison:
    """The routers' answers, (n, others) each, measured."""
    from routing.evaluation.comparison import compare
    from routing.evaluation.frontier import compare_pool

    if len(models) > 2:
        return compare_pool(evaluation, models, chances, seed=seed)
    columns = {name: table[:, 0] for name, table in chances.items()}
    return compare(evaluation, (models[0], models[1]), columns, seed=seed)


def read_wanted(program: Program, wanted: WantedEvaluation) -> EvaluationSet:
    """The set, of votes those between the wanted pair.

    Raises:
        DataError: it is not there, or malformed.
    """
    from routing.evaluation.sets import read_set

    pair = (wanted.strong, wanted.weak) if wanted.strong and wanted.weak else None
    return read_set(wanted.set_name, _data(program), pair)


def graded_pair(program: Program, set_name: str, strong: str | None, weak: str | None) -> Graded:
    """The set of that name, and the pair to compare on it.

    Raises:
        DataError: it is not there, or malformed, or has no grades of a model.
    """
    from routing.evaluation.transfer import Graded

    wanted = WantedEvaluation(set_name, strong=strong, weak=weak)
    evaluation = read_wanted(program, wanted)
    pair = chosen_pair(evaluation, wanted, program)
    evaluation.grades(*pair)
    return Graded(evaluation, pair)


def priced(evaluation: EvaluationSet, program: Program) -> EvaluationSet:
    """The set with costs by the models' list prices, where it has none and all prices are known."""
    import numpy as np

    from routing.models import blended_price

    if evaluation.cost is not None:
        return evaluation
    prices = [blended_price(program.model(model)) for model in evaluation.models]
    if None not in prices:
        cost = np.tile(np.array(prices, dtype=np.float64), (len(evaluation.prompts), 1))
        note = "The set has no costs: the models' list prices are used."
        return replace(evaluation, cost=cost, notes=(*evaluation.notes, note))
    if len(prices) == 2:
        return evaluation
    unknown = ", ".join(
        model for model, price in zip(evaluation.models, prices, strict=True) if price is None
    )
    note = (
        f"The set has no costs, and the price of {unknown} is unknown: a pair is compared "
        "by strong calls, the best and the worst where none is named."
    )
    return replace(evaluation, notes=(*evaluation.notes, note))


class _Answer(NamedTuple):
    """The strongest model's win probabilities against each other one, (n, others)."""

    win_probabilities: Doubles
    remarks: list[str]


def _outdone(
    evaluation: EvaluationSet, models: Sequence[str], battles: Sequence[Battle]
) -> dict[str, str]:
    """The models that are not worth their price, at the costs of the set."""
    from routing.ladder import Record
    from routing.models import Model
    from routing.worth import outdone

    if evaluation.cost is None:
        return {}
    costs = [evaluation.mean_cost(model) for model in models]
    return outdone([Model(model) for model in models], costs, Record.of(battles))


def _ask(
    router: Router, models: Sequence[str], outdone: Mapping[str, str], prompts: Sequence[str]
) -> _Answer:
    from routing.evaluation.votes import HIGHER, LOWER
    from routing.models import Model, Pool
    from routing.routers.pool import PoolRouter

    seated = PoolRouter(router, Pool(tuple(map(Model, models))), outdone)
    remarks = [
        f"no battle tells {model} apart from others, so that it is judged {prior}."
        for model, prior in seated.priors.items()
        if model not in {HIGHER, LOWER}
    ]
    return _Answer(seated.win_probabilities(prompts), remarks)


def _said_once(remarks: Mapping[str, Sequence[str]]) -> list[str]:
    """Remarks with the routers they apply to; the same remark on several is given once."""
    names: dict[str, list[str]] = {}
    for name, said in remarks.items():
        for remark in said:
            names.setdefault(remark, []).append(name)
    return [f"{', '.join(about)}: {remark}" for remark, about in names.items()]


def _elsewhere(opened: Opened) -> Iterator[str]:
    """A sentence for each router that was trained on other battles than those that are here."""
    from routing.checkpoints import battles_digest

    digest = battles_digest(opened.battles)
    for name, router in opened.routers.items():
        manifest = getattr(router, "manifest_", None)
        if manifest and manifest.digest != digest:
            yield (
                f"{name}: it was trained on {manifest.battles:,} battles that are not those here, "
                "so that prompts of the set may be among them."
            )


def chosen_models(
    evaluation: EvaluationSet, wanted: WantedEvaluation, program: Program
) -> tuple[str, ...]:
    """The models to route among, the strongest first: as wanted, else as set, else the set's.

    Of the set's own models, where it has more than two, the best comes first, the cheaper of two
    alike. The others follow by falling cost; where costs are not known, there are
    the set's best and its worst.

    Raises:
        DataError: the set has no grades of one.
        UsageError: a pool and a pair are wanted, or a pool is none, or the set holds votes and
            not both of a pair are named.
    """
    from routing.evaluation.votes import HIGHER

    if wanted.pool and (wanted.strong or wanted.weak):
        raise UsageError("Give --pool, or --strong and --weak.")
    if wanted.pool and len({*wanted.pool}) < max(2, len(wanted.pool)):
        raise UsageError(f"--pool {','.join(wanted.pool)}: expected two different models or more")
    if HIGHER in evaluation.models and (wanted.pool or wanted.strong or wanted.weak):
        raise UsageError(
            f"{evaluation.name} holds votes, each between two of its models",
            hint="Name two of them: --strong MODEL --weak MODEL.",
        )
    is_pair = wanted.strong or wanted.weak or len(evaluation.models) == 2
    if not wanted.pool and (is_pair or evaluation.cost is None):
        return chosen_pair(evaluation, wanted, program)
    models = list(wanted.pool or program.settings.pool_names)
    if wanted.pool or (models and set(models) <= set(evaluation.models)):
        for model in models:
            evaluation.column(model)
        strongest = models[0]
    else:
        models = list(evaluation.models)
        quality = dict(zip(models, evaluation.quality.mean(axis=0).tolist(), strict=True))
        strongest = max(models, key=lambda model: (quality[model], -evaluation.mean_cost(model)))
    others = sorted(
        (model for model in models if model != strongest),
        key=lambda model: -evaluation.mean_cost(model),
    )
    return (strongest, *others)


def chosen_pair(
    evaluation: EvaluationSet, wanted: WantedEvaluation, program: Program
) -> tuple[str, str]:
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


def _data(program: Program) -> Path | None:
    folder = program.environment.get(DATA_VARIABLE)
    return Path(folder).expanduser() if folder else None
