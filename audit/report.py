"""What a run found, in sentences, as JSON and as Markdown; `audit.page` makes it a web page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from audit.errors import DataError, Place
from audit.findings import EVERY, Finding, decomposition, find, least_points, verdict
from audit.leaderboard import Leaderboard
from audit.results import Effect, Results
from audit.tables import (
    ABOUT_LENGTHS,
    COLUMNS,
    LENGTH_COLUMNS,
    REMEDY_COLUMNS,
    length_rows,
    percent,
    placed,
    rank_columns,
    ranking_rows,
    remedy_rows,
    rows,
)

FORMAT = 1
MOVES = 5
SMALL_POINTS = 5.0

_SIGNS = re.compile(r"[|<>`*\\]")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an endpoint's likeliest tokens showed, as shares in [0, 1].

    Attributes:
        symbols: of the symbols, how many came back.
        probability: how much of the next token's probability was on them, on average.
    """

    symbols: float
    probability: float


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run took; the cost in US dollars is None for an unknown price."""

    seconds: float
    tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """One model's audit.

    Attributes:
        created: when, in ISO 8601.
        planned, scored: prompts of the battery, and how many of them have a score.
        notes: how it was measured, a sentence each.
        symbol_tokens: how many tokens the model's tokenizer makes of each symbol, where known.
        unread: what one of the replies that named no option said, in quotes.
    """

    results: Results
    created: str
    planned: int
    scored: int
    spending: Spending
    notes: tuple[str, ...] = ()
    coverage: Coverage | None = None
    symbol_tokens: dict[str, int] = field(default_factory=dict)
    unread: str = ""
    format: int = FORMAT

    @property
    def model(self) -> str:
        """The model's name."""
        return self.results.identity.model

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What it says about the model."""
        return find(self.results)

    @property
    def is_whole(self) -> bool:
        """Whether the run was completed."""
        return self.scored == self.planned


def to_json(report: Report) -> str:
    """The report with everything in it, as `from_json` reads it; findings included."""
    fields = msgspec.to_builtins(report)
    fields["findings"] = msgspec.to_builtins(report.findings)
    fields["verdict"] = verdict(report.results)
    return msgspec.json.encode(fields).decode() + "\n"


def from_json(file: Path) -> Report:
    """The report in that file.

    Raises:
        DataError: it cannot be read, or is no report of this version.
    """
    expected = f"a report of llmroute audit, format {FORMAT}"
    try:
        report = msgspec.json.decode(file.read_bytes(), type=Report)
    except OSError as error:
        raise DataError(Place(file), error.strerror or "cannot be read", expected) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(Place(file), f"is none: {error}", expected) from error
    if report.format != FORMAT:
        raise DataError(Place(file), f"has format {report.format}", expected)
    return report


def sentences(report: Report) -> list[str]:
    """The accuracy and how far it moves, the verdict, then the findings and what they rest on."""
    results = report.results
    split = decomposition(results)
    found = [finding.sentence for finding in report.findings]
    said = any(split in sentence for sentence in found)
    more = [split] if split and not said else []
    return [f"{text}." for text in (headline(results), verdict(results), *found, *more)]


def headline(results: Results) -> str:
    """The accuracy in the set's usual form, and the lowest and the highest of all forms.

    Forms answered less than half as often are left out: theirs is another question set.
    """
    baseline = results.effect(f"{results.form.home}.0shot") or next(iter(results.effects), None)
    if baseline is None or baseline.accuracy is None:
        return "No accuracy: no question was answered in its usual form"
    low, high = (100 * end for end in baseline.interval)
    said = (
        f"Accuracy {percent(baseline.accuracy)} [{low:.1f}, {high:.1f}] on {baseline.n:,} "
        f"question{'s' * (baseline.n > 1)} ({baseline.summary})"
    )
    comparable = [
        (effect.accuracy, effect.perturbation)
        for effect in results.effects
        if effect.accuracy is not None and 2 * effect.n >= baseline.n
    ]
    if len(comparable) == 1:
        return said
    (least, worst), (most, best) = min(comparable), max(comparable)
    return (
        f"{said}; over {len(comparable)} forms, from {percent(least)} ({worst}) to {percent(most)} "
        f"({best})"
    )


def remedies(report: Report) -> list[str]:
    """What to do about the findings, each advice once."""
    return list(dict.fromkeys(finding.remedy for finding in report.findings))


def facts(report: Report) -> list[tuple[str, str]]:
    """What was measured, how, and what it took, as label and value."""
    results = report.results
    identity, form = results.identity, results.form
    subjects = len(set(results.subjects))
    asked = f"{len(results.question_ids):,} from the set {form.questions!r}; subjects: {subjects}"
    rows = [
        ("model", identity.model),
        ("measured by", _joined(identity.method, identity.dtype, identity.revision)),
        ("questions", asked),
        ("battery", f"{form.battery}, seed {form.seed}, {form.shots} examples where few-shot"),
        ("asked", _asked(report)),
        ("when", report.created),
        ("took", _took(report.spending)),
        ("blind guesses", _floors(results.floors)),
    ]
    return [(label, value) for label, value in rows if value]


def forms(results: Results) -> list[tuple[str, str]]:
    """Each baseline and perturbation of the run, and how it asks."""
    return [(effect.perturbation, effect.summary) for effect in results.effects]


def remarks(report: Report) -> list[str]:
    """What the reader must know to trust the numbers, a sentence each."""
    return list(_remarks(report))


def standings(board: Leaderboard) -> list[str]:
    """The models from the best to the worst under each baseline, a sentence each."""
    found = []
    for baseline, rankings in board.by_baseline.items():
        first = rankings[0]
        shown = placed(first.before, first.ranks_before)
        ranked = sorted(zip(first.ranks_before, board.models, shown, strict=True))
        found.append(f"By {baseline}: {', '.join(f'{name} {text}' for _, name, text in ranked)}.")
    return found


def moves(board: Leaderboard) -> list[str]:
    """The largest changes of rank, a sentence each."""
    return [
        f"{move.model} {'wins' if move.places > 0 else 'loses'} {abs(move.places)} "
        f"place{'s' * (abs(move.places) > 1)} under {move.perturbation}."
        for move in board.largest_moves(MOVES)
    ]


def markdown(report: Report) -> str:
    """The report as Markdown."""
    parts = [
        f"# Audit of {_plain(report.model)}",
        _list(sentences(report)),
        _section("What to do", _list(remedies(report))),
        _section("What was measured", _table(("", ""), facts(report))),
        _section("Perturbations", _table(COLUMNS, rows(report.results))),
        _section("What each perturbation changes", _table(("", ""), forms(report.results))),
        _section("The same scores, debiased", _remedy_table(report.results)),
        _section("The same scores, by length", _length_table(report.results)),
        _section("Remarks", _list(remarks(report))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def leaderboard_markdown(board: Leaderboard) -> str:
    """The leaderboard as Markdown."""
    parts = [
        f"# Audit of {len(board.models)} models",
        _list(standings(board)),
        _section("Largest moves", _list(moves(board))),
        _section("Rankings", _table(rank_columns(board), ranking_rows(board))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def leaderboard_json(board: Leaderboard) -> str:
    """The leaderboard with everything in it; what is undefined is null."""
    return msgspec.json.encode(board).decode() + "\n"


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _asked(report: Report) -> str:
    if report.is_whole:
        return f"{report.scored:,} time{'s' * (report.scored > 1)}"
    return f"{report.scored:,} times of {report.planned:,}: the run was stopped"


def _took(spending: Spending) -> str:
    cost = "at no cost" if spending.cost_usd == 0 else f"${spending.cost_usd or 0:.4f}"
    if spending.cost_usd is None:
        cost = "at an unknown price"
    return f"{spending.seconds:,.0f} s, {spending.tokens:,} tokens, {cost}"


def _floors(floors: dict[str, float]) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in floors.items())


def _remarks(report: Report) -> Iterator[str]:
    least = least_points(report.results)
    if not report.findings and least is not None and SMALL_POINTS < least <= EVERY:
        yield f"With so few questions, a change of less than {least:.0f} points is no finding."
    yield from (f"{note[:1].upper()}{note[1:]}." for note in report.notes)
    results = report.results
    effects = results.effects
    for words, number in (
        ("Replies that named no option, counted apart", sum(e.unparsed for e in effects)),
        ("Replies that declined to answer, counted apart", sum(e.refused for e in effects)),
        (
            "Questions, over all forms, that cannot be measured here",
            sum(e.unmeasured for e in effects),
        ),
        ("Ties, broken by the seed", sum(e.tied for e in effects)),
    ):
        if number:
            yield f"{words}: {number:,}."
    if report.unread:
        yield f"One of the replies that named no option said {report.unread}."
    if report.coverage:
        yield (
            f"{percent(report.coverage.symbols)} of the symbols were among the tokens that came "
            f"back, with {percent(report.coverage.probability)} of the probability; the others "
            "are bounded."
        )
    if len(set(report.symbol_tokens.values())) > 1:
        counts = ", ".join(f"{symbol} {n}" for symbol, n in report.symbol_tokens.items())
        yield f"Symbols differ in tokens ({counts}): --symbols auto takes some that do not."
    yield from (f"Questions with {flag!r}: {n:,}." for flag, n in results.flags.items())
    yield from (f"{name} is left out: {why}." for name, why in results.left_out.items())
    yield from (
        f"Warning, {n:,} time{'s' * (n > 1)}: {warning}." for warning, n in results.warnings.items()
    )
    yield from _plain_remarks(effects)


def _plain_remarks(effects: Sequence[Effect]) -> Iterator[str]:
    """Differences that are others without the questions whose options name letters or places."""
    for effect in effects:
        change = effect.change
        if change is None or change.plain_points is None or change.plain_n == change.n:
            continue
        if abs(change.plain_points - change.points) >= 0.5:
            yield (
                f"{effect.perturbation}: {change.plain_points:+.1f} points on the "
                f"{change.plain_n:,} questions whose options do not speak of other options."
            )


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(item)}" for item in items)


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines)


def _plain(text: str) -> str:
    """The text as Markdown that says just that: names and options may hold signs of Markdown."""
    return _SIGNS.sub(r"\\\g<0>", " ".join(text.split()))


def _remedy_table(results: Results) -> str:
    return _table(REMEDY_COLUMNS, remedy_rows(results)) if results.remedies else ""


def _length_table(results: Results) -> str:
    if not results.by_length:
        return ""
    return f"{ABOUT_LENGTHS}\n\n{_table(LENGTH_COLUMNS, length_rows(results))}"
