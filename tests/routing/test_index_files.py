"""An index on disk: what is saved comes back, and nothing else does."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from routing.battles import Battle
from routing.errors import DataError, RouterError
from routing.index import BattleIndex, unique_prompts
from routing.index_files import MAGIC, load_index, save_index
from tests.routing.fakes import HashEmbedder, hash_index, random_battles


def test_saved_index_comes_back(index: BattleIndex, tmp_path: Path):
    path = tmp_path / "index"
    save_index(index, path)
    back = load_index(path, "hash")
    assert back.battles == index.battles
    assert back.kind == index.kind
    query = HashEmbedder().embed(["word7 word8"])
    assert np.array_equal(back.search(query, 9).rows, index.search(query, 9).rows)
    assert np.array_equal(back.search(query, 9).cosines, index.search(query, 9).cosines)
    assert back.new_prompts(index.battles) == []


def test_forgotten_rows_stay_forgotten(index: BattleIndex, tmp_path: Path):
    battle = Battle("something quite new", "a", "b", "a", battle_id="x")
    index.add([battle], HashEmbedder().embed([battle.prompt]))
    index.remove("x")
    save_index(index, tmp_path / "index")
    back = load_index(tmp_path / "index", "hash")
    assert 400 not in back.search(HashEmbedder().embed([battle.prompt]), 10).rows
    assert b"something quite new" not in (tmp_path / "index").read_bytes()


@pytest.mark.parametrize("states", [0, 8])
def test_known_rows_come_back_by_prompt(tmp_path: Path, states: int):
    battles, embedder = random_battles(20, 3), HashEmbedder(states=states)
    read = embedder.read(unique_prompts(battles))
    save_index(
        BattleIndex.build(battles, read.vectors, "hash", states=read.states), tmp_path / "index"
    )
    vector, state = load_index(tmp_path / "index", "hash").known_rows()[battles[3].prompt]
    assert np.array_equal(vector, read.vectors[3])
    assert state.shape == (states,)
    assert state == pytest.approx(read.states[3], abs=1e-3)  # two bytes a number


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_only_the_owner_can_read_it(tmp_path: Path):
    save_index(hash_index(random_battles(5, 3)), tmp_path / "index")
    assert stat.S_IMODE((tmp_path / "index").stat().st_mode) == 0o600


def test_another_embedders_index_is_refused_by_name(tmp_path: Path):
    save_index(hash_index(random_battles(5, 3)), tmp_path / "index")
    with pytest.raises(RouterError, match="holds vectors of hash, expected minilm"):
        load_index(tmp_path / "index", "minilm")


def test_every_cut_is_noticed(tmp_path: Path):
    path = tmp_path / "index"
    save_index(hash_index(random_battles(5, 3)), path)
    content = path.read_bytes()
    for length in (0, 5, len(MAGIC) + 3, len(MAGIC) + 20, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="index"):
            load_index(path, "hash")


def test_every_changed_byte_is_noticed(tmp_path: Path):
    path = tmp_path / "index"
    index = hash_index(random_battles(5, 3))
    save_index(index, path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 0x40
        path.write_bytes(changed)
        try:
            back = load_index(path, "hash")
        except (DataError, RouterError):
            continue
        assert back.battles == index.battles, place  # a byte of the header that says nothing


def test_other_format_is_refused_by_number(tmp_path: Path):
    path = tmp_path / "index"
    save_index(hash_index(random_battles(5, 3)), path)
    path.write_bytes(path.read_bytes().replace(b'"format":2', b'"format":9', 1))
    with pytest.raises(DataError, match="index format 9, expected 2"):
        load_index(path, "hash")


def test_missing_file_and_taken_folder_are_errors(tmp_path: Path):
    with pytest.raises(DataError, match="no index"):
        load_index(tmp_path / "none", "hash")
    (tmp_path / "taken").touch()
    with pytest.raises(DataError, match="cannot be written: File exists"):
        save_index(hash_index(random_battles(5, 3)), tmp_path / "taken" / "index")
