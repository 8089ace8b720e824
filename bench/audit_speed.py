"""Times the local scorer beside lm-eval on the same requests: CPU seconds, one thread, peak memory.

Run `python -m bench.audit_speed`; it needs lm-eval 0.4.13 and accelerate, and
MMLU under `mcq/mmlu` of that folder. Each measurement has a process of its own, in which imports
and loading the model are not counted; the start-up check of the packed rows is, and laying layers
out for oneDNN.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audit.perturbations import Materials, perturb, unperturbed
from audit.prompts import render
from audit.question_files import read
from audit.questions import Question, QuestionSet
from audit.variants import Scoring, Variant

LEFT, RIGHT = "lm-eval", "llmroute"
ORDERS = ("order.swap", "order.derange", "order.shuffle_both", "order.fix_A", "order.fix_C")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        subjects, each: how many subjects, evenly spaced by name, and how many questions of each;
            MMLU itself has 100 or more of each, which share their few-shot examples.
        shots: few-shot examples, of the question's own subject.
        battery: whether each question is asked in 13 forms: in its own order and five others,
            all by symbol and by option text, and once by cloze.
        share: lm-eval is given one in so many questions, and its seconds are scaled up.
    """

    subjects: int
    each: int
    shots: int = 0
    scoring: Scoring = "symbol"
    battery: bool = False
    share: int = 1


SETTINGS = {
    "0-shot symbol": Setting(57, 9),
    "5-shot symbol": Setting(1, 60, shots=5),
    "0-shot hybrid": Setting(3, 20, scoring="hybrid"),
    "5-shot hybrid": Setting(1, 20, shots=5, scoring="hybrid"),
    "0-shot cloze": Setting(5, 20, scoring="cloze"),
    "13-variant battery, 5-shot": Setting(1, 24, shots=5, battery=True, share=4),
    "the same, two subjects": Setting(2, 12, shots=5, battery=True, share=4),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one process needed, and the log-likelihoods it found, in the order asked for."""

    seconds: float
    peak_mib: float
    loglik: list[float]


def main() -> None:
    """Print the table, or one measurement where a worker is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SETTINGS, action="append")
    parser.add_argument("--worker", nargs=3, metavar=("TOOL", "SETTING", "MODEL"))
    arguments = parser.parse_args()
    from bench.datasets import DATA

    questions = read(DATA / "mcq" / "mmlu")
    if arguments.worker:
        tool, name, model = arguments.worker
        print(json.dumps(WORKERS[tool](model, list(variants(questions, SETTINGS[name], tool)))))
        return
    from bench import random_llama

    with tempfile.TemporaryDirectory() as folder:
        texts = (" ".join([q.stem, *q.options]) for q in questions.test)
        model = random_llama.build(Path(folder), texts)
        print(
            f"{'CPU seconds, one thread':40}{LEFT:>10}{RIGHT:>10}{'ratio':>8}"
            f"{'peak MiB':>18}{'largest |Δ| nats':>20}"
        )
        for name in arguments.only or SETTINGS:
            _print_row(name, model)


def variants(questions: QuestionSet, setting: Setting, tool: str) -> Iterator[Variant]:
    """The requests of a setting, question by question."""
    subjects = sorted({question.subject for question in questions.test})
    for i in range(setting.subjects):
        subject = subjects[int((i + 0.5) * len(subjects) / setting.subjects)]
        examples = tuple(q for q in questions.examples if q.subject == subject)[: setting.shots]
        asked = [q for q in questions.test if q.subject == subject][: setting.each]
        for question in asked[:: setting.share if tool == LEFT else 1]:
            yield from _forms(question, examples, setting)


def _forms(
    question: Question, examples: tuple[Question, ...], setting: Setting
) -> Iterator[Variant]:
    materials = Materials(examples=examples)
    asked = replace(
        unperturbed(question, "symbol.fewshot", materials, seed=0), scoring=setting.scoring
    )
    if not setting.battery:
        yield asked
        return
    orders = [asked, *(perturb(asked, name, materials)[0] for name in ORDERS)]
    yield from orders
    yield from (replace(variant, scoring="hybrid") for variant in orders)
    yield replace(asked, scoring="cloze")


def _print_row(name: str, model: Path) -> None:
    setting = SETTINGS[name]
    left, right = (_measure(tool, name, model) for tool in (LEFT, RIGHT))
    seconds = left.seconds * setting.share
    label = f"{name}, {setting.subjects * setting.each} questions"
    peaks = f"{left.peak_mib:,.0f} / {right.peak_mib:,.0f}"
    apart = f"{_apart(left, right):.1e}" if setting.share == 1 else ""
    print(
        f"{label:40}{seconds:>10.1f}{right.seconds:>10.1f}{seconds / right.seconds:>8.1f}"
        f"{peaks:>18}{apart:>20}",
        flush=True,
    )


def _apart(left: Measurement, right: Measurement) -> float:
    return float(np.abs(np.subtract(left.loglik, right.loglik)).max())


def _measure(tool: str, name: str, model: Path) -> Measurement:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "bench.audit_speed", "--worker", tool, name, str(model)]
    environment = {**os.environ, **threads, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def _with_llmroute(model: str, asked: Sequence[Variant]) -> dict[str, object]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from audit.scorers.local import LocalScorer
    from audit.scorers.onednn import lay_out

    weights = AutoModelForCausalLM.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    start = time.process_time()
    scorer = LocalScorer(weights, tokenizer, name=model)
    lay_out(weights)
    scores = list(scorer.score(asked))
    return _result(start, [nats for score in scores for nats in score.loglik if nats is not None])


def _with_lm_eval(model: str, asked: Sequence[Variant]) -> dict[str, object]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    runner = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=1)
    prompts = [render(variant) for variant in asked]
    start = time.process_time()
    requests = [
        Instance("loglikelihood", doc={}, arguments=(prompt.context, continuation), idx=i)
        for prompt in prompts
        for i, continuation in enumerate(prompt.continuations)
    ]
    found = runner.loglikelihood(requests, disable_tqdm=True)
    return _result(start, [nats for nats, _ in found])


def _result(start: float, loglik: list[float]) -> dict[str, object]:
    seconds = time.process_time() - start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mib": peak_mib, "loglik": loglik}


WORKERS = {LEFT: _with_lm_eval, RIGHT: _with_llmroute}


if __name__ == "__main__":
    main()
