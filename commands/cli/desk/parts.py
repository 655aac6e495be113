"""An amount in parts as equal as its digits allow, which add up to it exactly. Pure."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Final

from schemas.values import AMOUNT_DIGITS_MAX

UNITS_PER_PART_MIN: Final = 100
"""Parts differ by one unit at most: by under one percent, then."""


def equal_parts(amount: Decimal, parts: int) -> list[Decimal]:
    """`parts` amounts that add up to `amount`; no more decimals than it has, unless they would differ by a percent.

    Raises:
        ValueError: the amount is not positive.
    """
    if amount <= 0:
        raise ValueError("only a positive amount can be split")
    with localcontext(prec=2 * AMOUNT_DIGITS_MAX):
        exponent = min(int(amount.as_tuple().exponent), 0)
        while amount.scaleb(-exponent) % parts and amount.scaleb(-exponent) < parts * UNITS_PER_PART_MIN:
            exponent -= 1
        units, rest = divmod(int(amount.scaleb(-exponent)), parts)
        return [Decimal(units + (1 if index < rest else 0)).scaleb(exponent) for index in range(parts)]
