"""What is fetched from a hub, through its own libraries, from one on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from routing.checkpoints import MANIFEST, check, checkpoint_folder
from routing.embeddings import SentenceEmbedder
from routing.errors import DataError
from routing.events import EngineOptions
from routing.library import Library, read_sets
from routing.models import Model, Pool
from routing.published import SETS, pull_battles, pull_router
from routing.routers.factorization import FactorizationRouter
from routing.training import Schedule
from tests.hub import HubServer, dataset
from tests.routing.fakes import random_battles
from tui.paths import paths

OWN = "someone/a-router"
PAIR = Pool((Model("model0"), Model("model5")))


PULL = """
import json, sys
from pathlib import Path
from routing.embeddings import SentenceEmbedder
from routing.errors import RoutingError
from routing.published import pull_battles, pull_router
said = {}
for name in sys.argv[2:]:
    try:
        said[name] = PULLED
    except RoutingError as error:
        said[name] = str(error)
print(json.dumps(said))
"""
PULL_BATTLES = PULL.replace("PULLED", "f'{len(pull_battles(name).battles)} battles'")
PULL_ROUTERS = PULL.replace(
    "PULLED", "pull_router(name, Path(sys.argv[1]), embedder=SentenceEmbedder().name).router"
)


def votes(count: int) -> list[dict[str, object]]:
    """Rows as the published arena set has them; the last one names no winner."""
    rows = [
        {
            "id": number,
            "model_a": "gpt-4-1106-preview",
            "model_b": "mixtral-8x7b-instruct-v0.1",
            "prompt": json.dumps([f"question {number}", "and then?"]),
            "response_a": json.dumps(["yes", "so"]),
            "response_b": json.dumps(["no", None]),
            "winner_model_a": int(number % 3 == 0),
            "winner_model_b": int(number % 3 == 1),
            "winner_tie": int(number % 3 == 2),
        }
        for number in range(count)
    ]
    rows[-1] |= {"winner_model_a": 0, "winner_model_b": 0, "winner_tie": 0}
    return rows


def arena() -> HubServer:
    return HubServer({SETS["arena"].dataset: dataset("default", {"train": votes(31)})})


def told(hub: HubServer, folder: Path, script: str, *names: str) -> dict[str, str]:
    """What the script says of each name, in a process of its own: that takes seconds."""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), *names],
        env=environment | {"HF_HOME": str(folder.parent / "hub")},
        capture_output=True,
        text=True,
        check=True,
    )
    said: dict[str, str] = json.loads(done.stdout)
    return said


def command(hub: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """How the command ended. The hub's address is read when its library is imported."""
    environment = {**os.environ, "LLMROUTE_HOME": str(home), "HF_HOME": str(home / "hub")}
    environment |= {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0", "COLUMNS": "500"}
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a trained router, made with the packaged embedder."""
    folder = tmp_path_factory.mktemp("trained") / "factorization"
    schedule = Schedule(batch_size=32, learning_rate=1e-2, weight_decay=0.0, steps=3)
    router = FactorizationRouter(SentenceEmbedder(), "model0", "model5", schedule=schedule)
    router.fit(random_battles(60, 6))
    router.save(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def changed(files: Mapping[str, bytes], change: Mapping[str, object]) -> dict[str, bytes]:
    """The same checkpoint with other fields in its manifest."""
    manifest = json.loads(files[MANIFEST]) | change
    return {**files, MANIFEST: json.dumps(manifest).encode()}


def test_arena_votes_become_a_set(tmp_path: Path):
    with arena() as hub:
        done = command(hub.url, tmp_path, "battles", "pull")
    assert done.returncode == 0, done.stderr
    assert "30 battles fetched into the set arena." in done.stdout
    assert "line 31: not exactly one of winner_model_a, _b, _tie is 1" in done.stderr
    again = command("http://127.0.0.1:9", tmp_path, "battles", "pull", "arena")
    assert "already exists" in again.stderr
    kept = read_sets(paths({"LLMROUTE_HOME": str(tmp_path)}).router)["arena"]
    assert Counter(battle.winner for battle in kept) == {"a": 10, "b": 10, "tie": 10}


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By data set how many battles came, or why none did; all are pulled in one process."""
    texts = [{"text": "hello"}, {"text": "there"}]
    sets = {"someone/votes": votes(4), "someone/texts": texts}
    home = tmp_path_factory.mktemp("hub")
    with HubServer(
        {name: dataset("default", {"train": rows}) for name, rows in sets.items()}
    ) as hub:
        return told(hub, home, PULL_BATTLES, *sets, "someone/nothing", "arena")


def test_any_set_of_those_columns_goes_by_its_id(fetched: dict[str, str]):
    assert fetched["someone/votes"] == "3 battles"


@pytest.mark.parametrize("name", ["someone/nothing", "lmsys/lmsys-arena-human-preference-55k"])
def test_hub_that_lacks_the_set_is_told(fetched: dict[str, str], name: str):
    said = fetched["arena" if "arena" in name else name]
    assert f"{name}, split train: cannot be fetched from the hub" in said


def test_hub_that_goes_away_once_a_set_was_read_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def refused(*_: object, **__: object) -> None:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    monkeypatch.setattr("datasets.load_dataset", refused)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    with pytest.raises(DataError, match=r"split train: cannot be fetched.*Connection refused"):
        pull_battles("arena")
    with pytest.raises(DataError, match=r"manifest.json: cannot be fetched.*Connection refused"):
        pull_router("me/bert", tmp_path, embedder="any")


def test_rows_of_another_kind_are_no_battles(fetched: dict[str, str]):
    assert fetched["someone/texts"] == "someone/texts: no row is a battle: no model_a"


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="there are arena, or OWNER/NAME"):
        pull_battles("kitchen")


def test_pulled_router_lies_where_the_chat_reads_it_and_decides(
    tmp_path: Path, checkpoint: dict[str, bytes]
):
    with HubServer(models={OWN: {**checkpoint, "notes.py": b"import this"}}) as hub:
        done = command(hub.url, tmp_path, "router", "pull", OWN)
        assert done.returncode == 0, done.stderr
        assert "factorization, trained on 60 battles between 6 models" in done.stdout
        assert set(hub.served) == set(checkpoint)  # nothing that the manifest does not name
        router = paths({"LLMROUTE_HOME": str(tmp_path)}).router
        again = told(hub, router, PULL_ROUTERS, OWN)
        assert "a trained factorization router already exists" in again[OWN]
        assert command(hub.url, tmp_path, "router", "pull", OWN, "--replace").returncode == 0
    folder = checkpoint_folder(router, "factorization")
    check(folder, "factorization", SentenceEmbedder().name)
    assert {path.name for path in folder.iterdir()} == set(checkpoint)
    assert not list(router.glob(".pulled*"))
    library = Library.open(EngineOptions(folder=str(router), router="factorization"))
    decision = library.decide("why?", PAIR, 0.5, None)
    assert (decision.router, decision.pinned) == ("factorization", False)


# What the manifest says instead, and what is said of it.
UNTRUSTED = {
    "embedder": ({"embedder": "another@1"}, "trained on vectors of another@1"),
    "kind": ({"router": "oracle"}, "a router of the kind 'oracle'; known: "),
    "format": ({"format": 99}, "checkpoint format 99"),
    "pickle": ({"files": {"weights.bin": "0"}}, "names 'weights.bin', which is not fetched"),
    "above": ({"files": {"../../evil.json": "0"}}, "names '../../evil.json', which is not"),
    "root": ({"files": {"/etc/evil.json": "0"}}, "names '/etc/evil.json', which is not fetched"),
    "digest": ({"files": {"model.safetensors": "0" * 64}}, "damaged: its digest is another"),
    "missing": ({"files": {"gone.json": "0"}}, "someone/missing, gone.json: cannot be fetched"),
}


@pytest.fixture(scope="module")
def refusals(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: dict[str, bytes]
) -> dict[str, str]:
    """By repository why it was not kept; all are pulled in one process, which takes seconds."""
    folder = tmp_path_factory.mktemp("refused") / "router"
    models = {f"someone/{k}": changed(checkpoint, change) for k, (change, _) in UNTRUSTED.items()}
    models["someone/notes"] = {"README.md": b"hello"}
    with HubServer(models=models) as hub:
        said = told(hub, folder, PULL_ROUTERS, *models, "someone/nothing")
    assert list(folder.iterdir()) == []
    assert not list(folder.parent.rglob("evil.json"))
    return said


@pytest.mark.parametrize("name", UNTRUSTED)
def test_checkpoint_that_cannot_be_trusted_is_not_kept(refusals: dict[str, str], name: str):
    assert UNTRUSTED[name][1] in refusals[f"someone/{name}"]


@pytest.mark.parametrize("name", ["someone/notes", "someone/nothing"])
def test_repository_that_is_no_checkpoint_or_not_there_is_told(refusals: dict[str, str], name: str):
    assert f"{name}, manifest.json: cannot be fetched" in refusals[name]


def test_no_network_is_told(tmp_path: Path):
    environment = {**os.environ, "LLMROUTE_HOME": str(tmp_path)}  # HF_HUB_OFFLINE is set
    for words in (["router", "pull", OWN], ["battles", "pull"]):
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "Is there a network?" in done.stderr
        assert "Traceback" not in done.stderr


def test_name_that_is_no_repository_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="expected OWNER/NAME"):
        pull_router("router", tmp_path, embedder="x")
