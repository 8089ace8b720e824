"""The index over battles: search, add, remove."""

import numpy as np
import pytest
from numpy.typing import NDArray

from routing.battles import Battle
from routing.index import BattleIndex, kind_for, unique_prompts
from tests.routing.fakes import HashEmbedder, hash_index, random_battles


def cosines(index: BattleIndex, query: NDArray) -> NDArray:
    return HashEmbedder().embed(unique_prompts(index.battles)) @ query


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
    index = hash_index(battles)
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
    found = hash_index(random_battles(3, 3)).search(HashEmbedder().embed(["x"]), 5)
    assert found.rows.shape == (1, 5)
    assert found.rows[0, 3:].tolist() == [-1, -1]
    assert np.isneginf(found.cosines[0, 3:]).all()


def test_vectors_of_another_shape_are_refused():
    index = hash_index(random_battles(5, 3))
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
    index = hash_index(random_battles(400, 4), "ivf")
    rows = np.concatenate([index.members(at) for at in range(index.lists)])
    assert sorted(rows.tolist()) == list(range(400))
    exact = HashEmbedder().embed(unique_prompts(index.battles))
    decoded = index.vectors_of(rows)
    assert np.abs(decoded - exact[rows]).max() < 0.01


def test_scan_of_ivf_lists_gives_their_rows_and_cosines():
    index = hash_index(random_battles(400, 4), "ivf")
    query = HashEmbedder().embed(["word1 word2"])[0]
    lists = np.arange(index.lists)[:2:-1]
    scan = index.scan(query, lists)
    members = np.concatenate([index.members(at) for at in lists.tolist()])
    assert scan.rows.tolist() == members.tolist()
    assert scan.cosines == pytest.approx(index.vectors_of(scan.rows) @ query, abs=1e-5)


class TestStates:
    def test_states_stand_beside_their_prompts(self):
        embedder, battles = HashEmbedder(states=8), random_battles(30, 4)
        read = embedder.read(unique_prompts(battles))
        index = BattleIndex.build(battles, read.vectors, "hash", states=read.states)
        new = Battle("something quite new", "a", "b", "a")
        (row,) = index.add([new, battles[0]], *embedder.read([new.prompt]))[:1]
        expected = embedder.read([new.prompt, battles[7].prompt]).states
        assert index.states_of(np.array([row, 7])) == pytest.approx(expected, abs=1e-3)

    def test_states_of_another_shape_are_refused(self):
        read = HashEmbedder(states=8).read(["old", "new"])
        old, new = (Battle(prompt, "a", "b", "a") for prompt in ("old", "new"))
        index = BattleIndex.build([old], read.vectors[:1], "hash", states=read.states[:1])
        with pytest.raises(ValueError, match=r"expected states \(1, 8\), not None"):
            index.add([new], read.vectors[1:])
        assert index.new_prompts([new]) == ["new"]

    def test_index_that_was_built_without_takes_none(self):
        index = hash_index(random_battles(5, 3))
        index.add([Battle("new", "a", "b", "a")], *HashEmbedder(states=8).read(["new"]))
        assert index.states_of(np.array([0, 5])).shape == (2, 0)
