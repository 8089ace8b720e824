"""A small report written by hand, so that its texts depend on no computation."""

from __future__ import annotations

from dataclasses import replace

from audit.leaderboard import Leaderboard, Ranking
from audit.lengths import ByLength
from audit.remedies import Remedy
from audit.report import Coverage, Report, Spending
from audit.results import Change, Effect, Form, Results
from audit.scorers import Identity
from audit.statistics import Interval, Kendall, Spread

NAME = "evil <script>alert(1)</script> | `model` & co"


def spread(rstd: float, p: float) -> Spread:
    return Spread(rstd, Interval(rstd - 2, rstd + 2), 4.4, 7.7, p, p)


PLAIN = Effect(
    perturbation="symbol.0shot",
    summary="symbol scoring, no examples",
    baseline="",
    n=300,
    unparsed=0,
    refused=0,
    unmeasured=0,
    tied=0,
    accuracy=0.743,
    interval=Interval(0.69, 0.789),
    shares=(0.2, 0.2, 0.4, 0.2),
    recall=(0.6, 0.7, 0.95, None),
    confusion=((60, 10, 30, 0), (5, 70, 25, 0), (2, 1, 97, 0), (0, 0, 0, 0)),
    by_position=spread(15.0, 0.0004),
    by_symbol=None,
    change=None,
)
FIXED = replace(
    PLAIN,
    perturbation="order.fix_C",
    summary="the right answer always at C",
    baseline="symbol.0shot",
    by_position=None,
    change=Change(300, 0.743, 25.8, Interval(21.2, 30.4), 0.00001, 0.31, 280, 24.1, 0.00004),
)
SHUFFLED = replace(
    PLAIN,
    perturbation="symbols.rare+shuffle_symbols",
    summary="rare symbols shuffled, texts in place",
    baseline="symbols.rare",
    by_position=spread(14.2, 0.0002),
    by_symbol=spread(3.1, 0.8),
    unparsed=3,
    refused=2,
    tied=1,
    change=Change(295, 0.743, -1.2, Interval(-4.0, 1.9), 0.4, 0.1, 0, None, 1.0),
)
HYBRID = replace(
    PLAIN,
    perturbation="scoring.hybrid",
    summary="scored by the option's text, options shown",
    baseline="symbol.0shot",
    n=0,
    unmeasured=300,
    accuracy=None,
    interval=Interval(0.0, 1.0),
    shares=(0.0,) * 4,
    recall=(None,) * 4,
    confusion=((0,) * 4,) * 4,
    by_position=None,
)
RESULTS = Results(
    identity=Identity(NAME, revision="abc123", dtype="float32", method="chat logprobs"),
    form=Form("shipped", "quick", 0, "symbol", 5, "0123456789ab"),
    question_ids=("a", "b"),
    subjects=("s", "t"),
    effects=(PLAIN, FIXED, SHUFFLED, HYBRID),
    remedies=(Remedy("none", "as scored", 300, 0.743, 15.0), Remedy("PriDe", "x", 300, 0.76, None)),
    correct={"symbol.0shot": (1.0, None), "order.fix_C": (1.0, 0.5)},
    floors={"always A": 0.25, "longest option": 0.28},
    flags={"names letters": 12},
    left_out={"fewshot.ood": "0 out-of-domain questions of 5"},
    warnings={"the context was cut": 7},
    by_length=(ByLength("scoring.cloze", 300, {"none": 0.61, "characters": 0.645, "bytes": 0.64}),),
)
REPORT = Report(
    results=RESULTS,
    created="2026-01-02T03:04:05+00:00",
    planned=1200,
    scored=1100,
    spending=Spending(seconds=61.4, tokens=123_456, cost_usd=0.0123),
    notes=("echo: accepted, but no log probabilities of the prompt came back",),
    coverage=Coverage(symbols=0.97, probability=0.88),
    symbol_tokens={"A": 1, "§": 2},
    unread="'It depends on <b>you</b>'",
)
BOARD = Leaderboard(
    ("one", "two & <b>", "three"),
    (
        Ranking(
            "order.fix_C",
            "symbol.0shot",
            300,
            (0.9, 0.5, 0.6),
            (0.7, 0.6, 0.5),
            (1, 3, 2),
            (0, -1, 1),
            Kendall(1 / 3, 1.0),
            Interval(-0.2, 1.0),
        ),
        Ranking(
            "order.swap",
            "symbol.0shot",
            300,
            (0.6, 0.6, 0.2),
            (0.7, 0.6, 0.5),
            (1, 1, 3),
            (0, 1, 0),
            Kendall(float("nan"), float("nan")),
            Interval(float("nan"), float("nan")),
        ),
    ),
)
