"""The index over battles: search, add, remove; what is saved comes back, and nothing else does."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routing.battles import Battle
from routing.errors import DataError, RouterError
from routing.index import MAGIC, BattleIndex, kind_for, unique_prompts
from tests.routing.fakes import HashEmbedder, random_battles

KINDS = ("flat", "hnsw", "ivf")


def build(battles: list[Battle], kind: str | None = None) -> BattleIndex:
    vectors = HashEmbedder().embed(unique_prompts(battles))
    return BattleIndex.build(battles, vectors, "hash", kind)


def cosines(index: BattleIndex, query: NDArray) -> NDArray:
    return HashEmbedder().embed(unique_prompts(index.battles)) @ query


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest) -> BattleIndex:
    return build(random_battles(400, 4), request.param)


def test_nearest_rows_are_those_of_a_full_scan(index: BattleIndex):
    query = HashEmbedder().embed(["word1 word2 word3"])
    found = index.search(query, 5)
    exact = cosines(index, query[0])
    tolerance = 0.01 if index.kind == "ivf" else 1e-6
    assert found.cosines[0] == pytest.approx(np.sort(exact)[::-1][:5], abs=tolerance)
    assert found.cosines[0] == pytest.approx(exact[found.rows[0]], abs=tolerance)


def test_equal_prompts_share_a_row():
    battles = [
        Battle("one", "a", "b", "a"),
        Battle("two", "a", "b", "b"),
        Battle("one", "a", "c", "tie"),
    ]
    index = build(battles)
    assert index.size == 2
    assert index.row_of.tolist() == [0, 1, 0]
    assert index.battles_at(0) == [0, 2]


def test_added_battle_is_found_at_once(index: BattleIndex):
    battle = Battle("something quite new", "a", "b", "a")
    assert index.new_prompts([battle, index.battles[0]]) == ["something quite new"]
    vectors = HashEmbedder().embed(["something quite new"])
    (row,) = index.add([battle], vectors)
    assert index.search(vectors, 1).rows[0, 0] == row == 400
    assert index.search(vectors, 1).cosines[0, 0] == pytest.approx(1, abs=0.01)


def test_removed_battles_are_found_no_more_until_they_come_back(index: BattleIndex):
    battle = Battle("something quite new", "a", "b", "a", battle_id="x")
    vectors = HashEmbedder().embed([battle.prompt])
    index.add([battle, battle], vectors)
    assert index.remove("x").tolist() == [400, 401]
    assert len(index.battles) == len(index.row_of) == 400
    assert 400 not in index.search(vectors, 10).rows
    assert index.empty.tolist() == [400]
    index.add([battle], np.empty((0, 32), np.float32))
    assert index.search(vectors, 1).rows[0, 0] == 400


def test_removing_an_unknown_id_changes_nothing(index: BattleIndex):
    assert index.remove("never there").tolist() == []
    assert len(index.battles) == 400


def test_asking_for_more_rows_than_there_are_pads():
    found = build(random_battles(3, 3)).search(HashEmbedder().embed(["x"]), 5)
    assert found.rows.shape == (1, 5)
    assert found.rows[0, 3:].tolist() == [-1, -1]
    assert np.isneginf(found.cosines[0, 3:]).all()


def test_vectors_of_another_shape_are_refused():
    index = build(random_battles(5, 3))
    with pytest.raises(ValueError, match=r"expected vectors \(1, 32\)"):
        index.add([Battle("new", "a", "b", "a")], np.zeros((1, 31), np.float32))


def test_size_chooses_the_kind():
    assert [kind_for(rows) for rows in (0, 199_999, 200_000, 10**6)] == [
        "flat",
        "flat",
        "ivf",
        "ivf",
    ]


def test_ivf_lists_hold_every_row_once_and_decode_to_its_vector():
    index = build(random_battles(400, 4), "ivf")
    rows = np.concatenate([index.members(at) for at in range(index.lists)])
    assert sorted(rows.tolist()) == list(range(400))
    exact = HashEmbedder().embed(unique_prompts(index.battles))
    decoded = index.vectors_of(rows)
    assert np.abs(decoded - exact[rows]).max() < 0.01


def test_scan_of_ivf_lists_gives_their_rows_and_cosines():
    index = build(random_battles(400, 4), "ivf")
    query = HashEmbedder().embed(["word1 word2"])[0]
    lists = np.arange(index.lists)[:2:-1]
    scan = index.scan(query, lists)
    members = np.concatenate([index.members(at) for at in lists.tolist()])
    assert scan.rows.tolist() == members.tolist()
    assert scan.cosines == pytest.approx(index.vectors_of(scan.rows) @ query, abs=1e-5)


class TestFile:
    def test_saved_index_comes_back(self, index: BattleIndex, tmp_path: Path):
        path = tmp_path / "index"
        index.save(path)
        back = BattleIndex.load(path, "hash")
        assert back.battles == index.battles
        assert back.kind == index.kind
        query = HashEmbedder().embed(["word7 word8"])
        assert np.array_equal(back.search(query, 9).rows, index.search(query, 9).rows)
        assert np.array_equal(back.search(query, 9).cosines, index.search(query, 9).cosines)
        assert back.new_prompts(index.battles) == []

    def test_forgotten_rows_stay_forgotten(self, index: BattleIndex, tmp_path: Path):
        battle = Battle("something quite new", "a", "b", "a", battle_id="x")
        index.add([battle], HashEmbedder().embed([battle.prompt]))
        index.remove("x")
        index.save(tmp_path / "index")
        back = BattleIndex.load(tmp_path / "index", "hash")
        assert 400 not in back.search(HashEmbedder().embed([battle.prompt]), 10).rows
        assert b"something quite new" not in (tmp_path / "index").read_bytes()

    def test_known_vectors_come_back_by_prompt(self, tmp_path: Path):
        battles = random_battles(20, 3)
        build(battles).save(tmp_path / "index")
        known = BattleIndex.load(tmp_path / "index", "hash").known_vectors()
        assert np.array_equal(
            known[battles[3].prompt], HashEmbedder().embed([battles[3].prompt])[0]
        )

    @pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
    def test_only_the_owner_can_read_it(self, tmp_path: Path):
        build(random_battles(5, 3)).save(tmp_path / "index")
        assert stat.S_IMODE((tmp_path / "index").stat().st_mode) == 0o600

    def test_another_embedders_index_is_refused_by_name(self, tmp_path: Path):
        build(random_battles(5, 3)).save(tmp_path / "index")
        with pytest.raises(RouterError, match="holds vectors of hash, expected minilm"):
            BattleIndex.load(tmp_path / "index", "minilm")

    def test_every_cut_is_noticed(self, tmp_path: Path):
        path = tmp_path / "index"
        build(random_battles(5, 3)).save(path)
        content = path.read_bytes()
        for length in (0, 5, len(MAGIC) + 3, len(MAGIC) + 20, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            with pytest.raises(DataError, match="index"):
                BattleIndex.load(path, "hash")

    def test_every_changed_byte_is_noticed(self, tmp_path: Path):
        path = tmp_path / "index"
        index = build(random_battles(5, 3))
        index.save(path)
        content = path.read_bytes()
        for place in range(0, len(content), 7):
            changed = bytearray(content)
            changed[place] ^= 0x40
            path.write_bytes(changed)
            try:
                back = BattleIndex.load(path, "hash")
            except (DataError, RouterError):
                continue
            assert back.battles == index.battles, place  # a byte of the header that says nothing

    def test_other_format_is_refused_by_number(self, tmp_path: Path):
        path = tmp_path / "index"
        build(random_battles(5, 3)).save(path)
        path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":9', 1))
        with pytest.raises(DataError, match="index format 9, expected 1"):
            BattleIndex.load(path, "hash")

    def test_missing_file_and_missing_folder_are_errors(self, tmp_path: Path):
        with pytest.raises(DataError, match="no index"):
            BattleIndex.load(tmp_path / "none", "hash")
        with pytest.raises(DataError, match="cannot be written"):
            build(random_battles(5, 3)).save(tmp_path / "no folder" / "index")
