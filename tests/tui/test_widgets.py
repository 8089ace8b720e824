import random
import string
from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.geometry import Offset
from textual.selection import Selection

from routing import errors
from routing.cost import Bill, Ledger
from routing.decide import Candidate, Decision, Neighbour
from tests.tui.fakes import NEIGHBOURS, bill, candidates, decision
from tui.budget import Month
from tui.errors import AppError, StoreError
from tui.markdown.document import Document
from tui.plain.sentences import reasons
from tui.screens.completion import commands
from tui.screens.slash import COMMANDS
from tui.screens.threshold import preview
from tui.sessions import Routed
from tui.settings import Budget
from tui.visible import one_line, visible
from tui.widgets.badge import badge_line, badge_text, cost_text, odds_text
from tui.widgets.card import KINDS, kind_of
from tui.widgets.header import Mode, header_text
from tui.widgets.meter import Spending, meter_text
from tui.widgets.prose import Prose
from tui.widgets.said import folded
from tui.widgets.why import why_text

MARKDOWN = """# Title with `code`

Words that are **bold**, *slanted* and ~~gone~~, with a [link](https://example.org/x).
Still the same paragraph.

- one
- two with more words than fit into a line of forty cells
  1. nested
  2. again

     a second paragraph

> quoted
> twice

```python
def f(x):
    return x  # [/foo]
```

| a | b |
|---|--:|
| left | 1 |
| longer | 22 |

---

~~~
plain fence
~~~
The end.
"""


def plain(document: Document, width: int = 40) -> list[str]:
    lines = [document.line(y) for y in range(document.lines(width))]
    return [line.content.plain.rstrip() for line in lines if line]


def test_markdown_is_laid_out_by_hand():
    assert plain(Document("# Head\n\n- one\n- two\n\n| a | b |\n|-|-:|\n| x | 10 |\n")) == [
        "Head",
        "",
        "• one",
        "• two",
        "",
        "a │  b",
        "──┼───",
        "x │ 10",
    ]


@pytest.mark.parametrize("seed", range(10))
def test_streamed_text_ends_as_the_whole_text(seed: int):
    dice = random.Random(seed)
    document = Document()
    document.lines(40)
    at = 0
    while at < len(MARKDOWN):
        step = dice.randint(1, 30)
        document.append(MARKDOWN[at : at + step])
        document.lines(40)
        at += step
    assert plain(document) == plain(Document(MARKDOWN))
    assert document.source == MARKDOWN


@pytest.mark.parametrize("width", [1, 8, 20, 40, 120])
def test_no_line_is_wider_than_the_screen(width: int):
    document = Document(MARKDOWN)
    cells = [document.line(y).content.cell_length for y in range(document.lines(width))]
    assert max(cells) <= max(width, 20)


@pytest.mark.parametrize("before", ["", "\n\n", "```\nx\n```\n\n"])
def test_long_list_and_table_are_settled_while_they_grow(before: str):
    items = "".join(f"{n}. item {n}\n" for n in range(1, 200))
    rows = "| n | name |\n|---|---|\n" + "".join(f"| {n} | row {n} |\n" for n in range(100, 300))
    for text in (before + items, before + rows):
        document = Document()
        document.lines(40)
        for at in range(0, len(text), 50):
            document.append(text[at : at + 50])
        assert plain(document) == plain(Document(text))
        assert len(document._tail) < 1200


def test_anything_can_stream():
    dice = random.Random(1)
    letters = string.printable + "`#*_[]|>-~\n" * 6 + "é漢\u202e\x1b"
    for _ in range(60):
        document = Document()
        document.lines(30)
        for _ in range(30):
            document.append(visible("".join(dice.choices(letters, k=12))))
            for y in range(document.lines(30)):
                assert document.line(y).content is not None


def test_link_shows_where_it_leads():
    assert plain(Document("[my bank](https://evil.example)"))[0] == (
        "my bank (https://evil.example)"
    )


class OneProse(App[None]):
    def compose(self):
        yield Prose(Document(MARKDOWN))


async def test_selection_is_copied_as_it_was_written():
    async with OneProse().run_test(size=(42, 60)) as pilot:
        prose = pilot.app.query_one(Prose)
        text, _ = prose.get_selection(Selection(None, None))
        assert "two with more words than fit into a line of forty cells" in text
        assert "\ndef f(x):\n    return x  # [/foo]\n" in text
        text, _ = prose.get_selection(Selection(Offset(0, 0), Offset(5, 0)))
        assert text == "Title"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("a\x00b\x7f", "a␀b␡"),
        ("abc\u202edef", "abc‹U+202E›def"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("tab\tand é漢🙂", "tab\tand é漢🙂"),
    ],
)
def test_terminal_sees_no_control_characters(text: str, shown: str):
    assert visible(text) == shown


def test_one_line_is_cut_with_an_ellipsis():
    assert one_line("a  b\nc", 10) == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    "text", ["東京の天気はどうですか", "👩‍👩‍👧‍👦 family 👍🏽 ok ✈️ go", "e\u0301" * 30, "a漢" * 9]
)
def test_one_line_counts_cells_and_cuts_no_character_in_two(text: str):
    for width in range(1, 30):
        line = one_line(text, width)
        assert cell_len(line) <= width
        assert line == text or line.endswith("…")


def test_badge_says_letter_word_model_and_odds():
    text = badge_text(decision("weak"), "$0.0004", 60).plain
    assert text.startswith("[W] weak · demo/weak   0.18 < 0.42")
    assert text.rstrip().endswith("$0.0004")
    assert "[S] STRONG · demo/strong   0.77 ≥ 0.42" in badge_text(decision("strong"), "", 60).plain
    assert "(pinned)" in badge_text(decision("weak", pinned=True), "", 60).plain


def test_badge_tells_a_pin_by_the_budget_from_the_persons_own():
    limited = replace(decision("weak", pinned=True), limited=True)
    assert "(budget)" in badge_line(limited)
    assert "(pinned)" not in badge_text(limited, "", 60).plain


def test_badge_asks_where_no_router_decided():
    unrouted = Decision("m", "weak", None, None, "")
    assert badge_text(unrouted, "", 60).plain.startswith("[?] weak · m")


def test_badge_never_says_that_equal_is_less():
    close = Decision("m", "strong", 0.42131, 0.4213, "")
    assert odds_text(close) == "0.4213 ≥ 0.4213"


def test_badge_fits():
    long = Decision("provider/" + "m" * 200, "strong", 0.7, 0.4, "")
    for width in (40, 60, 100):
        assert badge_text(long, "$0.0131", width).cell_length <= width


def test_unknown_price_is_not_free():
    assert cost_text(None, estimated=True) == "$?"
    assert cost_text(0.0, estimated=True) == "$0"
    assert cost_text(0.01, estimated=True) == "~$0.0100"


def test_meter_adds_up_by_hand():
    ledger = Ledger(
        spent_usd=0.0135, all_strong_usd=0.0712, compared_usd=0.0135, strong_turns=2, weak_turns=5
    )
    assert meter_text(Spending(ledger, context_share=0.12), 100).plain == (
        "$0.0135 spent │ ~$0.0712 all strong │ saved ~$0.0577 (81 %) │ 5W 2S │ ctx 12 %"
    )


def test_meter_marks_estimates_and_unknown_prices():
    running = Bill(cost_usd=0.001, all_strong_usd=0.004)
    assert meter_text(Spending(Ledger(), running), 100).plain.startswith("~$0.0010 spent")
    unknown = Bill(cost_usd=None, all_strong_usd=None)
    assert meter_text(Spending(Ledger(), unknown), 100).plain.startswith("$? spent")


def test_meter_shows_the_month_past_its_budget():
    spending = Spending(Ledger(), month=Month(5.2), budget=Budget(5.0))
    assert "month $5.20 of $5 OVER BUDGET" in meter_text(spending, 100).plain


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_lines_fit_the_screen(width: int):
    ledger = Ledger(spent_usd=1.0, all_strong_usd=2.0, compared_usd=1.0, weak_turns=3)
    assert meter_text(Spending(ledger, context_share=0.5), width).cell_length <= width
    assert header_text("t" * 300, Mode(0.3, 0.4213), 7, max(width, 40)).cell_length <= max(
        width, 40
    )


def test_header_says_how_turns_are_routed():
    assert str(Mode(0.3)) == "auto · 30 % strong"
    assert str(Mode(0.3, 0.4213)) == "auto · 30 % strong (0.4213)"
    assert str(Mode(0.3, 0.4213, "weak")) == "pinned to weak"
    assert "1 turn" in header_text("", Mode(0.3), 1, 100).plain


def test_badge_and_why_name_the_router_where_there_is_room():
    decided = replace(decision("weak"), router="factorization")
    assert "0.18 < 0.42 by factorization" in badge_text(decided, "$0.0004", 70).plain
    assert "by factorization" not in badge_text(decided, "$0.0004", 50).plain
    assert "by factorization · flips at 77 %" in why_text(decided, None, 90).plain


def test_why_says_first_what_the_number_means():
    strong = why_text(decision("strong"), None, 90).plain.splitlines()[0]
    weak = why_text(decision("weak"), None, 90).plain.splitlines()[0]
    assert strong == "win probability 0.7700 ≥ threshold 0.4213: worth demo/strong"
    assert weak == "win probability 0.1800 < threshold 0.4213: demo/weak will do"
    far = tuple(replace(battle, similarity=0.2) for battle in NEIGHBOURS)
    lone = replace(decision("weak"), neighbours=far)
    assert why_text(lone, None, 90).plain.splitlines()[0] == f"{weak}; no battle is near"
    assert why_text(decision("weak", pinned=True), None, 90).plain.startswith("You pinned it.")


def test_why_lists_battles_and_numbers_ones_own():
    text = why_text(decision("strong"), bill("strong"), 90).plain
    assert "0.91  “prove progress of a lock-free queue”  gpt-4 beat mixtral" in text
    assert "gpt-4 = mixtral" in text
    assert "small beat big · yours, /forget 1" in text
    assert text.endswith("flips at 77 % strong · weak would cost ~$0.0009 · decided in 14 ms")


def test_why_says_on_few_columns_what_the_number_means():
    first = why_text(decision("strong"), None, 50).plain.split("\n")[0]
    assert first == "0.77 ≥ 0.42: worth demo/strong"


def test_why_of_a_pinned_turn_counts_no_milliseconds():
    assert why_text(decision("weak", pinned=True), None, 90).plain == "You pinned it."


def test_why_says_what_ones_own_battle_was_learnt_after():
    near = Neighbour("yes, do it", "big", "small", "a", 0.8, "mine", "b-1", earlier=2)
    told = replace(decision("strong"), neighbours=(near,))
    row = why_text(told, None, 90).plain.split("\n")[1]
    wanted = "0.80  “yes, do it” after 2 earlier messages  big beat small · yours, /forget 1"
    assert row == wanted
    narrow = why_text(told, None, 58).plain.split("\n")[1]
    assert narrow == "0.80  “yes, do it”  big beat small · yours, /forget 1"
    assert (
        "Near battle 1, yours, after 2 earlier messages: big beat small on “yes, do it”."
        in reasons(told)
    )


def test_why_says_how_clear_a_win_was_where_a_judge_graded_it():
    near = Neighbour("prove it", "big", "small", "a", 0.8, "starter", score=2)
    tie = replace(near, winner="tie", score=5)
    told = replace(decision("strong"), neighbours=(near, tie))
    rows = why_text(told, None, 90).plain.split("\n")[1:3]
    assert rows[0] == "0.80  “prove it”  big beat small, graded 2 of 5"
    assert rows[1] == "0.80  “prove it”  big = small"
    assert why_text(told, None, 50).plain.split("\n")[1] == "0.80  “prove it”  big beat small"
    assert "Near battle 1: big beat small, graded 2 of 5, on “prove it”." in reasons(told)


@pytest.mark.parametrize("width", [30, 40, 58, 78, 118])
def test_why_has_one_row_a_battle_whatever_it_is_written_in(width: int):
    names = {"model_a": "通義千問-通義千問-通義千問", "model_b": "provider/" + "m" * 60}
    wide = [
        Neighbour("東京の天気はどうですか？" * 9, **names, winner="a", similarity=0.9, source="s"),
        Neighbour(
            "👩‍👩‍👧‍👦" * 40, **names, winner="tie", similarity=0.8, source="mine", battle_id="x"
        ),
    ]
    told = replace(decision("strong"), neighbours=tuple(wide), reason="なぜ" * 90)
    rows = why_text(told, None, width, audit="監査" * 60).split("\n")
    assert len(rows) == 5
    facts = rows.pop(3)
    assert [row.cell_length <= width for row in rows] == [True] * 4
    assert "decided in 14 ms" in facts.plain


def test_every_error_has_a_card():
    for kind in (*vars(errors).values(), AppError, StoreError):
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert kind_of(kind("x")).actions
    for kind in KINDS.values():
        keys = [action.key for action in kind.actions]
        assert len(set(keys)) == len(keys)


def past(*win_probabilities: float, strong_usd: float | None = 0.010) -> list[Routed]:
    return [
        Routed("demo/weak", candidates(chance), (strong_usd, 0.001), "similarity")
        for chance in win_probabilities
    ]


def test_slider_previews_what_the_turns_would_have_been():
    turns = past(0.2, 0.5, 0.9)
    assert preview(turns, 0.5) == ["1W 2S, 2 would flip", "~$0.0210, saved ~$0.0090 (30 %)"]
    assert preview(turns, 0.95) == ["3W 0S, 0 would flip", "$0.0030, saved ~$0.0270 (90 %)"]
    assert preview(turns, 0.0) == ["0W 3S, 3 would flip", "~$0.0300, saved $0 (0 %)"]
    assert preview([], 0.5) == ["no routed turn yet"]


def test_slider_counts_what_has_no_price():
    turns = [*past(0.2), *past(0.9, strong_usd=None)]
    assert preview(turns, 0.5) == [
        "1W 1S, 1 would flip",
        "~$0.0010 + 1 x $?, saved ~$0.0090 (90 %)",
    ]


def test_completion_offers_what_begins_so():
    assert [text for text, _ in commands("se")] == ["/sessions", "/search ", "/settings"]
    assert len(commands("")) == len(COMMANDS)


def test_long_message_is_folded():
    assert folded("short") == "short"
    shown = folded("x\n" * 500_000)
    assert len(shown) < 200
    assert "more characters, sent in full" in shown


POOL = (
    Candidate("openai/large", "strong"),
    Candidate("openai/medium", "middle", 0.31),
    Candidate("openai/small", "weak", 0.64, "like gpt-4o-mini"),
)


def test_badge_of_a_middle_model_compares_its_own_odds():
    decided = replace(decision("weak"), model="openai/medium", tier="middle", candidates=POOL)
    shown = badge_text(replace(decided, win_probability=0.31), "$0.0004", 80).plain
    assert shown.startswith("[M] middle · openai/medium   0.31 < 0.42")


def test_why_tells_of_every_model_of_a_pool():
    decided = replace(decision("weak"), model="openai/medium", tier="middle", candidates=POOL)
    billed = Bill(0.002, 0.01, {"openai/large": 0.01, "openai/small": None})
    lines = why_text(decided, billed, 76).plain.splitlines()
    assert lines[1:4] == [
        "  [S] openai/large   good enough 1.00  ~$0.0100",
        "→ [M] openai/medium  good enough 0.69  ~$0.0020",
        "  [W] openai/small   good enough 0.36  $?  judged like gpt-4o-mini",
    ]
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 76


def test_why_names_the_model_that_outdoes_another():
    strong, middle, weak = POOL
    outdone = replace(middle, prior="like gpt-4", outdone_by="openai/small")
    decided = replace(decision("weak"), candidates=(strong, outdone, weak))
    lines = why_text(decided, bill("weak"), 76).plain.splitlines()
    assert lines[2] == "  [M] openai/medium  good enough 0.69  outdone by openai/small"


def test_why_says_that_the_strong_model_of_a_pair_is_not_worth_its_price():
    strong, weak = candidates(0.18)
    pair = (replace(strong, outdone_by=weak.model), weak)
    text = why_text(replace(decision("weak"), candidates=pair), bill("weak"), 100).plain
    assert f"by the battles {weak.model} is no worse than {strong.model}, and costs less\n" in text


def test_why_of_a_pair_stays_short():
    lines = why_text(decision("weak"), bill("weak"), 76).plain
    assert "good enough" not in lines
    assert "strong would cost ~$0.0058" in lines


def test_meter_counts_middle_turns_where_there_are_any():
    ledger = Ledger(spent_usd=1.0, strong_turns=2, weak_turns=5)
    assert "5W 2S" in meter_text(Spending(ledger), 120).plain
    assert "5W 1M 2S" in meter_text(Spending(replace(ledger, middle_turns=1)), 120).plain


def test_why_names_the_models_that_no_battle_tells_apart():
    strong, weak = candidates(0.18)
    judged = replace(weak, prior="as weak")
    text = why_text(replace(decision("weak"), candidates=(strong, judged)), bill("weak"), 78).plain
    assert "no battle names demo/weak: judged as weak\n" in text
    assert "no battle names" not in why_text(decision("weak"), bill("weak"), 78).plain
