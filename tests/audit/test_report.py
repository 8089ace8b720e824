from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from audit import charts
from audit.errors import DataError
from audit.page import leaderboard_page, page
from audit.report import (
    Report,
    from_json,
    headline,
    leaderboard_json,
    leaderboard_markdown,
    markdown,
    remarks,
    sentences,
    to_json,
)
from audit.results import Effect
from tests.audit.reports import BOARD, NAME, REPORT

GOLDEN = Path(__file__).parent / "golden"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
VOID = {"br", "meta", "rect", "line", "circle", "path"}

TEXTS = {
    "report.md": lambda: markdown(REPORT),
    "report.html": lambda: page(REPORT),
    "report.json": lambda: to_json(REPORT),
    "leaderboard.json": lambda: leaderboard_json(BOARD),
    "leaderboard.md": lambda: leaderboard_markdown(BOARD),
    "leaderboard.html": lambda: leaderboard_page(BOARD),
}


@pytest.mark.parametrize("name", TEXTS)
def test_report_is_the_golden_file(name: str) -> None:
    """To renew a golden file delete it, run the test twice, and read the difference."""
    file = GOLDEN / name
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(TEXTS[name](), encoding="utf-8")
        pytest.fail(f"{file} was written anew: look at it, then run the test again")
    assert TEXTS[name]() == file.read_text(encoding="utf-8")


def test_report_opens_with_accuracy_verdict_and_finding_in_plain_words() -> None:
    accuracy, verdict, first, *_ = sentences(REPORT)
    assert accuracy.startswith("Accuracy 74.3 % [69.0, 78.9] on 300 questions")
    assert verdict.startswith("1 finding")
    assert first.startswith("Picks C when unsure: +25.8 points when the answer is C.")
    assert "position, not the symbol" in first


def test_headline_says_how_far_accuracy_moves() -> None:
    baseline, fixed, *_ = REPORT.results.effects
    moved = replace(fixed, accuracy=0.9)
    found = headline(replace(REPORT.results, effects=(baseline, moved)))
    assert found.endswith("over 2 forms, from 74.3 % (symbol.0shot) to 90.0 % (order.fix_C)")


def test_headline_is_of_the_usual_form_of_the_set() -> None:
    symbol, *_ = REPORT.results.effects
    cloze = replace(symbol, perturbation="cloze.0shot", accuracy=0.5)
    form = replace(REPORT.results.form, home="cloze")
    found = headline(replace(REPORT.results, effects=(symbol, cloze), form=form))
    assert found.startswith("Accuracy 50.0 %")
    unanswered = replace(symbol, accuracy=None)
    found = headline(replace(REPORT.results, effects=(unanswered, cloze), form=form))
    assert found.startswith("Accuracy 50.0 %")


def test_headline_leaves_out_a_form_of_few_questions() -> None:
    baseline, fixed, *_ = REPORT.results.effects
    rare = replace(fixed, perturbation="order.fix_E", accuracy=0.0, n=3)
    found = headline(replace(REPORT.results, effects=(baseline, fixed, rare)))
    assert "over 2 forms" in found
    assert "order.fix_E" not in found


def test_headline_of_one_form_says_no_range() -> None:
    baseline, *_ = REPORT.results.effects
    found = headline(replace(REPORT.results, effects=(baseline,)))
    assert found == "Accuracy 74.3 % [69.0, 78.9] on 300 questions (symbol scoring, no examples)"


@pytest.mark.parametrize("effects", [(), (replace(REPORT.results.effects[0], accuracy=None, n=0),)])
def test_headline_without_an_answer_says_so(effects: tuple[Effect, ...]) -> None:
    found = headline(replace(REPORT.results, effects=effects))
    assert found == "No accuracy: no question was answered in its usual form"


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(to_json(REPORT), encoding="utf-8")
    assert from_json(file) == REPORT


def test_json_says_its_findings() -> None:
    fields = json.loads(to_json(REPORT))
    assert fields["findings"][0]["kind"] == "position"
    assert fields["results"]["effects"][3]["accuracy"] is None


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"format": 99}', b'{"format": 1}']
)
def test_file_that_is_no_report_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"other\.json"):
        from_json(file)


def test_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        from_json(tmp_path / "none.json")


def test_remarks_count_what_was_not_answered_apart() -> None:
    told = " ".join(remarks(REPORT))
    for words in (
        "named no option, counted apart: 3.",
        "declined to answer, counted apart: 2.",
        "cannot be measured here: 300.",
        "Ties, broken by the seed: 1.",
        "97.0 % of the symbols",
        "Symbols differ in tokens",
        "Questions with 'names letters': 12.",
        "fewshot.ood is left out",
        "Warning, 7 times: the context was cut.",
        "+24.1 points on the 280 questions",
    ):
        assert words in told


class Page(HTMLParser):
    """Notes what a page asks for, whether its elements close, and what has no words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.asked: list[str] = []
        self.wordless: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.asked += [name for name in ("src", "href", "srcset", "action") if name in given]
        is_silent = tag == "svg" and not (given.get("role") == "img" and given.get("aria-label"))
        if is_silent or (tag == "th" and "scope" not in given):
            self.wordless.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("text", [page(REPORT), leaderboard_page(BOARD)])
def test_page_asks_for_nothing_and_speaks(text: str) -> None:
    read = Page(text)
    assert read.open == []
    assert read.asked == []
    assert read.wordless == []
    assert "script" not in read.tags
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme: dark" in text
    assert '<html lang="en">' in text
    assert read.tags.count("main") == read.tags.count("h1") == 1


@pytest.mark.parametrize("kind", [page, markdown])
def test_names_of_others_are_no_markup(kind: Callable[[Report], str]) -> None:
    text = kind(REPORT)
    assert "<script>" not in text
    assert NAME not in text


def test_plots_hold_every_value_in_words() -> None:
    svg = charts.confusion("t", "AB", [[3, 1], [0, 4]])
    assert "right A, picked B: 1 (25 %)" in svg
    svg = charts.differences("t", [charts.Bar("x", 1.25, -0.5, 3.0, is_clear=True)])
    assert "x +1.2 (-0.5 to +3.0)" in svg or "x +1.3" in svg


@pytest.mark.parametrize(
    "bars",
    [
        [],
        [charts.Bar("none", 0.0, 0.0, 0.0, is_clear=False)],
        [charts.Bar("wide", 90.0, -100.0, 100.0, is_clear=True)],
    ],
)
def test_differences_stay_inside_the_picture(bars: list[charts.Bar]) -> None:
    svg = charts.differences("t", bars)
    xs = [float(x) for x in re.findall(r'\b(?:cx|x1|x2)="([\d.-]+)"', svg)]
    assert all(0 <= x <= charts.WIDTH for x in xs)


def test_tied_models_stand_below_one_another() -> None:
    lines = [charts.Line("a", (1, 1)), charts.Line("b", (1, 2))]
    svg = charts.bump("t", ["before", "after"], lines)
    ys = [float(y) for y in re.findall(r'cy="([\d.]+)"', svg)]
    assert ys[0] == ys[1] < ys[2] == ys[3]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_page_opens_from_disk_without_a_network(tmp_path: Path) -> None:
    file, shot = tmp_path / "report.html", tmp_path / "shot.png"
    file.write_text(page(REPORT), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    done = subprocess.run(
        [CHROMIUM, *flags, f"--screenshot={shot}", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Picks C when unsure" in done.stdout
    assert shot.stat().st_size > 10_000
