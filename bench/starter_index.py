"""Embed the starter battles and write the index that ships in assets: `make starter-index`."""

from __future__ import annotations

from pathlib import Path

from routing.battle_files import starter_battles
from routing.embeddings import SentenceEmbedder
from routing.index import BattleIndex, unique_prompts
from routing.index_files import save_index
from routing.neighbours import STARTER_INDEX


def main() -> None:
    """Write assets/starter_battles.index."""
    battles = starter_battles()
    embedder = SentenceEmbedder()
    read = embedder.read(unique_prompts(battles))
    path = Path(__file__).parent.parent / "assets" / STARTER_INDEX
    index = BattleIndex.build(battles, read.vectors, embedder.name, states=read.states)
    save_index(index, path)
    path.chmod(0o644)
    print(f"{path.name}: {len(battles)} battles, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
