"""`llmroute audit data pull` through the `datasets` library, from a hub on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.pull import MOST_EXAMPLES, SOURCES, pull
from audit.question_files import read
from audit.questions import QuestionSet
from tests.hub import HubServer, dataset
from tui.paths import paths

OTHERS = {"arc": ["1", "2", "3", "4"], "csqa": ["A", "B", "C", "D", "E"]}


def row(name: str, number: int) -> dict[str, Any]:
    """A row as that set has it on the hub; its third option is right."""
    if name == "mmlu":
        options = ["None", "NA", "c", "d"]
        return {"question": f"x {number}?", "subject": "law", "choices": options, "answer": 2}
    labels = OTHERS[name]
    options = {"text": [f"{label} is it" for label in labels], "label": labels}
    return {"id": f"q{number}", "question": f"x {number}?", "choices": options} | {
        "answerKey": labels[2]
    }


def hub_with(name: str, **changed: object) -> HubServer:
    """A hub that has the set: twelve rows to ask, more examples than are taken, another split."""
    source = SOURCES[name]
    sizes = {source.splits["test"]: 12, source.splits["example"]: MOST_EXAMPLES + 50, "other": 1}
    splits = {
        split: [row(name, 1000 * i + number) | changed for number in range(size)]
        for i, (split, size) in enumerate(sizes.items())
    }
    return HubServer({source.dataset: dataset(source.config or "default", splits)})


def pulled(hub: HubServer, name: str, home: Path) -> subprocess.CompletedProcess[str]:
    """How the command ended. The hub's address is read when its library is imported."""
    environment = {**os.environ, "LLMROUTE_HOME": str(home), "HF_HOME": str(home / "hub")}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "COLUMNS": "500"}
    command = [sys.executable, "-m", "tui.cli", "audit", "data", "pull", name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def file_of(name: str, home: Path) -> Path:
    return paths({"LLMROUTE_HOME": str(home)}).audits / "data" / f"{name}.jsonl"


@pytest.fixture(scope="module", params=SOURCES)
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("home")
    with hub_with(request.param) as hub:
        done = pulled(hub, request.param, home)
    assert done.returncode == 0, done.stderr
    assert f"12 questions and {MOST_EXAMPLES} examples" in done.stdout
    return read(file_of(request.param, home))


def test_pulled_questions_have_their_answers(held: QuestionSet):
    assert len(held.test) == 12
    assert {question.answer for question in held.test + held.examples} == {2}
    assert {len(question.options) for question in held.test} == {5 if held.name == "csqa" else 4}


def test_literal_none_and_na_stay_texts(held: QuestionSet):
    if held.name == "mmlu":
        assert {question.options[:2] for question in held.test} == {("None", "NA")}


def test_only_some_examples_are_taken_and_no_other_split(held: QuestionSet):
    assert len(held.examples) == MOST_EXAMPLES
    assert held.examples[0].stem == "x 1000?"


def test_set_that_the_hub_lacks_leaves_the_one_that_was_there(tmp_path: Path):
    file = file_of("arc", tmp_path)
    file.parent.mkdir(parents=True)
    file.write_text("before")
    with HubServer({}) as hub:
        done = pulled(hub, "arc", tmp_path)
    assert done.returncode == 2
    assert "allenai/ai2_arc: cannot be fetched" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text() == "before"


def test_malformed_rows_are_refused_and_nothing_is_kept(tmp_path: Path):
    with hub_with("mmlu", answer=9) as hub:
        done = pulled(hub, "mmlu", tmp_path)
    assert done.returncode == 2
    assert "answer is 9" in done.stderr
    assert list(file_of("mmlu", tmp_path).parent.iterdir()) == []


def test_unknown_set_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="mmlu, arc, csqa"):
        pull("hellaswag", tmp_path)
