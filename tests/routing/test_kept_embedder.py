"""Rows that are kept on disk: embedded once, and again where they are damaged or another's."""

from pathlib import Path

import pytest

from routing.kept_embedder import KeptEmbedder
from tests.routing.fakes import HashEmbedder


def test_kept_rows_are_embedded_once(tmp_path: Path):
    inner = HashEmbedder(states=8)
    heard: list[int] = []
    prompts = [f"prompt {number}" for number in range(600)]
    rows = KeptEmbedder(inner, tmp_path / "new").keep(prompts, heard.append)
    assert rows == pytest.approx(HashEmbedder().embed(prompts))
    assert (sum(heard), len(inner.embedded)) == (600, 600)

    again = KeptEmbedder(inner, tmp_path / "new")
    assert again.keep(prompts) == pytest.approx(rows)
    assert again.read(prompts[:2]).states == pytest.approx(inner.read(prompts[:2]).states)
    assert again.embed(["new", *prompts[:2]])[1:] == pytest.approx(rows[:2])
    assert inner.embedded[602:] == ["new"]
    assert again.embed([]).shape == (0, inner.dimension)


def test_damaged_rows_are_embedded_anew(tmp_path: Path):
    first = KeptEmbedder(HashEmbedder(), tmp_path).keep(["a", "b"])
    vectors, states = sorted(tmp_path.iterdir(), key=lambda path: len(path.name))
    assert states.name == f"{vectors.stem}-states.npy"
    for path in (vectors, states):
        for damage in (b"", path.read_bytes()[:-9], b"not numbers"):
            path.write_bytes(damage)
            assert KeptEmbedder(HashEmbedder(), tmp_path).keep(["a", "b"]) == pytest.approx(first)


def test_rows_of_another_embedder_are_not_taken(tmp_path: Path):
    KeptEmbedder(HashEmbedder(), tmp_path).keep(["a"])
    other = HashEmbedder(name="other")
    KeptEmbedder(other, tmp_path).keep(["a"])
    assert other.embedded == ["a"]


def test_rows_that_cannot_be_kept_are_told_with_their_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "taken").write_text("a file")
    rows = KeptEmbedder(HashEmbedder(), tmp_path / "taken").keep(["a"])
    assert rows.tolist() == HashEmbedder().embed(["a"]).tolist()
    assert "taken: the embedded prompts cannot be kept: File exists." in caplog.text
