import pytest

from tui.money import percent, usd


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
