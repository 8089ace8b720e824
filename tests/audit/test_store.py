"""Scores survive Ctrl+C, kill -9 and damage, and nothing is scored twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from audit.battery import Plan, build
from audit.errors import StoreError
from audit.scorers import Identity, Score
from audit.store import ScoreStore, digest, measure
from tests.audit.worlds import CountingScorer, score_of, world

VARIANTS = build(world(6), Plan("position")).variants
DISTINCT = len({digest(variant) for variant in VARIANTS})
IDENTITY = CountingScorer().identity


def test_a_text_is_scored_once_and_every_variant_gets_its_score():
    scorer = CountingScorer()
    scores = list(measure(VARIANTS, scorer, {}))
    assert scores == [score_of(variant) for variant in VARIANTS]
    assert len(scorer.asked) == DISTINCT < len(VARIANTS)


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(tmp_path: Path):
    first, second = CountingScorer(fail_after=20), CountingScorer()
    with ScoreStore(tmp_path, IDENTITY) as store, pytest.raises(KeyboardInterrupt):
        list(measure(VARIANTS, first, store))
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert len(store) == 20
        scores = list(measure(VARIANTS, second, store))
    assert scores == [score_of(variant) for variant in VARIANTS]
    assert len(first.asked) + len(second.asked) == DISTINCT


def test_every_field_of_a_score_comes_back(tmp_path: Path):
    score = Score((-1.5, None), (-2.0, None), (1, 3), -9.0, (4, 0), 2, 1, ("cut “left”",))
    with ScoreStore(tmp_path, IDENTITY) as store:
        store["key"] = score
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert store.get("key") == score
        assert store.get("other") is None


KILLED = """
import os, signal, sys
from pathlib import Path
from audit.store import ScoreStore, measure
from tests.audit.test_store import IDENTITY, VARIANTS
from tests.audit.worlds import CountingScorer
with ScoreStore(Path(sys.argv[1]), IDENTITY) as store:
    for number, _ in enumerate(measure(VARIANTS, CountingScorer(), store)):
        if number == 12:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_keeps_what_was_scored(tmp_path: Path):
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, env=env, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    known = {digest(variant) for variant in VARIANTS[:13]}
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert len(store) == len(known)
        assert all(store.get(key) for key in known)


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_line_that_was_cut_short_is_scored_again(tmp_path: Path, cut: int):
    with ScoreStore(tmp_path, IDENTITY) as store:
        list(measure(VARIANTS, CountingScorer(), store))
        path = store.path
    path.write_bytes(path.read_bytes()[:-cut])
    scorer = CountingScorer()
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert len(store) == DISTINCT - (cut > 1)
        list(measure(VARIANTS, scorer, store))
        assert len(scorer.asked) == (cut > 1)
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert len(store) == DISTINCT


def test_a_damaged_line_is_dropped_and_the_others_stay(tmp_path: Path):
    with ScoreStore(tmp_path, IDENTITY) as store:
        list(measure(VARIANTS, CountingScorer(), store))
        path = store.path
    lines = path.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b"-", b"+", 1)
    lines[5] = b"\xff\x00"
    path.write_bytes(b"\n".join(lines))
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert len(store) == DISTINCT - 2


def test_a_file_of_another_identity_is_refused(tmp_path: Path):
    other = ScoreStore(tmp_path, replace(IDENTITY, dtype="bfloat16"))
    with ScoreStore(tmp_path, IDENTITY) as store:
        store["key"] = Score((-1.0,))
    other.path.write_bytes(store.path.read_bytes())
    with pytest.raises(StoreError, match="another program version or model"), other:
        pass


def test_two_runs_do_not_write_to_one_file(tmp_path: Path):
    with (
        ScoreStore(tmp_path, IDENTITY),
        pytest.raises(StoreError, match="another run is scoring counting"),
        ScoreStore(tmp_path, IDENTITY),
    ):
        pass
    with ScoreStore(tmp_path, IDENTITY) as store:
        assert len(store) == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="cannot be written: Not a directory"),
        ScoreStore(tmp_path / "file" / "scores", IDENTITY),
    ):
        pass


def test_identities_have_files_of_their_own(tmp_path: Path):
    identities = [
        IDENTITY,
        replace(IDENTITY, model="org/counting:7b"),
        replace(IDENTITY, model="org_counting_7b"),
        replace(IDENTITY, revision="2"),
        replace(IDENTITY, dtype="bfloat16"),
        Identity("../..", method="text"),
    ]
    paths = [ScoreStore(tmp_path, identity).path for identity in identities]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {tmp_path}


def test_what_the_model_sees_decides_the_digest():
    base = VARIANTS[0]
    assert digest(base) == digest(replace(base, perturbation="order.x", seed=9, part=3))
    assert digest(base) != digest(replace(base, scoring="hybrid"))
    assert digest(base) != digest(replace(base, template="newline"))
