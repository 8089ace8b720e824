"""A Hugging Face hub on loopback that holds data sets and models, for its own libraries to read."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow
from pyarrow import parquet

from tests.loopback import Handler, Loopback

COMMIT, DIGEST = "0" * 40, "1" * 40


class HubServer(Loopback):
    """Holds data sets and models by their id, each as its files by path; no others are found.

    Attributes:
        served: paths of the files that were fetched.
    """

    def __init__(
        self,
        datasets: Mapping[str, Mapping[str, bytes]] | None = None,
        models: Mapping[str, Mapping[str, bytes]] | None = None,
    ) -> None:
        self.served: list[str] = []
        held = {"datasets": datasets or {}, "models": models or {}, "served": self.served}
        handler = type("Handler", (_Handler,), held)
        self.url = f"http://127.0.0.1:{self.listen(handler)}"


def dataset(config: str, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, bytes]:
    """The files of a data set with one configuration: its card, and a parquet file a split."""
    files = [{"split": split, "path": f"{config}/{split}-*"} for split in splits]
    card = {"configs": [{"config_name": config, "data_files": files}]}
    return {
        "README.md": f"---\n{json.dumps(card)}\n---\n".encode(),  # JSON is YAML
        **{
            f"{config}/{split}-00000-of-00001.parquet": _parquet(rows)
            for split, rows in splits.items()
        },
    }


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


class _Handler(Handler):
    datasets: Mapping[str, Mapping[str, bytes]]
    models: Mapping[str, Mapping[str, bytes]]
    served: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        asked = re.fullmatch(
            r"(?:/api)?(?:/(datasets|models))?/([\w.-]+/[\w.-]+)/(resolve|revision|tree)/\w+/?([^?]*)"
            r"(\?.*)?",
            self.path,
        )
        kind, name, what, path, query = asked.groups() if asked else ("", "", "", "", "")
        files = (self.datasets if kind == "datasets" else self.models).get(name, {})
        if what == "resolve" and path in files:
            self.served.append(path)
            self._send_part(files[path])
        elif what == "revision" and files:
            self._send_json({"id": name, "sha": COMMIT, "siblings": [], "private": False})
        elif what == "tree" and (found := _tree(files, path, "recursive=true" in (query or ""))):
            self._send_json(found)
        else:
            self._send(404, b"")

    def _send_json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode())

    def _send_part(self, content: bytes) -> None:
        """The range that is asked for, or all."""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not wanted:
            self._send(200, content)
            return
        first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
        self._send(
            206,
            content[first : last + 1],
            {"Content-Range": f"bytes {first}-{last}/{len(content)}"},
        )

    def _send(self, status: int, content: bytes, more: Mapping[str, str] | None = None) -> None:
        headers = {"Content-Length": str(len(content)), "X-Repo-Commit": COMMIT, "ETag": DIGEST}
        self.send_response(status)
        for name, value in {**headers, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _tree(files: Mapping[str, bytes], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """The files and folders below a folder, as the hub lists them."""
    start = f"{folder}/" if folder else ""
    below = [path.removeprefix(start) for path in files if path.startswith(start)]
    folders = {path.partition("/")[0] for path in below if "/" in path}
    return [
        *({"type": "directory", "path": start + path, "oid": DIGEST} for path in folders),
        *(
            {"type": "file", "path": start + path, "oid": DIGEST, "size": len(files[start + path])}
            for path in below
            if recursive or "/" not in path
        ),
    ]
