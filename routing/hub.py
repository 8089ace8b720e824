"""Downloads from the Hugging Face hub: rows of data sets, files of model repositories."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from routing.errors import DataError

CACHE = ".cache"  # what the download leaves beside the files
OFFLINE = "Is there a network? HF_ENDPOINT names another hub, HF_TOKEN a key for closed ones."


def dataset_rows(
    dataset: str, split: str, config: str | None = None
) -> Iterator[Mapping[str, Any]]:
    """The rows of a data set as they come; of its files, only what is read is fetched.

    Raises:
        DataError: the hub cannot be reached, or has no such data set or split.
    """
    from datasets import load_dataset
    from httpx import HTTPError

    try:
        yield from load_dataset(dataset, config, split=split, streaming=True)
    except (OSError, ValueError, RuntimeError, HTTPError) as error:
        raise _refused(f"{dataset}, split {split}", error) from error


def download(repository: str, names: Sequence[str], folder: Path, revision: str) -> None:
    """Put those files of a repository of models into the folder.

    Raises:
        DataError: the hub cannot be reached, or has no such repository, revision or file.
    """
    from httpx import HTTPError
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        for name in names:
            hf_hub_download(repository, name, revision=revision, local_dir=folder)
    except (OSError, ValueError, EntryNotFoundError, HTTPError) as error:
        raise _refused(f"{repository}, {name}", error) from error
    finally:
        shutil.rmtree(folder / CACHE, ignore_errors=True)


def _refused(what: str, error: Exception) -> DataError:
    """A DataError from the hub library's first line; the other lines are its detail."""
    first, *more = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    return DataError(
        f"{what}: cannot be fetched from the hub: {first}", hint=OFFLINE, detail="\n".join(more)
    )
