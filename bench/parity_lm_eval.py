"""Holds the local scorer to lm-eval: the same MMLU rows, prompts built by each, nats compared.

Run `python -m bench.parity_lm_eval`; it needs lm-eval 0.4.13 and accelerate. Two
models, float32 on the CPU: the trained `stories260k_hf` of that folder, to which few-shot prompts
are too long and are cut, and a random Llama of 33.7 million parameters. Ends with 1 unless every
prompt is the same to the letter, every log-likelihood within 1e-4 nats and every pick the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from audit.perturbations import Materials, unperturbed
from audit.prompts import render
from audit.question_files import read
from audit.questions import Question, QuestionSet
from audit.scorers import choose
from audit.scorers.local import LocalScorer, load
from audit.variants import Scoring, Variant
from bench import random_llama
from bench.datasets import DATA

TOLERANCE = 1e-4
SUBJECTS, EACH = ("anatomy", "high_school_physics", "philosophy"), 8
SCORINGS: tuple[Scoring, ...] = ("symbol", "hybrid", "cloze")
SHOTS = (0, 5)

MMLU_TEXT = "{{question.strip()}}\n" + "".join(
    f"{letter}. {{{{choices[{i}]}}}}\n" for i, letter in enumerate("ABCD")
)
TEXT = {
    "symbol": MMLU_TEXT + "Answer:",
    "hybrid": MMLU_TEXT + "Answer:",
    "cloze": "Question: {{question}}\nAnswer:",
}
CHOICE: dict[str, Any] = {"symbol": list("ABCD"), "hybrid": "{{choices}}", "cloze": "{{choices}}"}


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found.

    Attributes:
        apart: largest difference of a log-likelihood, in nats.
        prompts, picks: how many prompts, and how many picks, differ.
    """

    options: int
    apart: float
    prompts: int
    picks: int

    @property
    def good(self) -> bool:
        """Whether the two are the same."""
        return self.apart <= TOLERANCE and not self.prompts and not self.picks


def main() -> int:
    """Print the table; 0 where all is the same."""
    questions = read(DATA / "mcq" / "mmlu")
    print(
        f"{'model':18}{'scoring':10}{'shots':>6}{'options':>9}{'largest |Δ| nats':>20}"
        f"{'other prompts':>15}{'other picks':>13}"
    )
    good = True
    with tempfile.TemporaryDirectory() as folder:
        texts = (" ".join([q.stem, *q.options]) for q in questions.test)
        drawn = random_llama.build(Path(folder, "random33m"), texts)
        for model in (DATA / "stories260k_hf", drawn):
            scorer = load(model, device="cpu")
            theirs = _with_lm_eval(model, questions, Path(folder))
            for scoring in SCORINGS:
                for shots in SHOTS:
                    found = compare(scorer, questions, scoring, shots, theirs)
                    good = good and found.good
                    print(
                        f"{model.name:18}{scoring:10}{shots:>6}{found.options:>9}"
                        f"{found.apart:>20.1e}{found.prompts:>15}{found.picks:>13}",
                        flush=True,
                    )
    return 0 if good else 1


def compare(
    scorer: LocalScorer,
    questions: QuestionSet,
    scoring: Scoring,
    shots: int,
    theirs: dict[str, list[dict[str, Any]]],
) -> Compared:
    """One scoring with so many shots, over all subjects."""
    options = prompts = picks = 0
    apart = 0.0
    for subject in SUBJECTS:
        asked = list(_variants(questions, subject, scoring, shots))
        samples = sorted(theirs[_task(scoring, shots, subject)], key=lambda s: s["doc_id"])
        for variant, score, sample in zip(asked, scorer.score(asked), samples, strict=True):
            prompt = render(variant)
            ours = [(prompt.context, continuation) for continuation in prompt.continuations]
            nats = [float(nats) for nats, _ in sample["filtered_resps"]]
            prompts += ours != _arguments(sample)
            found = np.array(score.loglik, dtype=np.float64)
            apart = max(apart, float(np.abs(found - nats).max()))
            options += len(nats)
            by_nats, by_length = (
                choose(variant, score, "none"),
                choose(variant, score, "characters"),
            )
            right = variant.shown.answer
            picks += (by_nats.position == right) != bool(sample["acc"])
            picks += by_nats.position != nats.index(max(nats))
            picks += (by_length.position == right) != bool(sample["acc_norm"])
    return Compared(options, apart, prompts, picks)


def _arguments(sample: dict[str, Any]) -> list[tuple[str, str]]:
    """The context and continuation of each choice, as lm-eval logged them."""
    return [(context, continuation) for context, continuation, *_ in sample["arguments"]]


def _variants(
    questions: QuestionSet, subject: str, scoring: Scoring, shots: int
) -> Iterator[Variant]:
    materials = Materials(examples=tuple(_of(questions.examples, subject))[:shots])
    for question in _of(questions.test, subject)[:EACH]:
        asked = unperturbed(question, "symbol.fewshot", materials, seed=0)
        yield replace(asked, scoring=scoring)


def _of(questions: Sequence[Question], subject: str) -> list[Question]:
    return [question for question in questions if question.subject == subject]


def _task(scoring: str, shots: int, subject: str) -> str:
    return f"parity_{scoring}_{shots}_{subject}"


def _with_lm_eval(
    model: Path, questions: QuestionSet, folder: Path
) -> dict[str, list[dict[str, Any]]]:
    """The samples that lm-eval logs, by task."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    tasks = []
    for subject in SUBJECTS:
        files = {"dev": folder / f"{subject}_dev.jsonl", "test": folder / f"{subject}_test.jsonl"}
        _write(files["dev"], _of(questions.examples, subject))
        _write(files["test"], _of(questions.test, subject)[:EACH])
        for scoring in SCORINGS:
            for shots in SHOTS:
                tasks.append(_task(scoring, shots, subject))
                config = _config(tasks[-1], scoring, shots, subject, files)
                # JSON is YAML.
                Path(folder, f"{tasks[-1]}.yaml").write_text(json.dumps(config))
    result = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "dtype": "float32"},
        device="cpu",
        batch_size=1,
        tasks=tasks,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        log_samples=True,
        bootstrap_iters=0,
    )
    samples: dict[str, list[dict[str, Any]]] = result["samples"]
    return samples


def _write(file: Path, questions: Sequence[Question]) -> None:
    file.write_text(
        "".join(
            json.dumps({"question": q.stem, "choices": q.options, "answer": q.answer}) + "\n"
            for q in questions
        )
    )


def _config(
    task: str, scoring: str, shots: int, subject: str, files: dict[str, Path]
) -> dict[str, Any]:
    about = subject.replace("_", " ")
    head = f"The following are multiple choice questions (with answers) about {about}.\n\n"
    return {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: str(file) for split, file in files.items()}},
        "test_split": "test",
        "fewshot_split": "dev",
        "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": shots,
        "output_type": "multiple_choice",
        "description": "" if scoring == "cloze" else head,
        "doc_to_text": TEXT[scoring],
        "doc_to_choice": CHOICE[scoring],
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    }


if __name__ == "__main__":
    sys.exit(main())
