"""What a run found, as rows of text for a table on a screen, on paper or on a web page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from audit.leaderboard import Leaderboard, Ranking
from audit.results import Change, Effect, Results
from audit.scorers import Normalisation
from audit.statistics import Interval, Spread

SHORT_NAME = 18
NOT_APPLICABLE = "n/a"
NOT_MEASURABLE = "not measurable here"

COLUMNS = ("perturbation", "n", "accuracy", "delta", "p", "RStd", "unbiased", "flips")
SHORT_COLUMNS = ("perturbation", "n", "accuracy", "delta", "p", "RStd", "flips")
ABOUT_SHORT_COLUMNS = (
    "delta: accuracy less the baseline's, in points, with its 95 % interval. p: adjusted for all "
    "tests of the run. RStd: how unevenly right answers are found over the positions (standard "
    "deviation of the recalls, in points); in brackets the most that an unbiased model would show. "
    "flips: picks that changed."
)
REMEDY_COLUMNS = ("remedy", "what it does", "n", "accuracy", "RStd")
LENGTH_COLUMNS = ("perturbation", "n", *get_args(Normalisation))
ABOUT_LENGTHS = (
    "Accuracy by the same log-likelihoods: as they are (lm-eval's acc), per character (acc_norm), "
    "per byte (acc_bytes), per token, and less those without the question (acc_mutual_info)."
)


def rows(results: Results) -> list[tuple[str, ...]]:
    """A row of text for each baseline and perturbation, as `COLUMNS` names the cells."""
    return [_row(effect) for effect in results.effects]


def short_rows(results: Results) -> list[tuple[str, ...]]:
    """The same for a narrow table, as `SHORT_COLUMNS` names the cells; RStd (up to its band).

    A cell may hold several lines.
    """
    return [_short_row(effect) for effect in results.effects]


def remedy_rows(results: Results) -> list[tuple[str, ...]]:
    """A row of text for each remedy, as `REMEDY_COLUMNS` names the cells."""
    return [
        (
            remedy.name,
            remedy.summary,
            f"{remedy.n:,}",
            percent(remedy.accuracy),
            _number(remedy.rstd),
        )
        for remedy in results.remedies
    ]


def length_rows(results: Results) -> list[tuple[str, ...]]:
    """A row of text for each scoring by texts, as `LENGTH_COLUMNS` names the cells."""
    return [
        (
            each.perturbation,
            f"{each.n:,}",
            *(percent(each.accuracy.get(by)) for by in get_args(Normalisation)),
        )
        for each in results.by_length
    ]


def rank_columns(board: Leaderboard) -> tuple[str, ...]:
    """The names of the cells of `ranking_rows`: each model has a column."""
    return ("perturbation", "n", *board.models, "tau", "95 %", "p")


def ranking_rows(board: Leaderboard) -> list[tuple[str, ...]]:
    """A row of text for each baseline, then for everything that is compared with it."""
    found: list[tuple[str, ...]] = []
    for baseline, rankings in board.by_baseline.items():
        first = rankings[0]
        standing = placed(first.before, first.ranks_before)
        found.append((baseline, f"{first.n:,}", *standing, "", "", ""))
        found += [_ranking_row(ranking) for ranking in rankings]
    return found


def placed(accuracies: Sequence[float], ranks: Sequence[int]) -> list[str]:
    """Each model's accuracy with its rank: "71.7 % (1)", or "(1=)" where others share it."""
    return [
        f"{percent(accuracy)} ({rank}{'=' * (ranks.count(rank) > 1)})"
        for accuracy, rank in zip(accuracies, ranks, strict=True)
    ]


def percent(share: float | None) -> str:
    """A share in [0, 1] with one digit: "74.3 %"."""
    return NOT_APPLICABLE if share is None else f"{100 * share:.1f} %"


def probability(p: float | None) -> str:
    """A p value: ".023", "<.001"."""
    if p is None or math.isnan(p):
        return NOT_APPLICABLE
    if p < 0.001:
        return "<.001"
    return f"{p:.3f}".lstrip("0") if p < 1 else "1"


def _row(effect: Effect) -> tuple[str, ...]:
    if not effect.n:
        why = NOT_MEASURABLE if effect.unmeasured else "no answer"
        return (effect.perturbation, "0", why, *[""] * (len(COLUMNS) - 3))
    change = effect.change
    return (
        effect.perturbation,
        f"{effect.n:,}",
        f"{percent(effect.accuracy)} {_interval(effect.interval, 100)}",
        f"{change.points:+.1f} {_interval(change.interval)}" if change else "",
        _change_p(change),
        _spreads(effect),
        _band(effect.by_position),
        f"{100 * change.flips:.0f} %" if change else "",
    )


def _short_row(effect: Effect) -> tuple[str, ...]:
    name, n, _, delta, p, *_, flips = _row(effect)
    name, delta = _broken(name), delta.replace(" ", "\n", 1)
    if not effect.n:
        return (name, n, NOT_MEASURABLE if effect.unmeasured else "no answer", "", "", "", "")
    spreads = [_short_spread(effect.by_position)]
    if effect.by_symbol:
        spreads += ["symbol", _short_spread(effect.by_symbol)]
    return (name, n, percent(effect.accuracy), delta, p, "\n".join(spreads), flips)


def _broken(name: str) -> str:
    """The perturbation's name on two lines where one would be long."""
    if len(name) <= SHORT_NAME:
        return name
    mark = "+" if "+" in name else "_"
    head, _, tail = name.rpartition(mark)
    return f"{head}\n{mark}{tail}"


def _short_spread(spread: Spread | None) -> str:
    return NOT_APPLICABLE if spread is None else f"{spread.rstd:.1f} ({spread.band_high:.1f})"


def _change_p(change: Change | None) -> str:
    return "" if change is None else probability(change.p_holm)


def _spreads(effect: Effect) -> str:
    """RStd with its interval, by position, and by symbol where symbols are shuffled."""
    position = _spread(effect.by_position)
    return f"{position}; by symbol {_spread(effect.by_symbol)}" if effect.by_symbol else position


def _spread(spread: Spread | None) -> str:
    return NOT_APPLICABLE if spread is None else f"{spread.rstd:.1f} {_interval(spread.interval)}"


def _band(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.band_mean:.1f}, to {spread.band_high:.1f}"


def _ranking_row(ranking: Ranking) -> tuple[str, ...]:
    agreement = ranking.kendall
    return (
        ranking.perturbation,
        f"{ranking.n:,}",
        *placed(ranking.accuracies, ranking.ranks),
        _number(agreement.tau, 3),
        _interval(ranking.interval, digits=2),
        probability(agreement.p),
    )


def _interval(interval: Interval, scale: float = 1.0, digits: int = 1) -> str:
    if math.isnan(interval.low):
        return NOT_APPLICABLE
    return f"[{scale * interval.low:.{digits}f}, {scale * interval.high:.{digits}f}]"


def _number(value: float | None, digits: int = 1) -> str:
    return NOT_APPLICABLE if value is None or math.isnan(value) else f"{value:.{digits}f}"
