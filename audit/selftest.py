"""Checks of the installation from end to end: a known bias is found, and none without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.battery import Plan, build
from audit.errors import AuditError
from audit.findings import Finding
from audit.page import page
from audit.questions import QuestionSet, read, shipped
from audit.report import Report, markdown, to_json
from audit.run import Run
from audit.scorers import Scorer
from audit.scorers.rules import RuleScorer, always, knows, uniform

PLANTED_QUESTIONS = 200
ALWAYS_ONE = 43.3  # points of RStd with four options, from 100 % at one position and 0 % elsewhere


@dataclass(frozen=True, slots=True)
class Check:
    """One check and how it went."""

    name: str
    passed: bool
    detail: str


def checks(planted: Path) -> Iterator[Check]:
    """Each check as soon as it is done; `planted` is the folder of the planted-bias models."""
    questions = shipped()
    four = [question for question in questions.test if len(question.options) == 4]
    questions = QuestionSet("shipped", tuple(four), questions.examples)
    yield Check("questions", len(four) >= 300, f"{len(four)} with four options are shipped")
    yield _always_one(questions)
    yield _accused("a rule that guesses C", questions, RuleScorer("C", knows(0.5, 0, always(2))))
    yield _not_accused("a rule that guesses fairly", questions, RuleScorer("fair", uniform(0)))
    yield _written(questions)
    yield from _planted(planted)


def _always_one(questions: QuestionSet) -> Check:
    """A rule that always answers C has an RStd that is known."""
    report = _report(questions, RuleScorer("always C", always(2)))
    effect = report.results.effect("symbol.0shot")
    rstd = effect.by_position.rstd if effect and effect.by_position else 0.0
    words = f"RStd {rstd:.1f} of {ALWAYS_ONE}"
    return Check("a rule that always answers C", abs(rstd - ALWAYS_ONE) < 0.05, words)


def _accused(name: str, questions: QuestionSet, scorer: Scorer) -> Check:
    found = _report(questions, scorer).findings
    return Check(name, any(map(_names_c, found)), found[0].sentence if found else "nothing found")


def _not_accused(name: str, questions: QuestionSet, scorer: Scorer) -> Check:
    found = [f for f in _report(questions, scorer).findings if f.kind in {"position", "symbol"}]
    return Check(name, not found, found[0].sentence if found else "no bias found")


def _written(questions: QuestionSet) -> Check:
    """Reports can be written in every form."""
    report = _report(questions, RuleScorer("always C", always(2)))
    sizes = [len(text(report)) for text in (to_json, markdown, page)]
    return Check("reports", min(sizes) > 500, "JSON, Markdown and a web page are written")


def _planted(folder: Path) -> Iterator[Check]:
    """The planted-bias models run here, and only the biased one is found to be."""
    from audit.scorers.local import load

    questions = read(folder / "questions.jsonl")
    for name, check in (("biased", _accused), ("balanced", _not_strongly_accused)):
        try:
            yield check(f"demo/{name}", questions, load(folder / name, name=f"demo/{name}"))
        except AuditError as error:
            yield Check(f"demo/{name}", False, f"{error} {error.hint}")


def _not_strongly_accused(name: str, questions: QuestionSet, scorer: Scorer) -> Check:
    """A small model is never quite fair; it must stay far from the biased one."""
    effect = _report(questions, scorer).results.effect("order.fix_C")
    points = effect.change.points if effect and effect.change else float("nan")
    return Check(name, abs(points) < 12, f"{points:+.1f} points when the answer is C")


def _names_c(finding: Finding) -> bool:
    return finding.sentence.startswith("Picks C when unsure")


def _report(questions: QuestionSet, scorer: Scorer) -> Report:
    plan = Plan(battery="position", max_samples=PLANTED_QUESTIONS)
    run = Run(build(questions, plan), scorer, {})
    for _ in run.events():
        pass
    return run.report("")
