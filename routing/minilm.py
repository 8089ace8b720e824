"""all-MiniLM-L6-v2, the packaged embedder: an ONNX graph shipped here, weights from a package.

sentence-transformers reads it too, to the same rows, but takes seconds and half a gigabyte to be
imported, and torch alone still one and 200 MiB; the first question of a day should not wait for
that, nor a small machine hold it. `bench.embedder_graph` makes the graph.

Source: Wang et al. 2020, MiniLM (arXiv:2002.10957).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routing.arrays import Floats

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# The model was trained on texts of 128 tokens. A question stands before or after what was pasted,
# seldom in its middle.
HEAD_TOKENS, TAIL_TOKENS = 96, 32
# No ordinary text has longer tokens on average; what lies behind them the model never sees.
CHARACTERS_PER_TOKEN = 16

GRAPH = "minilm.onnx"  # it says where in `model.safetensors` each weight lies
TOKENS = "tokens"  # what the graph is given, (1, n)
WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
# The last layers were trained for topic; the ones before still encode phrasing.
MIDDLE_LAYER = 4
ERRORS = 3  # onnxruntime's name for this level of its log


class MiniLM:
    """Texts to rows, of a long text its first 96 tokens and its last 32.

    Args:
        folder: with `model.safetensors` and `tokenizer.json`.

    Raises:
        OSError: a file cannot be read.
        RuntimeError: the weights are not those that the graph is made for.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._session = _session(folder)

    @property
    def dimension(self) -> int:
        """How many numbers a row has."""
        (rows,) = self._session.get_outputs()
        return int(rows.shape[1]) // 2

    def encode(self, texts: Sequence[str]) -> Floats:
        """The mean of each text's last states, beside that of its middle ones, shape (n, 2 d)."""
        tokens = self._ends(texts)
        if len(tokens) == 1:
            return self._row(tokens[0])
        rows = [np.empty((0, 2 * self.dimension), dtype=np.float32)]
        # A core for each text: faster than to share one text among them.
        with ThreadPoolExecutor(os.cpu_count()) as cores:
            return np.concatenate([*rows, *cores.map(self._row, tokens)])

    def _row(self, tokens: Sequence[int]) -> Floats:
        """The one row of a text, (1, 2 d)."""
        text = np.array([tokens], dtype=np.int32)
        with _errors_named():
            row: Floats
            (row,) = self._session.run(None, {TOKENS: text})
        return row

    def _ends(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text that are read, those that mark its two ends among them."""
        head, tail = (size * CHARACTERS_PER_TOKEN for size in (HEAD_TOKENS, TAIL_TOKENS))
        short = [
            text if len(text) <= head + tail else f"{text[:head]}\n{text[-tail:]}" for text in texts
        ]
        read = [encoding.ids for encoding in self._tokenizer.encode_batch(short)]
        return [
            tokens
            if len(tokens) <= HEAD_TOKENS + TAIL_TOKENS
            else [*tokens[:HEAD_TOKENS], *tokens[-TAIL_TOKENS:]]
            for tokens in read
        ]


def _session(folder: Path) -> InferenceSession:
    """The graph over the weights in that folder."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # which some systems' builds would send
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep the memory that the longest text took
    options.add_session_config_entry(WEIGHTS_FOLDER, str(folder))
    graph = resources.files("assets").joinpath(GRAPH).read_bytes()
    with _errors_named():
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@contextmanager
def _errors_named() -> Iterator[None]:
    """Each of onnxruntime's errors, which are of no class in common, as a RuntimeError."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(str(error)) from error
