"""An audit made ready to run: its model, its questions, and the scores that are kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from audit.planted import PLANTED, planted_questions
from routing.models import Model, price_of
from tui.audits.models import Weights, resolve
from tui.errors import UsageError
from tui.program import Program

if TYPE_CHECKING:
    from audit.battery import Battery
    from audit.questions import QuestionSet
    from audit.run import Run
    from audit.scorers import Scorer
    from audit.scorers.endpoint import EndpointScorer
    from audit.scorers.local import LocalScorer


@dataclass(frozen=True, slots=True)
class WantedAudit:
    """An audit as it was asked for.

    Attributes:
        data: a file or folder of questions, or a pulled set's name; None for the shipped set, or
            the planted models' own.
        max_cost: US dollars.
        fresh: kept scores are not used.
        auto_symbols: symbols that are one token each in place of the rare ones.
        device, dtype: of a local model; "" for the usual ones.
    """

    model: str
    battery: str = "quick"
    data: str | None = None
    max_samples: int | None = None
    max_cost: float | None = None
    seed: int = 0
    fresh: bool = False
    auto_symbols: bool = False
    device: str = ""
    dtype: str = ""


@contextmanager
def opened(program: Program, wanted: WantedAudit) -> Iterator[Run]:
    """The audit that is wanted, ready to run; its scores are kept as they come.

    Raises:
        UsageError: the model or the questions are not to be had by these names.
        AuditError: the model cannot be loaded or reached, the questions are malformed, or another
            run is scoring the same model.
    """
    from audit.run import Afresh, Run
    from audit.store import ScoreStore

    found = resolve(program, wanted.model)
    questions = read_questions(program, wanted.data, found)
    scorer = _scorer(program, found, wanted)
    battery = _battery(questions, wanted, scorer)
    with ScoreStore(program.paths.audits / "scores", scorer.identity) as store:
        kept = Afresh(store) if wanted.fresh else store
        yield Run(battery, scorer, kept, notes=_notes(scorer))


def read_questions(program: Program, data: str | None, found: Weights | Model) -> QuestionSet:
    """The questions to ask.

    Raises:
        UsageError: the set was not pulled yet, or the file is not there.
        DataError: they are malformed.
    """
    from audit.pull import SOURCES
    from audit.question_files import read, shipped

    if data is None:
        is_planted = isinstance(found, Weights) and found.name in PLANTED
        return read(planted_questions()) if is_planted else shipped()
    if data in SOURCES and not Path(data).exists():
        file = pulled_folder(program) / f"{data}.jsonl"
        if not file.exists():
            raise UsageError(
                f"The set {data} is not on this machine.",
                hint=f"Run: llmroute audit data pull {data}",
            )
        return read(file)
    file = Path(data).expanduser()
    if not file.exists():
        raise UsageError(
            f"--data {data}: there is no such file or folder.",
            hint=f"Expected CSV, JSON lines, a folder of them, or one of {', '.join(SOURCES)}.",
        )
    return read(file)


def pulled_folder(program: Program) -> Path:
    """Where pulled question sets are kept."""
    return program.paths.audits / "data"


def _scorer(program: Program, found: Weights | Model, wanted: WantedAudit) -> Scorer:
    if isinstance(found, Weights):
        return _local_scorer(found, wanted)
    return _endpoint_scorer(program, found, wanted.max_cost)


def _local_scorer(weights: Weights, wanted: WantedAudit) -> LocalScorer:
    from audit.scorers.local import load

    return load(weights.source, name=weights.name, device=wanted.device, dtype=wanted.dtype)


def _endpoint_scorer(program: Program, model: Model, max_cost: float | None) -> EndpointScorer:
    from audit.scorers.client import Terms
    from audit.scorers.endpoint import connect
    from routing.cost import cost

    terms = Terms(
        bill=partial(cost, price=price_of(model)),
        key=program.keyring.for_models(model).get(model.name),
        max_cost=max_cost,
        timeout=program.settings.timeout,
    )
    return connect(model, terms)


def _battery(questions: QuestionSet, wanted: WantedAudit, scorer: Scorer) -> Battery:
    from audit.battery import Plan, build
    from audit.perturbations import RARE
    from audit.pull import SOURCES

    source = SOURCES.get(questions.name)
    plan = Plan(
        battery=wanted.battery,
        seed=wanted.seed,
        max_samples=wanted.max_samples,
        home=source.home if source else "symbol",
        rare=_auto_symbols(scorer) if wanted.auto_symbols else RARE,
    )
    try:
        return build(questions, plan)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _auto_symbols(scorer: Scorer) -> tuple[str, ...]:
    """Symbols that are one token each to the model.

    Raises:
        UsageError: its tokenizer is not available, or has too few.
    """
    from audit.scorers.encoding import single_token_symbols
    from audit.scorers.local import LocalScorer
    from audit.variants import LETTERS

    if not isinstance(scorer, LocalScorer):
        raise UsageError(
            "--symbols auto needs the model's tokenizer, which only a local model has."
        )
    try:
        return single_token_symbols(scorer.tokenizer, len(LETTERS))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _notes(scorer: Scorer) -> tuple[str, ...]:
    """How it is measured, where that is not the best way there is."""
    from audit.scorers.local import LocalScorer

    notes: tuple[str, ...] = getattr(scorer, "notes", ())
    if isinstance(scorer, LocalScorer) and not scorer.packed:
        notes = (*notes, "the model takes no packed rows, so it was read in plain batches")
    if scorer.identity.dtype in {"bfloat16", "float16"}:
        notes = (*notes, f"scores are in {scorer.identity.dtype}, which moves single answers")
    return notes
