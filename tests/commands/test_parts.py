"""Splits an amount into equal parts."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.cli.desk.parts import equal_parts


@given(st.decimals(min_value=Decimal("0.000001"), max_value=10**30, places=6), st.integers(min_value=2, max_value=50))
def test_parts_add_up_exactly_and_differ_by_less_than_a_percent(amount: Decimal, parts: int) -> None:
    found = equal_parts(amount, parts)

    assert len(found) == parts
    assert sum(map(Fraction, found)) == Fraction(amount)
    assert max(found) - min(found) <= min(found) / 100


@pytest.mark.parametrize(
    ("amount", "parts", "shown"),
    [
        ("5000000", 5, ["1000000"] * 5),
        ("1000", 3, ["334", "333", "333"]),
        ("100", 3, ["33.4", "33.3", "33.3"]),
        ("0.5", 2, ["0.25", "0.25"]),
        ("10.50", 2, ["5.25", "5.25"]),
    ],
)
def test_no_more_decimals_than_needed(amount: str, parts: int, shown: list[str]) -> None:
    assert [str(part) for part in equal_parts(Decimal(amount), parts)] == shown


def test_nothing_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="positive"):
        equal_parts(Decimal(0), 2)
