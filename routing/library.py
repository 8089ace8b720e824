"""A user's battles and the router fitted to them: opening, asking and teaching it.

On disk, below one folder: `battles/NAME.jsonl` for imported sets, `mine.jsonl` for the user's
own battles, `calibration-*.json` for thresholds measured on other prompts than the battles', and
what the router itself keeps (see `routing.index_files`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Self

from routing.battle_files import BattleFile, read_battles, starter_battles, write_battles
from routing.battles import MINE, Battle
from routing.calibrate import Calibration
from routing.checkpoints import checkpoint_folder
from routing.decide import Decision, decide
from routing.embeddings import Embedder, SentenceEmbedder
from routing.errors import DataError, RouterError, RoutingError
from routing.events import EngineOptions
from routing.ladder import Record
from routing.models import Pool, blended_price
from routing.own import OwnBattles
from routing.routers import TRAINED, Router, router_class
from routing.routers.pool import PoolRouter
from routing.worth import outdone

STARTER = "starter"
KEPT = {  # sets that were not imported
    STARTER: "it ships with the program",
    MINE: "llmroute battles mine lists your own battles and forgets one",
}


class Seated(NamedTuple):
    """A router for one pool, and the calibration that gives its thresholds."""

    router: PoolRouter
    calibration: Calibration


class Library:
    """A fitted router and the user's own battles in it. Safe to call from any thread."""

    def __init__(self, folder: Path, name: str, router: Router, battles: Sequence[Battle]) -> None:
        self.folder = folder
        self.name = name
        self.battles = len(battles)
        self._record = Record.of(battles)
        self._router = router
        self._own = OwnBattles(folder)
        self._mine = tuple(battle for battle in battles if battle.battle_id)
        self._seated: dict[Pool, Seated] = {}
        self._lock = Lock()

    @classmethod
    def open(cls, options: EngineOptions) -> Self:
        """The library of that folder, its router fitted or loaded.

        Raises:
            RoutingError: a file is malformed, or the embedder or the router cannot be loaded.
        """
        folder = Path(options.folder)
        embedder = SentenceEmbedder(options.embedder)
        embedder.embed(["hello"])  # loads the model and warms it, so that no decision waits for it
        opened = open_routers([options.router], folder, embedder)
        return cls(folder, options.router, opened.routers[options.router], opened.battles)

    @property
    def mine(self) -> tuple[Battle, ...]:
        """The user's own battles."""
        return self._mine

    def decide(self, prompt: str, pool: Pool, share: float, threshold: float | None) -> Decision:
        """Where the prompt goes at that threshold, or at the one that gives that share.

        Raises:
            RoutingError: the embedder refused the prompt, or the file of own battles is malformed.
        """
        with self._lock:
            self._catch_up()
            router, calibration = self._seat(pool)
            if threshold is None:
                threshold = calibration.threshold(share)
            decision = decide(prompt, router, calibration, threshold)
        return replace(decision, router=self.name)

    def router_for(self, pool: Pool) -> PoolRouter:
        """The router as it decides among that pool."""
        return PoolRouter(self._router, pool, self.outdone(pool))

    def outdone(self, pool: Pool) -> dict[str, str]:
        """The pool's models that are not worth their price, as `routing.worth` finds them."""
        costs = [blended_price(model) for model in pool.models]
        return outdone(pool.models, costs, self._record)

    def threshold(self, pool: Pool, share: float) -> float:
        """The threshold that sends that share of prompts to the pool's strongest model."""
        with self._lock:
            return self._seat(pool).calibration.threshold(share)

    def calibrate(self, pool: Pool, prompts: Sequence[str], *, keep: bool) -> Calibration:
        """A calibration on those prompts, or on the battles' own where there are none.

        `keep` uses it for this pool from now on.

        Raises:
            RoutingError: the embedder refused a prompt.
            DataError: the calibration cannot be written.
        """
        router = self.router_for(pool)
        path = self._calibration_path(pool)
        if not prompts:
            if keep:
                path.unlink(missing_ok=True)
            return router.calibration()
        calibration = Calibration.from_probabilities(router.win_probability(prompts))
        if keep:
            try:
                calibration.save(path)
            except OSError as error:
                raise DataError(f"{path} cannot be written: {error.strerror}") from error
        return calibration

    def learn(self, battle: Battle) -> None:
        """Take one of the user's own battles in, in place of the one of its id if there is one.

        Raises:
            RoutingError: the embedder refused its prompt, or the file cannot be written. Then
                nothing is learnt.
        """
        with self._lock:
            self._catch_up()
            former = next((b for b in self._mine if b.battle_id == battle.battle_id), None)
            self._own.learn(battle)
            try:
                self._catch_up()
            except RoutingError:
                if former is None:
                    self._own.forget(battle.battle_id)
                else:
                    self._own.learn(former)
                raise

    def forget(self, battle_id: str) -> None:
        """Remove one of the user's own battles.

        Raises:
            DataError: there is none of that id, or the file cannot be written.
        """
        with self._lock:
            self._own.forget(battle_id)
            self._catch_up()

    def _catch_up(self) -> None:
        """Sync the router with the user's own battles on disk, whichever process wrote them.

        Thresholds that counted others are void.
        """
        mine = self._own.read()
        if mine is self._mine:
            return
        gone, new = set(self._mine) - set(mine), set(mine) - set(self._mine)
        for battle in gone:
            self._router.forget(battle.battle_id)
        # What the router knows, should the embedder refuse the rest.
        self._mine = tuple(battle for battle in self._mine if battle not in gone)
        if new:
            self._router.add([battle for battle in mine if battle in new])
        self._mine = mine
        self._seated.clear()

    def _seat(self, pool: Pool) -> Seated:
        if pool not in self._seated:
            router = self.router_for(pool)
            path = self._calibration_path(pool)
            kept = Calibration.load(path) if path.exists() else router.calibration()
            self._seated[pool] = Seated(router, kept)
        return self._seated[pool]

    def _calibration_path(self, pool: Pool) -> Path:
        likes = (f"{model.name} like {model.like}" for model in pool.models if model.like)
        names = "\n".join((self.name, *pool.names, *likes))
        # Beside the weights it was measured with, so that it is removed when they are replaced.
        folder = checkpoint_folder(self.folder, self.name) if self.name in TRAINED else self.folder
        return folder / f"calibration-{hashlib.sha256(names.encode()).hexdigest()[:12]}.json"


class Opened(NamedTuple):
    """Fitted routers by name, and the battles around them."""

    routers: dict[str, Router]
    battles: list[Battle]


def open_routers(names: Iterable[str], folder: Path, embedder: Embedder) -> Opened:
    """The routers of those names as they are used, fitted or loaded.

    Raises:
        RoutingError: there is no such router, a file is malformed, or one cannot be loaded.
    """
    try:
        kinds = {name: router_class(name) for name in names}
    except ValueError as error:
        raise RouterError(str(error)) from error
    battles = [battle for battles in read_sets(folder).values() for battle in battles]
    routers = {name: kind.open(embedder, battles, folder) for name, kind in kinds.items()}
    return Opened(routers, battles)


def read_sets(folder: Path) -> dict[str, tuple[Battle, ...]]:
    """Every set of battles by name, the starter battles first and the user's own last.

    Raises:
        DataError: a file is malformed.
    """
    imported = sorted(_sets(folder).glob("*.jsonl"))
    return (
        {STARTER: starter_battles()}
        | {path.stem: _imported(path) for path in imported}
        | {MINE: OwnBattles(folder).read()}
    )


def _imported(path: Path) -> tuple[Battle, ...]:
    try:
        return read_battles(path, path.stem).battles
    except DataError as error:
        error.hint = f"Mend the file, or take the set out: llmroute battles rm {path.stem}"
        raise


def import_set(folder: Path, file: Path, name: str) -> BattleFile:
    """Import a file's battles under that name; return what was read and what was left out.

    Raises:
        DataError: the file has no good row, the name is not one, or is taken.
    """
    check_new(folder, name)
    found = read_battles(file, name)
    keep_set(folder, name, found.battles)
    return found


def shared(folder: Path, name: str) -> dict[str, int]:
    """How many of a set's battles are in other sets too, by set name.

    Raises:
        DataError: a file is malformed.
    """
    sets = {
        of: {(b.prompt, b.model_a, b.model_b, b.winner) for b in battles}
        for of, battles in read_sets(folder).items()
    }
    mine = sets.pop(name)
    return {of: len(mine & battles) for of, battles in sets.items() if mine & battles}


def check_new(folder: Path, name: str) -> None:
    """Check that the name of a set is valid and not taken.

    Raises:
        DataError: it is no name, or is taken.
    """
    if _path(folder, name).exists():
        raise DataError(
            f"a set named {name!r} already exists",
            hint=f"Remove it first (llmroute battles rm {name}), or give --name.",
        )


def keep_set(folder: Path, name: str, battles: Iterable[Battle]) -> None:
    """Store the battles as the set of that name, replacing it.

    Raises:
        DataError: it is no name of a set, or the file cannot be written.
    """
    target = _path(folder, name)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_battles(target, [replace(battle, source=name, battle_id="") for battle in battles])


def remove_set(folder: Path, name: str) -> None:
    """Remove an imported set.

    Raises:
        DataError: there is none of that name, or it is not an imported one.
    """
    if name in KEPT:
        raise DataError(f"{name!r} is not an imported set: {KEPT[name]}")
    try:
        _path(folder, name).unlink()
    except FileNotFoundError as error:
        known = ", ".join(sorted(path.stem for path in _sets(folder).glob("*.jsonl"))) or "none"
        raise DataError(f"no imported set is named {name!r}; there are: {known}") from error


def _sets(folder: Path) -> Path:
    return folder / "battles"


def _path(folder: Path, name: str) -> Path:
    if not re.fullmatch(r"[\w.-]{1,64}", name) or name in KEPT:
        raise DataError(
            f"{name!r} cannot name a set: expected letters, digits, '.', '-' and '_', "
            f"and neither {STARTER} nor {MINE}",
            hint="Give it another: --name NAME.",
        )
    return _sets(folder) / f"{name}.jsonl"
