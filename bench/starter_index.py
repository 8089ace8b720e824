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
    vectors = embedder.embed(unique_prompts(battles))
    path = Path(__file__).parent.parent / "assets" / STARTER_INDEX
    save_index(BattleIndex.build(battles, vectors, embedder.name), path)
    path.chmod(0o644)
    print(f"{path.name}: {len(battles)} battles, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
