"""An embedder that caches the vectors of large prompt lists on disk."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from routing.arrays import Floats
from routing.embeddings import Embedder, Reading, read_unknown
from routing.files import replace_file

logger = logging.getLogger(__name__)

PART = 512  # prompts that are embedded before `tell` hears of them


class KeptEmbedder:
    """An embedder that keeps the rows of large lists of prompts in a folder, to embed them once.

    Args:
        embedder: embeds what is not kept.
        folder: two files for each list and embedder.
    """

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self.embedder = embedder
        self.folder = folder
        self._rows: dict[str, tuple[Floats, Floats]] = {}

    @property
    def name(self) -> str:
        """The embedder's own."""
        return self.embedder.name

    @property
    def dimension(self) -> int:
        """The embedder's own."""
        return self.embedder.dimension

    def embed(self, prompts: Sequence[str]) -> Floats:
        """Unit rows, shape (n, d); only those of prompts that are not kept are computed.

        Raises:
            EmbeddingError: the model refused its input.
        """
        return self.read(prompts).vectors

    def read(self, prompts: Sequence[str]) -> Reading:
        """The same rows and the middle states beside them.

        Raises:
            EmbeddingError: the model refused its input.
        """
        return read_unknown(self.embedder, prompts, self._rows)

    def unknown(self, prompts: Sequence[str]) -> list[str]:
        """The prompts whose rows are not kept yet."""
        return [prompt for prompt in prompts if prompt not in self._rows]

    def keep(self, prompts: Sequence[str], tell: Callable[[int], None] | None = None) -> Floats:
        """The same rows, now cached. `tell` is called with the number of newly embedded prompts.

        Where they cannot be written the log says so.

        Raises:
            EmbeddingError: the model refused its input.
        """
        text = "\0".join((self.name, *prompts)).encode("utf-8", "surrogatepass")
        stem = hashlib.sha256(text).hexdigest()[:24]
        paths = [self.folder / f"{stem}{kind}.npy" for kind in ("", "-states")]
        kept = [_kept(path, len(prompts)) for path in paths]
        if kept[0] is not None and kept[1] is not None:
            read = Reading(kept[0], kept[1])
            if tell:
                tell(len(prompts))
        else:
            read = self._read_in_parts(prompts, tell)
            self._write(dict(zip(paths, read, strict=True)))
        self._rows.update(zip(prompts, zip(*read, strict=True), strict=True))
        return read.vectors

    def _write(self, files: Mapping[Path, Floats]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path, rows in files.items():
                file = io.BytesIO()
                np.save(file, rows)
                replace_file(path, file.getvalue())
        except OSError as error:
            said = "%s: the embedded prompts cannot be kept: %s. They are embedded anew next time."
            logger.warning(said, self.folder, error.strerror)

    def _read_in_parts(self, prompts: Sequence[str], tell: Callable[[int], None] | None) -> Reading:
        parts = []
        for start in range(0, len(prompts), PART):
            parts.append(self.read(prompts[start : start + PART]))
            if tell:
                tell(len(parts[-1].vectors))
        if not parts:
            return self.read(prompts)
        return Reading(*map(np.concatenate, zip(*parts, strict=True)))


def _kept(path: Path, size: int) -> Floats | None:
    """The rows in the file; None where there is none, or it is damaged."""
    try:
        rows: Floats = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.ndim == 2 and len(rows) == size else None
