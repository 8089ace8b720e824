from __future__ import annotations

import pytest

from audit.tables import COLUMNS, SHORT_COLUMNS, probability, rows, short_rows
from tests.audit.reports import RESULTS


def test_every_row_fits_its_columns() -> None:
    assert {len(row) for row in rows(RESULTS)} == {len(COLUMNS)}
    assert {len(row) for row in short_rows(RESULTS)} == {len(SHORT_COLUMNS)}


def test_undefined_spread_is_not_applicable_and_the_unmeasured_says_so() -> None:
    by_name = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows(RESULTS)}
    assert by_name["order.fix_C"]["RStd"] == "n/a"
    assert by_name["scoring.hybrid"]["accuracy"] == "not measurable here"
    assert "by symbol 3.1" in by_name["symbols.rare+shuffle_symbols"]["RStd"]


@pytest.mark.parametrize(
    ("p", "text"), [(0.0231, ".023"), (0.0001, "<.001"), (1.0, "1"), (None, "n/a")]
)
def test_p_values_are_short(p: float | None, text: str) -> None:
    assert probability(p) == text
