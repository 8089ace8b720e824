"""Text files attached to a message: `@name` in the chat, `-f` on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tui.errors import UsageError

MAX_FILE_BYTES = 16 * 2**20
OFFERED = 50  # names of files that are offered at most

# "@notes.md" or '@"my notes.md"', at the beginning or after a space
_MENTION = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"]+))')
_FENCE = re.compile(r"^`{3,}", re.MULTILINE)


def attach(text: str, folder: Path) -> str:
    """The text, and under it each file that it mentions as `@name`.

    A mention that is no file there stays what it is: a word.

    Raises:
        UsageError: a file cannot be read, is too large, or is not text.
    """
    files = dict.fromkeys(mentioned(text, folder))
    parts = [under_its_name(file) for file in files]
    new = [part for part in parts if part not in text]  # an edited message has them in it
    return "\n\n".join([text, *new])


def mentioned(text: str, folder: Path) -> list[Path]:
    """The files that the text mentions."""
    return [path for path in _paths(text, folder) if path.is_file()]


def missing(text: str, folder: Path) -> list[str]:
    """Mentions that look like files, by a path or an extension, and do not exist."""
    meant = zip(_MENTION.findall(text), _paths(text, folder), strict=True)
    named = [path for said, path in meant if path.suffix[1:].isalnum() or _is_path("".join(said))]
    return [path.name for path in named if not path.exists()]


def _is_path(said: str) -> bool:
    """Whether a mention is an existing path; "@types/node" is just a word."""
    return said.startswith(("/", "~/", "./", "../"))


def under_its_name(file: Path) -> str:
    """The file's text in a fence, under the file's name.

    Raises:
        UsageError: it cannot be read, is too large, or is not text.
    """
    try:
        text = text_of(file.read_bytes(), str(file))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    longest = max(map(len, _FENCE.findall(text)), default=2)
    fence = "`" * max(longest + 1, 3)
    return f"{file.name}:\n{fence}\n{text.strip()}\n{fence}"


def text_of(content: bytes, name: str) -> str:
    """The content as text.

    Raises:
        UsageError: it is too large, or is not text.
    """
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(
            f"{name} holds {len(content):,} bytes; at most {MAX_FILE_BYTES:,} are sent"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not text in UTF-8: byte {error.start:,}: {error.reason}"
        ) from error
    if "\0" in text:
        raise UsageError(f"{name} is binary, not text: character {text.index(chr(0)):,} is NUL")
    return text


def complete(mention: str, folder: Path) -> Sequence[tuple[str, str]]:
    """Mentions of files and folders that begin so, each with its size."""
    typed = mention.lstrip("@").lstrip('"')
    head, _, start = typed.rpartition("/")
    place = folder / Path(f"{head}/" if head or typed.startswith("/") else "").expanduser()
    try:
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda entry: (entry.is_file(), entry.name))
    except OSError:
        return ()
    before = typed[: len(typed) - len(start)]
    offered = []
    for entry in entries:
        hidden = entry.name.startswith(".") and not start.startswith(".")
        if entry.name.startswith(start) and not hidden and before + entry.name != typed:
            offered.append(_offer(before, entry))
    return offered[:OFFERED]


def _offer(before: str, entry: os.DirEntry[str]) -> tuple[str, str]:
    if entry.is_dir():
        return f"@{before}{entry.name}/", "folder"
    name = before + entry.name
    size = entry.stat().st_size if entry.is_file() else 0
    return (f'@"{name}" ' if " " in name else f"@{name} "), f"{size:,} bytes"


def _paths(text: str, folder: Path) -> list[Path]:
    """Where the mentions would lead; a mark at the end of a word is not part of it."""
    paths = []
    for quoted, bare in _MENTION.findall(text):
        exact = folder / Path(quoted or bare).expanduser()
        plain = folder / Path(bare.rstrip(".,;:!?)]}'")).expanduser()
        paths.append(exact if quoted or exact.is_file() else plain)
    return paths
