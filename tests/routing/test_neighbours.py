"""The index of the battles: built once, kept, and never built anew in silence."""

from pathlib import Path

import pytest

from routing.battles import MINE, Battle
from routing.neighbours import INDEX_FILE, MANY, nearest, open_index
from tests.routing.fakes import HashEmbedder, hash_index, random_battles


def test_battle_learnt_in_context_is_told_by_the_persons_own_message():
    learnt = Battle("yes\n\nshall I?\n\nhm", "x", "y", "a", MINE, "id-3", earlier=2)
    whole = Battle("first\n\nsecond", "x", "y", "a", MINE, "id-4")  # before it was noted
    index = hash_index([learnt, whole])
    [query] = HashEmbedder().embed([learnt.prompt])
    told = nearest(index, query, 2, lambda _: True)
    assert [(n.prompt, n.earlier) for n in told] == [("yes", 2), ("first\n\nsecond", 0)]
    assert told[0].battle_id == "id-3"


def test_index_that_fits_is_opened_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    battles = random_battles(50, 5)
    open_index(HashEmbedder(), battles, tmp_path)
    open_index(HashEmbedder(), battles, tmp_path)
    assert not caplog.messages


def test_index_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = tmp_path / "router"
    folder.write_text("a file where the folder should be")
    battles = random_battles(50, 5)
    assert open_index(HashEmbedder(), battles, folder).battles == battles
    assert f"{folder / INDEX_FILE}: the index cannot be written: File exists." in caplog.text


@pytest.mark.parametrize("size", [9, -9])
def test_damaged_index_is_built_anew_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int
):
    battles, path = random_battles(50, 5), tmp_path / INDEX_FILE
    good = open_index(HashEmbedder(), battles, tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    again = open_index(HashEmbedder(), battles, tmp_path)
    assert again.battles == good.battles
    assert str(path) in caplog.text
    assert "rebuilt" in caplog.text


def test_index_of_another_embedder_is_built_anew_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    open_index(HashEmbedder(), random_battles(50, 5), tmp_path)
    other = HashEmbedder(24, "other")
    assert open_index(other, random_battles(50, 5), tmp_path).embedder == "other"
    assert "vectors of" in caplog.text
    assert "expected other" in caplog.text


def test_long_embedding_is_announced(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    open_index(HashEmbedder(), random_battles(MANY + 50, 5), tmp_path)
    assert f"Embedding {MANY + 50} prompts" in caplog.text
