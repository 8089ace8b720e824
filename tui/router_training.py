"""Training a router from the command line: its battles, settings and folder."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.battle_remarks import tell_rejected
from tui.errors import UsageError

if TYPE_CHECKING:
    from routing.arrays import Floats
    from routing.battles import Battle
    from routing.embeddings import Embedder
    from routing.kept_embedder import KeptEmbedder
    from routing.routers.trained import TrainedRouter, Training
    from tui.program import Program
    from tui.progress import Follow

VECTORS = "training"


@dataclass(frozen=True, slots=True)
class WantedTraining:
    """A training as the command line asks for it; None for what the router has by default.

    Attributes:
        battles: names of sets, or files; none for every set there is.
        out: the checkpoint's folder; None for the one that the chat reads.
    """

    router: str
    battles: Sequence[str] = ()
    seed: int = 0
    epochs: float | None = None
    steps: int | None = None
    learning_rate: float | None = None
    base: str | None = None
    rank: int | None = None
    device: str | None = None
    out: Path | None = None


def started(program: Program, wanted: WantedTraining, follow: Follow) -> tuple[Training, Path]:
    """The training, ready for its first step, and the folder of its checkpoint.

    Raises:
        RoutingError: battles cannot be read or embedded.
        UsageError: the router needs no training, or has no such setting.
    """
    from routing.checkpoints import check_replaceable, checkpoint_folder
    from routing.embeddings import SentenceEmbedder
    from routing.kept_embedder import KeptEmbedder

    if wanted.out:
        check_replaceable(wanted.out)
    folder = program.paths.router
    battles = chosen_battles(folder, wanted.battles)
    embedder = KeptEmbedder(SentenceEmbedder(program.settings.embedder), folder / VECTORS)
    router = untrained(wanted, embedder, _pair(program, battles))
    vectors = None
    if router.reads_vectors:
        vectors = _vectors(battles, embedder, folder, follow)
    target = wanted.out or checkpoint_folder(folder, wanted.router)
    return router.train_into(target, battles, vectors), target


def chosen_battles(folder: Path, names: Sequence[str]) -> list[Battle]:
    """The battles of the named sets and files, of every set where none is named.

    Rows of a file that are none are told on stderr.

    Raises:
        DataError: a file is malformed.
        UsageError: a name is neither a set nor a file.
    """
    from routing.battle_files import read_battles
    from routing.library import read_sets

    sets = read_sets(folder)
    battles: list[Battle] = []
    for name in names or sets:
        if name in sets:
            battles.extend(sets[name])
        elif Path(name).is_file():
            found = read_battles(Path(name))
            tell_rejected(found.rejected, name)
            battles.extend(found.battles)
        else:
            raise UsageError(
                f"--battles {name}: neither a set nor a file",
                hint=f"The sets are: {', '.join(sets)}.",
            )
    return battles


def untrained(
    wanted: WantedTraining, embedder: Embedder, pair: tuple[str, str] | tuple[()] = ()
) -> TrainedRouter:
    """The router with its settings, to be trained for that pair where one is given.

    Raises:
        UsageError: there is no such router, it needs no training, or has no such setting.
    """
    from routing.routers import ROUTERS, TRAINED, router_class

    name = wanted.router
    if name not in TRAINED:
        state = "needs no training" if name in ROUTERS else "is no router"
        raise UsageError(f"{name} {state}.", hint=f"Those to train: {', '.join(TRAINED)}.")
    kind: Any = router_class(name)
    given = {"base": wanted.base, "rank": wanted.rank, "device": wanted.device}
    settings = {key: value for key, value in given.items() if value is not None}
    unknown = [key for key in settings if key not in inspect.signature(kind).parameters]
    if unknown:
        flag = {"rank": "lora-rank"}.get(unknown[0], unknown[0])
        raise UsageError(f"The {name} router has no --{flag}.")
    schedule = replace(kind.default_schedule, seed=wanted.seed)
    if wanted.epochs is not None:
        schedule = replace(schedule, epochs=wanted.epochs, steps=0)
    if wanted.steps is not None:
        schedule = replace(schedule, steps=wanted.steps)
    if wanted.learning_rate is not None:
        schedule = replace(schedule, learning_rate=wanted.learning_rate)
    router: TrainedRouter = kind(embedder, *pair, schedule=schedule, **settings)
    return router


def _pair(program: Program, battles: Sequence[Battle]) -> tuple[str, str] | tuple[()]:
    """The user's pair, where the battles name both of its models."""
    settings = program.settings
    known = {name for battle in battles for name in (battle.model_a, battle.model_b)}
    if settings.strong in known and settings.weak in known:
        assert settings.strong is not None
        assert settings.weak is not None
        return settings.strong, settings.weak
    return ()


def _vectors(
    battles: Sequence[Battle],
    embedder: KeptEmbedder,
    folder: Path,
    follow: Follow,
) -> Floats:
    """Unit rows of the battles' prompts; new ones are embedded and kept."""
    from routing.index import unique_prompts
    from routing.neighbours import embed_unknown, known_rows

    known = known_rows(embedder, folder)
    unknown = [prompt for prompt in unique_prompts(battles) if prompt not in known]
    if unknown:
        embedder.keep(unknown, follow("Embedding prompts", len(unknown)))
    return embed_unknown(embedder, battles, known).vectors
