import pytest

from tui.money import parse_share, percent, usd


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
