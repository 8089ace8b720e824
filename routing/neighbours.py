"""The battles nearest to a prompt, which explain a decision of any router."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from routing.arrays import Floats
from routing.battles import MINE, Battle
from routing.decide import Neighbour
from routing.embeddings import Embedder, Reading, read_unknown
from routing.errors import DataError, RouterError
from routing.index import BattleIndex, unique_prompts
from routing.index_files import load_index, save_index

INDEX_FILE = "battles.index"
STARTER_INDEX = "starter_battles.index"
MANY = 200  # prompts, which take a second or more to embed

logger = logging.getLogger(__name__)


def open_index(embedder: Embedder, battles: Sequence[Battle], folder: Path) -> BattleIndex:
    """The index of these battles, kept in the folder where that can be written.

    Only prompts that neither the kept index nor the shipped one knows are embedded. An index that
    cannot be read, or is of another embedder, is rebuilt; the log says so, as it does of many
    prompts to embed, for that can take minutes.

    Raises:
        EmbeddingError: the embedder refused.
        RouterError: there are no battles.
    """
    check_any(battles)
    path = folder / INDEX_FILE
    kept = _load(path, embedder) if path.exists() else None
    if kept is not None and kept.battles == list(battles):
        return kept
    known = _shipped_rows(embedder) | (kept.known_rows() if kept else {})
    read = embed_unknown(embedder, battles, known)
    index = BattleIndex.build(battles, read.vectors, embedder.name, states=read.states)
    try:
        save_index(index, path)
    except DataError as error:
        logger.warning("%s. The next start makes it again.", error)
    return index


def known_rows(embedder: Embedder, folder: Path) -> dict[str, tuple[Floats, Floats]]:
    """Prompt -> unit vector and states, as far as the folder's index and the shipped one know."""
    path = folder / INDEX_FILE
    kept = _load(path, embedder) if path.exists() else None
    return _shipped_rows(embedder) | (kept.known_rows() if kept else {})


def _load(path: Path, embedder: Embedder) -> BattleIndex | None:
    try:
        return load_index(path, embedder.name)
    except (DataError, RouterError) as error:
        logger.warning("%s. It is rebuilt from the battles.", error)
        return None


def _shipped_rows(embedder: Embedder) -> dict[str, tuple[Floats, Floats]]:
    """The same of the starter battles' prompts, where the program ships this embedder's."""
    with resources.as_file(resources.files("assets").joinpath(STARTER_INDEX)) as path:
        try:
            return load_index(path, embedder.name).known_rows()
        except RouterError:
            return {}


def check_any(battles: Sequence[Battle]) -> None:
    """Raise if there are no battles.

    Raises:
        RouterError: there are no battles.
    """
    if not battles:
        raise RouterError("no battles to learn from", hint="Import some, or use the starters.")


def nearest(
    index: BattleIndex, query: Floats, count: int, of_pair: Callable[[Battle], bool]
) -> tuple[Neighbour, ...]:
    """One battle for each of the prompts nearest to the unit vector, the nearest first.

    The user's own battle comes before any other over the same prompt, then one of the pair.
    """
    found = index.search(query[None], count)

    def rank(battle: Battle) -> tuple[bool, bool]:
        return battle.source != MINE, not of_pair(battle)

    return tuple(
        _neighbour(
            min((index.battles[at] for at in index.battles_at(row)), key=rank), float(cosine)
        )
        for row, cosine in zip(found.rows[0].tolist(), found.cosines[0], strict=True)
        if row >= 0
    )


def _neighbour(battle: Battle, cosine: float) -> Neighbour:
    said, *earlier = battle.messages
    return Neighbour(
        prompt=said,
        model_a=battle.model_a,
        model_b=battle.model_b,
        winner=battle.winner,
        similarity=cosine,
        source=battle.source,
        battle_id=battle.battle_id,
        earlier=len(earlier),
        score=battle.score,
    )


def embed_unknown(
    embedder: Embedder, battles: Sequence[Battle], known: Mapping[str, tuple[Floats, Floats]]
) -> Reading:
    """Unit rows of the battles' prompts; only those not known are embedded."""
    prompts = unique_prompts(battles)
    unknown = sum(prompt not in known for prompt in prompts)
    if unknown >= MANY:
        logger.warning("Embedding %s prompts of battles, this once.", f"{unknown:,}")
    return read_unknown(embedder, prompts, known)
