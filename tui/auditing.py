"""What the audit's command and its screen share: which model, which questions, what is kept."""

from __future__ import annotations

import difflib
import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from audit.hub import HUB_IDS
from audit.planted import PLANTED, planted_model, planted_questions
from routing.models import Model, nearest_names, price_of, provider_of
from tui.audit_notes import report_files, reports_folder
from tui.errors import UsageError
from tui.program import Program

if TYPE_CHECKING:
    from audit.battery import Battery
    from audit.questions import QuestionSet
    from audit.report import Report
    from audit.run import Run
    from audit.scorers import Scorer
    from audit.scorers.endpoint import EndpointScorer
    from audit.scorers.local import LocalScorer

LIST_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Weights:
    """A model to run on this machine.

    Attributes:
        source: its folder, or its id on the hub.
        name: how reports call it.
    """

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
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


def resolve(program: Program, name: str) -> Weights | Model:
    """The model of that name: planted, a folder, a URL, one of the person's, or well known.

    Raises:
        UsageError: it is none of these; the nearest names are given.
    """
    if program.api_base:  # what a server calls its model may be the name of a folder here
        return program.model(name)
    if name.startswith(("http://", "https://")):
        return _only_model_at(name)
    folder = Path(name.removeprefix("local/")).expanduser()
    if name in PLANTED:
        return Weights(str(planted_model(name)), name)
    if folder.exists():
        return Weights(str(folder), name)
    if _is_connected(program, name):
        return _connected(program, name)
    bare = name.removeprefix("local/")
    source = HUB_IDS.get(bare.lower(), bare)
    if "/" in source:
        return Weights(source, name)
    raise UsageError(
        f"No model is called {name!r}: it is no folder, none of your models and not well known.",
        hint=f"Did you mean {' or '.join(_nearest(program, name))}? A hub id has the form "
        "owner/name; llmroute models add NAME --api-base URL connects a server.",
    )


@contextmanager
def opened(program: Program, wanted: Wanted) -> Iterator[Run]:
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
        UsageError: the set was not pulled yet.
        DataError: they are malformed, or not there.
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
    return read(Path(data).expanduser())


def pulled_folder(program: Program) -> Path:
    """Where pulled question sets are kept."""
    return program.paths.audits / "data"


def keep(program: Program, report: Report) -> Path:
    """The file that now holds the report, among those that `kept_reports` finds."""
    from audit.report import to_json

    name = re.sub(r"[^\w.-]+", "_", report.model).strip("._")[-60:]
    stamp = re.sub(r"\D", "", report.created)[:14]
    folder = reports_folder(program.paths.audits)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{stamp}-{name}.json"
    file.write_text(to_json(report), encoding="utf-8")
    return file


def kept_reports(program: Program) -> list[Path]:
    """The files of the reports kept so far, the newest first."""
    return report_files(program.paths.audits)


def find_report(program: Program, name: str) -> Path:
    """A report by its file, or the newest one kept of the model of that name.

    Raises:
        UsageError: there is none.
    """
    from audit.report import from_json

    if Path(name).expanduser().exists():
        return Path(name).expanduser()
    for file in kept_reports(program):
        if file.stem == name or from_json(file).model == name:
            return file
    raise UsageError(
        f"{name} is no file, and no report of a model of that name is kept.",
        hint="llmroute audit list shows those kept.",
    )


def now() -> str:
    """The time as reports bear it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_connected(program: Program, name: str) -> bool:
    """Whether the person set the model up, or litellm knows who serves it."""
    settings = program.settings
    if name in {*settings.models, *settings.pool_names}:
        return True
    known = provider_of(program.model(name)) not in {"", "local"}
    return known and name.lower() not in HUB_IDS


def _connected(program: Program, name: str) -> Model:
    if provider_of(program.model(name)) == "demo":
        raise UsageError(
            f"{name} is a built-in stand-in that answers the same whatever it is asked.",
            hint="Audit demo/biased or demo/balanced to see what a report looks like.",
        )
    return program.model(name)


def _only_model_at(url: str) -> Model:
    """The one model that the server at that URL lists.

    Raises:
        UsageError: it lists none, or several.
    """
    base = url.rstrip("/")
    try:
        with urllib.request.urlopen(f"{base}/models", timeout=LIST_SECONDS) as answer:
            listed = [model["id"] for model in json.load(answer)["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{base}/models does not list the server's models: {error}",
            hint=f"Name the model: --model NAME --api-base {base}",
        ) from error
    if len(listed) != 1:
        raise UsageError(
            f"The server at {base} has {len(listed)} models.",
            hint=f"Name one with --model NAME --api-base {base}: {', '.join(listed[:10])}",
        )
    return Model(listed[0], api_base=base)


def _nearest(program: Program, name: str) -> list[str]:
    own = [*PLANTED, *HUB_IDS, *program.settings.models]
    near = difflib.get_close_matches(name.lower(), own, n=3, cutoff=0.5)
    return near or nearest_names(name) or ["demo/biased"]


def _scorer(program: Program, found: Weights | Model, wanted: Wanted) -> Scorer:
    if isinstance(found, Weights):
        return _local_scorer(found, wanted)
    return _endpoint_scorer(program, found, wanted.max_cost)


def _local_scorer(weights: Weights, wanted: Wanted) -> LocalScorer:
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


def _battery(questions: QuestionSet, wanted: Wanted, scorer: Scorer) -> Battery:
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
        UsageError: its tokenizer is not at hand, or has too few.
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
