"""Findings: what the numbers say about a model, in plain sentences, and how sure it is.

A finding stands on a p value that is adjusted over every test of the run, so the chance that an
unbiased model is accused of anything at all is at most the stated level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from audit.results import Change, Effect, Results
from audit.statistics import Spread
from audit.variants import LETTERS

LEVEL = 0.05
EVERY = 100.0  # points

Kind = Literal["position", "symbol", "order", "symbols", "prompt", "scoring", "hint", "examples"]

VARY = "Vary the answer's position in the examples and average over rotations (cyclic averaging)."
DEBIAS = (
    "Compare models by hybrid scoring, or remove the bias by cyclic averaging, PriDe or batch "
    "calibration (see --battery position)."
)
QUOTE = "Quote the accuracy with the form it was asked in, or as a range over the forms."
CLEAN = "Keep the test questions out of the examples, and out of the training data."

USUAL_REMEDY: dict[Kind, str] = {
    "position": DEBIAS,
    "symbol": DEBIAS,
    "order": DEBIAS,
    "symbols": QUOTE,
    "prompt": QUOTE,
    "scoring": QUOTE,
    "hint": CLEAN,
    "examples": VARY,
}
SHUFFLES = ("symbols.rare+shuffle_symbols", "order.shuffle_both")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the model is sensitive to.

    Attributes:
        sentence: what it is, for the user; no full stop.
        perturbation: the one that shows it most clearly.
        p: adjusted over the run.
        remedy: what to do about it.
    """

    kind: Kind
    sentence: str
    perturbation: str
    p: float
    remedy: str


def find(results: Results, level: float = LEVEL) -> tuple[Finding, ...]:
    """The findings of a run, biases first; empty where nothing is beyond the level."""
    return (
        *_position_or_symbol(results, level),
        *_hints(results, level),
        *_examples(results, level),
        *_moves(results, level),
    )


def verdict(results: Results, level: float = LEVEL) -> str:
    """One sentence over all: how many findings, at which level, out of how many tests."""
    found, tests = len(find(results, level)), tests_of(results)
    if not tests:
        return "No finding: nothing could be tested"
    sure = f"at the {level * 100:.0f} % level over {tests} test{'s' * (tests > 1)}"
    least = least_points(results, level)
    if not found and least is not None and least > EVERY:
        return f"Too few questions for any finding {sure}"
    if not found:
        return f"No bias found {sure}"
    return f"{found} finding{'s' * (found > 1)} {sure}"


def least_points(results: Results, level: float = LEVEL) -> float | None:
    """The smallest move that can be a finding, in points: all answers that change, change one way.

    Above 100 where the questions are too few for any. None where no move was tested.
    """
    tested = [e.change.n for e in results.effects if e.change and e.change.p is not None]
    if not any(tested):
        return None
    changed = math.floor(math.log2(2 * tests_of(results) / level)) + 1
    return 100 * changed / max(tested)


def tests_of(results: Results) -> int:
    """How many differences and biases were tested."""
    return sum(
        test is not None and test.p is not None
        for effect in results.effects
        for test in (effect.by_position, effect.by_symbol, effect.change)
    )


def decomposition(results: Results, level: float = LEVEL) -> str:
    """Whether recall follows the position or the symbol, in one sentence; "" if not measured.

    With symbols shuffled beside the texts a position no longer has a symbol of its own, so a bias
    towards one of them shows in its own RStd and leaves the other inside its band.
    """
    for effect, position, symbol in _shuffled(results):
        named = _named(position, symbol, level)
        if named:
            return f"{named}: {_split(effect, position, symbol)}"
    for effect, position, symbol in _shuffled(results):
        return (
            "With the symbols shuffled, recall follows neither position nor symbol: "
            f"{_split(effect, position, symbol)}"
        )
    return ""


def _position_or_symbol(results: Results, level: float) -> Iterator[Finding]:
    """At most one finding: the favoured place, named after what the shuffled symbols say."""
    evidence = [
        *_fixed(results, level),
        *_uneven(results, level),
        *_uneven_shuffled(results, level),
    ]
    if not evidence:
        return
    best = evidence[0]
    split = decomposition(results, level)
    yield Finding(
        kind="symbol" if split.startswith("It is the symbol") else "position",
        sentence=f"{best.sentence}. {split}" if split else best.sentence,
        perturbation=best.perturbation,
        p=min(finding.p for finding in evidence),
        remedy=DEBIAS,
    )


def _fixed(results: Results, level: float) -> list[Finding]:
    """Positions that win points when the right answer is there, the strongest first."""
    changed = _changed(results, "order.fix_", level)
    gains = [(effect, change) for effect, change in changed if change.points > 0]
    gains.sort(key=lambda pair: -pair[1].points)
    return [
        _finding(
            "position",
            f"Picks {_letter(effect)} when unsure: {_points(change)} when the answer is "
            f"{_letter(effect)}",
            effect,
            change,
        )
        for effect, change in gains
    ]


def _uneven(results: Results, level: float) -> list[Finding]:
    """Runs in which recall differs by position more than an unbiased model's would."""
    return [
        _finding(
            "position",
            f"Recall depends on where the answer stands, best at {_best(effect)}: RStd "
            f"{_against(spread)}",
            effect,
            spread,
        )
        for effect in results.effects
        if (spread := effect.by_position) and _adjusted(spread) < level
    ]


def _uneven_shuffled(results: Results, level: float) -> list[Finding]:
    """The same by symbol, where symbols are shuffled."""
    return [
        _finding(
            "symbol",
            f"Recall depends on the symbol beside the answer: RStd {_against(spread)}",
            effect,
            spread,
        )
        for effect in results.effects
        if (spread := effect.by_symbol) and _adjusted(spread) < level
    ]


def _hints(results: Results, level: float) -> Iterator[Finding]:
    """Answers that follow what an example gives away, wrong or right."""
    for name, sign, words in (
        ("fewshot.incorrect", -1, "Follows a wrong answer that an example gives away"),
        ("fewshot.correct", 1, "Copies the right answer where an example gives it away"),
    ):
        for effect, change in _changed(results, name, level):
            if sign * change.points > 0:
                yield _finding("hint", f"{words}: {_points(change)}", effect, change)


def _examples(results: Results, level: float) -> Iterator[Finding]:
    """The strongest effect of where the examples' answers stand, and each of other examples."""
    fixed = _strongest(_changed(results, "fewshot.fix_", level))
    if fixed:
        effect, change = fixed
        words = (
            f"Depends on where the answers of the examples stand: {_points(change)} with all of "
            f"them at {_letter(effect)}"
        )
        yield _finding("examples", words, effect, change)
    for name in ("fewshot.trivial", "fewshot.ood"):
        for effect, change in _changed(results, name, level):
            words = f"Depends on the examples: {_points(change)} with {effect.summary}"
            yield _finding("examples", words, effect, change, QUOTE)


def _moves(results: Results, level: float) -> Iterator[Finding]:
    """Accuracy that moves with the form alone; the strongest of each family."""
    families: tuple[tuple[Kind, tuple[str, ...], str], ...] = (
        ("order", ("order.swap", "order.derange", "order.shuffle_both"), "the order"),
        ("symbols", ("symbols.",), "the symbols"),
        ("prompt", ("prompt.",), "the wording of the prompt"),
        ("scoring", ("scoring.",), "the way of scoring"),
    )
    for kind, prefixes, noun in families:
        moved = [pair for prefix in prefixes for pair in _changed(results, prefix, level)]
        if strongest := _strongest(moved):
            effect, change = strongest
            words = f"Accuracy depends on {noun}: {_points(change)}, {effect.summary}"
            yield _finding(kind, words, effect, change)


def _finding(
    kind: Kind, sentence: str, effect: Effect, test: Spread | Change, remedy: str = ""
) -> Finding:
    """What that test of the effect shows; `remedy` where it is not the usual one of its kind."""
    return Finding(
        kind, sentence, effect.perturbation, _adjusted(test), remedy or USUAL_REMEDY[kind]
    )


def _changed(results: Results, prefix: str, level: float) -> list[tuple[Effect, Change]]:
    """The effects of that family whose accuracy moved beyond the level."""
    return [
        (effect, effect.change)
        for effect in results.effects
        if effect.perturbation.startswith(prefix)
        and effect.change
        and _adjusted(effect.change) < level
    ]


def _strongest(pairs: Sequence[tuple[Effect, Change]]) -> tuple[Effect, Change] | None:
    return max(pairs, key=lambda pair: abs(pair[1].points), default=None)


def _shuffled(results: Results) -> Iterator[tuple[Effect, Spread, Spread]]:
    """Runs that separate position from symbol: rare symbols first, which have no usual order."""
    for name in SHUFFLES:
        effect = results.effect(name)
        if effect and effect.by_position and effect.by_symbol:
            yield effect, effect.by_position, effect.by_symbol


def _named(position: Spread, symbol: Spread, level: float) -> str:
    by_position, by_symbol = _adjusted(position) < level, _adjusted(symbol) < level
    if by_position and by_symbol:
        more = "position" if position.rstd > symbol.rstd else "symbol"
        return f"It is the {more} above all, though recall follows both"
    if by_position:
        return "It is the position, not the symbol"
    return "It is the symbol, not the position" if by_symbol else ""


def _split(effect: Effect, position: Spread, symbol: Spread) -> str:
    return (
        f"with {effect.summary}, RStd is {position.rstd:.1f} by position (an unbiased model: up to "
        f"{position.band_high:.1f}) and {symbol.rstd:.1f} by symbol (up to {symbol.band_high:.1f})"
    )


def _against(spread: Spread) -> str:
    """The RStd beside its band."""
    return f"{spread.rstd:.1f} (an unbiased model: up to {spread.band_high:.1f})"


def _adjusted(test: Spread | Change) -> float:
    return 1.0 if test.p_holm is None else test.p_holm


def _points(change: Change) -> str:
    return f"{change.points:+.1f} points"


def _letter(effect: Effect) -> str:
    return effect.perturbation.rpartition("_")[2]


def _best(effect: Effect) -> str:
    """The letter of the position with the best recall."""
    recall = [-1.0 if r is None else r for r in effect.recall]
    return LETTERS[recall.index(max(recall))]
