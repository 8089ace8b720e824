import pytest

from tui.money import budget_usd, marked_usd, parse_share, percent, said_usd, usd


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "$?"),
        (0.0, "$0"),
        (0.00001, "<$0.0001"),
        (0.0131, "$0.0131"),
        (12.4, "$12.40"),
        (1234.5, "$1,234.50"),
        (-0.02, "-$0.0200"),
    ],
)
def test_amounts_show_the_digits_that_matter(amount: float | None, text: str):
    assert usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(0.00001, "<$0.0001"), (0.0131, "~$0.0131"), (None, "$?")]
)
def test_estimates_are_marked_once(amount: float | None, text: str):
    assert marked_usd("~", amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (20.0, "$20"),
        (0.01, "$0.01"),
        (4.1, "$4.10"),
        (1250.0, "$1,250"),
        (0.0025, "$0.0025"),
        (1e-8, "$0.00000001"),
    ],
)
def test_budgets_stand_as_they_were_written(amount: float, text: str):
    assert budget_usd(amount) == text


def test_shares_are_whole_percent():
    assert percent(0.304) == "30 %"


@pytest.mark.parametrize(
    ("text", "share"), [("30%", 0.3), (" 30 %", 0.3), ("0.3", 0.3), ("1", 1.0)]
)
def test_shares_are_read_as_people_write_them(text: str, share: float):
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["130%", "-1", "30", "a third"])
def test_other_shares_are_refused(text: str):
    with pytest.raises(ValueError, match=r".+"):
        parse_share(text)


@pytest.mark.parametrize(
    ("amount", "about", "said"),
    [
        (0.0131, False, "$0.0131"),
        (0.0131, True, "about $0.0131"),
        (0.00001, True, "less than $0.0001"),
        (-0.00001, True, "minus less than $0.0001"),
        (-0.5, True, "about minus $0.5000"),
        (0.0, True, "$0"),
    ],
)
def test_amount_as_one_says_it(amount: float, about: bool, said: str):
    assert said_usd(amount, about=about) == said
