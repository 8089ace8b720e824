"""Reports as one self-contained web page: no script, no request, light and dark, readable aloud."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from audit import charts
from audit.findings import LEVEL
from audit.leaderboard import Leaderboard, Ranking
from audit.report import Report, facts, forms, moves, remarks, remedies, sentences, standings
from audit.results import Effect, Results
from audit.tables import (
    ABOUT_LENGTHS,
    COLUMNS,
    LENGTH_COLUMNS,
    REMEDY_COLUMNS,
    length_rows,
    rank_columns,
    ranking_rows,
    remedy_rows,
    rows,
)
from audit.variants import LETTERS

MOST_POSITION_CHARTS = 4
MEANING = "Differences and RStd in points; intervals at 95 %; p adjusted for all tests of the run"
NUMBERS = frozenset(
    {"n", "accuracy", "delta", "p", "RStd", "unbiased", "flips", "tau", "95 %", *LENGTH_COLUMNS[2:]}
)

STYLE = """
:root { color-scheme: light dark;
  --paper: #fcfcfa; --raised: #ffffff; --ink: #1d2126; --muted: #5d6570; --line: #dfe1e4;
  --accent: #1f5fbf; --mark: #b4540a; --soft: #8b95a1; --on-strong: #ffffff; --note: #eef3fb;
  --s0: #1f5fbf; --s1: #b4540a; --s2: #1d7d4f; --s3: #8b3fa8; --s4: #b3243f; --s5: #0b7a86;
  --s6: #6b6100; --s7: #5d6570; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --raised: #1b1f25; --ink: #e6e8ea; --muted: #a2abb5; --line: #343b44;
  --accent: #7db1ff; --mark: #ffb067; --soft: #77818d; --on-strong: #10141a; --note: #1d2735;
  --s0: #7db1ff; --s1: #ffb067; --s2: #6fd3a0; --s3: #d59cf0; --s4: #ff8fa3; --s5: #66d0dc;
  --s6: #d9cd5c; --s7: #a2abb5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 40px 0 10px; }
p { max-width: 70ch; }
.lead { font-size: 1.15rem; margin: 12px 0; }
.findings { background: var(--note); border-left: 4px solid var(--accent); border-radius: 4px;
  margin: 18px 0; padding: 12px 16px 12px 36px; max-width: 80ch; }
.findings li { margin: 4px 0; }
.muted, figcaption, footer { color: var(--muted); font-size: .92rem; }
figure { margin: 0 0 14px; padding: 14px 16px; background: var(--raised);
  border: 1px solid var(--line); border-radius: 8px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { margin: 0 0 10px; }
.pair { display: grid; column-gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
.scroll { overflow-x: auto; margin-bottom: 14px; background: var(--raised);
  border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
caption { text-align: left; padding: 10px 12px; color: var(--muted); }
th, td { text-align: left; padding: 6px 10px; border-top: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; }
thead th { color: var(--muted); font-weight: 600; border-top: 0; }
tbody th { font-weight: 500; }
.number { font-variant-numeric: tabular-nums; }
.wide { white-space: normal; min-width: 16em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
footer { padding: 36px 20px 48px; }
svg text { font: 13px system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--ink); }
svg .axis { fill: var(--muted); font-size: 12px; }
svg .value { font-variant-numeric: tabular-nums; } svg .value.unclear { fill: var(--muted); }
svg .grid { stroke: var(--line); } svg .zero { stroke: var(--muted); stroke-width: 1.5; }
svg .whisker { stroke-width: 2.5; stroke-linecap: round; }
svg .clear.whisker { stroke: var(--accent); } svg .unclear.whisker { stroke: var(--soft); }
svg .clear.dot { fill: var(--accent); }
svg .unclear.dot { fill: var(--raised); stroke: var(--soft); stroke-width: 2; }
svg .bar { fill: var(--accent); fill-opacity: .8; }
svg .mark { fill: var(--mark); stroke: var(--raised); stroke-width: 1.5; }
svg .mean { stroke: var(--ink); stroke-dasharray: 5 4; stroke-width: 1.5; }
svg .cell.right { fill: var(--accent); } svg .cell.wrong { fill: var(--mark); }
svg .frame { fill: none; stroke: var(--line); } svg .frame.right { stroke: var(--accent); }
svg .number.strong { fill: var(--on-strong); }
svg .path { fill: none; stroke-width: 2.5; }
svg .series.dot { stroke: var(--raised); stroke-width: 1.5; }
svg .rank { fill: var(--on-strong); font-size: 11px; font-weight: 600; }
""" + "".join(
    f"svg .s{i}.path {{ stroke: var(--s{i}); }} svg .s{i}.dot {{ fill: var(--s{i}); }}\n"
    for i in range(charts.SERIES)
)


def page(report: Report) -> str:
    """The report of one model as a web page."""
    results = report.results
    score, counted, *found = sentences(report)
    sections = [
        _header(f"Audit of {report.model}", f"{score} {counted}"),
        "<main>",
        _findings(found),
        _section("What to do", _items(remedies(report))),
        _section("How far accuracy moves when only the form changes", _differences(results)),
        _section("Where right answers are found, and where the picks go", _positions(results)),
        _section("Every perturbation", _table(MEANING, COLUMNS, rows(results))),
        _section("What each perturbation changes", _pairs(forms(results))),
        _section("The same scores, debiased", _remedies(results)),
        _section("The same scores, by length", _lengths(results)),
        _section("What was measured", _pairs(facts(report))),
        _section("Remarks", _items(remarks(report))),
        "</main>",
        _footer(),
    ]
    return _document(f"Audit of {report.model}", sections)


def leaderboard_page(board: Leaderboard) -> str:
    """Several models' ranks as a web page."""
    title = f"Audit of {len(board.models)} models"
    sections = [
        _header(title, "How their ranking changes when only the form of the questions does."),
        "<main>",
        _findings([*standings(board), *moves(board)]),
        _section("Ranks under each perturbation", _bump(board)),
        _section("Agreement with the original ranking", _rankings(board)),
        "</main>",
        _footer(),
    ]
    return _document(title, sections)


def _document(title: str, sections: Sequence[str]) -> str:
    body = "\n".join(section for section in sections if section)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _header(title: str, lead: str) -> str:
    return f'<header><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p></header>'


def _findings(found: Sequence[str]) -> str:
    return f'<ul class="findings">{_li(found)}</ul>' if found else ""


def _items(items: Sequence[str]) -> str:
    return f"<ul>{_li(items)}</ul>" if items else ""


def _li(items: Sequence[str]) -> str:
    return "".join(f"<li>{escape(item)}</li>" for item in items)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _differences(results: Results) -> str:
    bars = [
        charts.Bar(
            label=effect.perturbation,
            points=effect.change.points,
            low=effect.change.interval.low,
            high=effect.change.interval.high,
            is_clear=(1.0 if effect.change.p_holm is None else effect.change.p_holm) < LEVEL,
        )
        for effect in results.effects
        if effect.change
    ]
    if not bars:
        return ""
    return _figure(
        "Difference to the baseline with its 95 % interval. Filled and blue: clear at the "
        f"{LEVEL * 100:.0f} % level after adjusting for all tests of the run.",
        charts.differences("Differences in points", bars),
    )


def _positions(results: Results) -> str:
    """Recall and confusion of the baselines, side by side."""
    answered = [effect for effect in results.effects if effect.n]
    shown = [effect for effect in answered if effect.by_position and not effect.baseline]
    shown += [effect for effect in answered if effect.by_symbol]
    pairs = [_position_pair(effect) for effect in shown[:MOST_POSITION_CHARTS]]
    return "".join(pairs)


def _position_pair(effect: Effect) -> str:
    labels = LETTERS[: len(effect.recall)]
    columns = [
        charts.Column(label, recall, picked)
        for label, recall, picked in zip(labels, effect.recall, effect.shares, strict=True)
    ]
    name, spread = effect.perturbation, effect.by_position
    band = f"; an unbiased model stays below {spread.band_high:.1f}" if spread else ""
    rstd = f"RStd {spread.rstd:.1f} points{band}" if spread else ""
    recall = charts.positions(f"Recall by position, {name}", columns, effect.accuracy or 0.0)
    confusion = charts.confusion(f"Picks by right answer, {name}", labels, effect.confusion)
    return (
        '<div class="pair">'
        + _figure(
            f"{name}: share of the answers at each position that are found (bars), share of the "
            f"picks that go there (diamonds). {rstd}.",
            recall,
        )
        + _figure(f"{name}: of the answers at each position, where the picks go, in %.", confusion)
        + "</div>"
    )


def _bump(board: Leaderboard) -> str:
    return "".join(
        _bump_of(board.models, baseline, rankings)
        for baseline, rankings in board.by_baseline.items()
    )


def _bump_of(models: Sequence[str], baseline: str, rankings: Sequence[Ranking]) -> str:
    """The ranks under one baseline, then under everything that is compared with it."""
    before = rankings[0].ranks_before
    lines = [
        charts.Line(model, (before[i], *(ranking.ranks[i] for ranking in rankings)))
        for i, model in enumerate(models)
    ]
    steps = [baseline, *(ranking.perturbation for ranking in rankings)]
    caption = f"Ranks from 1, the best, under {baseline} and under what is compared with it."
    return _figure(caption, charts.bump(f"Ranks from {baseline}", steps, lines))


def _rankings(board: Leaderboard) -> str:
    caption = (
        "Accuracy and rank on the questions that all models answered; "
        "Kendall's tau-b with the baseline's ranking"
    )
    return _table(caption, rank_columns(board), ranking_rows(board))


def _remedies(results: Results) -> str:
    if not results.remedies:
        return ""
    caption = "Computed from the scores of the unperturbed questions; nothing more was asked"
    return _table(caption, REMEDY_COLUMNS, remedy_rows(results))


def _lengths(results: Results) -> str:
    if not results.by_length:
        return ""
    return _table(ABOUT_LENGTHS, LENGTH_COLUMNS, length_rows(results))


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Labels and values, a line each."""
    lines = (f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in pairs)
    return f"<dl>{''.join(lines)}</dl>"


def _figure(caption: str, picture: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{picture}</figure>"


def _table(caption: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(f"<tr>{_cells(head, line)}</tr>" for line in body)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{names}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cells(head: Sequence[str], line: Sequence[str]) -> str:
    first, *others = line
    cells = "".join(
        f'<td class="{"number" if name in NUMBERS else "wide"}">{_lines(cell)}</td>'
        for name, cell in zip(head[1:], others, strict=True)
    )
    return f'<th scope="row">{escape(first)}</th>{cells}'


def _lines(cell: str) -> str:
    """The cell's parts on lines of their own."""
    return escape(cell).replace("; by ", "<br>by ")


def _footer() -> str:
    return (
        "<footer>RStd is how unevenly right answers are found over the positions: the standard "
        "deviation of the recall per position of the right answer, in points. “Unbiased” is its "
        "mean and 95th percentile for a model of the same accuracy that ignores positions. p is "
        "adjusted (Holm) for all tests of the run. Intervals are at 95 %. Made by llmroute audit."
        "</footer>"
    )
