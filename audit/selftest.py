"""End-to-end checks of the installation: a known bias is found, and none where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.battery import Plan, build
from audit.errors import AuditError
from audit.findings import Finding
from audit.page import page
from audit.planted import planted_model, planted_questions
from audit.question_files import read, shipped
from audit.questions import QuestionSet
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


def checks() -> Iterator[Check]:
    """Each check as soon as it is done."""
    questions = shipped()
    four = [question for question in questions.test if len(question.options) == 4]
    questions = QuestionSet("shipped", tuple(four), questions.examples)
    yield Check("questions", len(four) >= 300, f"{len(four)} with four options are shipped")
    yield _always_one(questions)
    guesses_c = _report(questions, RuleScorer("C", knows(0.5, 0, always(2))))
    yield _named("a rule that guesses C", guesses_c)
    yield _not_accused(_report(questions, RuleScorer("fair", uniform(0))))
    yield _written(guesses_c)
    yield from _planted()


def _always_one(questions: QuestionSet) -> Check:
    """A rule that always answers C has an RStd that is known."""
    report = _report(questions, RuleScorer("always C", always(2)))
    effect = report.results.effect("symbol.0shot")
    rstd = effect.by_position.rstd if effect and effect.by_position else 0.0
    words = f"RStd {rstd:.1f} of {ALWAYS_ONE}"
    return Check("a rule that always answers C", abs(rstd - ALWAYS_ONE) < 0.05, words)


def _named(name: str, report: Report) -> Check:
    """The report says that C is picked."""
    found = report.findings
    return Check(name, any(map(_names_c, found)), found[0].sentence if found else "nothing found")


def _not_accused(report: Report) -> Check:
    """A rule without a bias yields no finding."""
    found = [f for f in report.findings if f.kind in {"position", "symbol"}]
    words = found[0].sentence if found else "no bias found"
    return Check("a rule that guesses fairly", not found, words)


def _written(report: Report) -> Check:
    """Reports can be written in every form."""
    sizes = [len(text(report)) for text in (to_json, markdown, page)]
    return Check("reports", min(sizes) > 500, "JSON, Markdown and a web page are written")


def _planted() -> Iterator[Check]:
    """The planted-bias models run here, and the biased one is told from the other."""
    from audit.scorers.local import load

    questions = read(planted_questions())
    try:
        biased, balanced = (
            _report(questions, load(planted_model(name), name=name))
            for name in ("demo/biased", "demo/balanced")
        )
    except AuditError as error:
        yield Check("planted models", False, f"{error} {error.hint}")
        return
    yield _named("demo/biased", biased)
    gain, planted = _gain(balanced), _gain(biased)
    words = f"{gain:+.1f} points when the answer is C; demo/biased has {planted:+.1f}"
    yield Check("demo/balanced", abs(gain) < planted / 2, words)


def _gain(report: Report) -> float:
    """Points that the model wins where the answer stands at C."""
    effect = report.results.effect("order.fix_C")
    assert effect is not None, "the battery has it"
    assert effect.change is not None, "all of its questions were answered"
    return effect.change.points


def _names_c(finding: Finding) -> bool:
    return finding.sentence.startswith("Picks C when unsure")


def _report(questions: QuestionSet, scorer: Scorer) -> Report:
    plan = Plan(battery="position", max_samples=PLANTED_QUESTIONS)
    run = Run(build(questions, plan), scorer, {})
    for _ in run.events():
        pass
    return run.report("")
