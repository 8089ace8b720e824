"""Checkpoints: put in place whole, and refused where they are not what is wanted."""

from pathlib import Path

import pytest

from routing import checkpoints
from routing.battles import Battle
from routing.checkpoints import Manifest
from routing.errors import DataError, RouterError

MANIFEST = Manifest(
    router="factorization",
    embedder="hash",
    models=("big", "small"),
    strong=("big",),
    weak=("small",),
    battles=12,
    digest="ab" * 32,
    seed=3,
    held_out_loss=0.61,
    steps=40,
    epochs=2.5,
)


def write(folder: Path, text: str = "weights") -> None:
    (folder / "weights.bin").write_text(text)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "words.txt").write_text("words")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoints.save(tmp_path / "deep" / "factorization", MANIFEST, write)
    return tmp_path / "deep" / "factorization"


def test_manifest_comes_back_with_its_files_date_and_version(folder: Path):
    found = checkpoints.check(folder, "factorization", "hash")
    assert found.models == ("big", "small")
    assert set(found.files) == {"weights.bin", "deeper/words.txt"}
    assert found.created_by.startswith("llmroute ")
    assert found.created.endswith("+00:00")


def test_nothing_but_the_checkpoint_is_left(folder: Path):
    checkpoints.save(folder, MANIFEST, lambda fresh: write(fresh, "others"))
    assert [path.name for path in folder.parent.iterdir()] == ["factorization"]
    assert (folder / "weights.bin").read_text() == "others"


def test_failed_save_leaves_what_was_there(folder: Path):
    def fail(fresh: Path) -> None:
        write(fresh, "half")
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="cannot be written: No space left on device"):
        checkpoints.save(folder, MANIFEST, fail)
    checkpoints.check(folder, "factorization", "hash")
    assert [path.name for path in folder.parent.iterdir()] == ["factorization"]


def test_absent_checkpoint_names_the_command_that_trains_it(tmp_path: Path):
    with pytest.raises(RouterError, match="the bert router is not trained") as caught:
        checkpoints.read_manifest(tmp_path / "bert", "bert")
    assert "llmroute router train bert" in caught.value.hint


def test_another_embedders_checkpoint_is_refused(folder: Path):
    with pytest.raises(RouterError, match=r"vectors of hash, the embedder in use is minilm@1"):
        checkpoints.check(folder, "factorization", "minilm@1")


def test_another_routers_checkpoint_is_refused(folder: Path):
    with pytest.raises(
        RouterError, match="a checkpoint of the factorization router, expected bert"
    ):
        checkpoints.check(folder, "bert")


@pytest.mark.parametrize("name", ["weights.bin", "deeper/words.txt"])
def test_damaged_and_missing_files_are_named(folder: Path, name: str):
    (folder / name).write_text("changed")
    with pytest.raises(DataError, match=f"{name}: damaged") as caught:
        checkpoints.check(folder, "factorization", "hash")
    assert "llmroute router train factorization" in caught.value.hint
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: missing"):
        checkpoints.check(folder, "factorization", "hash")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1', "\x00\xff"])
def test_manifest_that_is_none_is_refused(folder: Path, content: str):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DataError, match="no manifest of a checkpoint"):
        checkpoints.read_manifest(folder, "factorization")


def test_later_format_is_refused(folder: Path):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DataError, match="checkpoint format 2, expected 1"):
        checkpoints.read_manifest(folder, "factorization")


def test_digest_depends_on_battles_and_their_order():
    battles = [Battle("one", "a", "b", "a"), Battle("two", "a", "b", "tie")]
    digests = {checkpoints.battles_digest(each) for each in (battles, battles[::-1], battles[:1])}
    assert len(digests) == 3
    assert checkpoints.battles_digest(battles) == checkpoints.battles_digest(list(battles))


def test_folder_of_other_things_is_not_replaced(folder: Path, tmp_path: Path):
    checkpoints.check_replaceable(folder)
    checkpoints.check_replaceable(tmp_path / "new")
    (folder / "deeper" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds deeper/notes.txt, .* would be lost"):
        checkpoints.check_replaceable(folder)
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match=r"holds .*, which is of no checkpoint"):
        checkpoints.check_replaceable(tmp_path)


def test_folder_with_a_manifest_of_something_else_is_not_replaced(tmp_path: Path):
    (tmp_path / "manifest.json").write_text('{"name": "an extension"}')
    with pytest.raises(DataError, match="no manifest of a checkpoint"):
        checkpoints.check_replaceable(tmp_path)
