"""Computes the token amounts of NewSwap's liquidity, in integers. Pure.

Decides the shape of the order book: liquidity L as in the Uniswap v3 whitepaper (section 6), a dense band around the
price and a thin one far out, so that buying WETH for $1M loses about 0.2 % and for $5M at once about 2.9 %.
Prices here are of token0 in token1, in base units; which token is token0 depends on the addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from math import isqrt
from typing import Final

USD_PER_WETH: Final = 3_000
USDC_BASE_UNITS: Final = 10**6
WETH_BASE_UNITS: Final = 10**18
POOL_FEE: Final = 100
"""0.01 %, in hundredths of a basis point."""
TICK_SPACING: Final = 1

_Q96: Final = 2**96
_TICK_BASE: Final = Decimal("1.0001")
_PRECISE: Final = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Band:
    """Liquidity over a range of the price of WETH in USDC, in ticks (of 0.01 %) below and above the starting price."""

    liquidity: int
    ticks_below: int
    ticks_above: int


BOOK: Final = (
    Band(liquidity=7_470_000_000_000_000_000, ticks_below=38, ticks_above=38),
    Band(liquidity=2_120_000_000_000_000_000, ticks_below=1_625, ticks_above=1_823),
)
"""Dense to 0.38 % either way; thin from 15 % below to 20 % above."""


@dataclass(frozen=True, slots=True)
class Position:
    """A Uniswap v3 position: ticks, and the amounts in base units that it takes at the starting price."""

    tick_lower: int
    tick_upper: int
    amount0: int
    amount1: int


def start_price(*, usdc_is_token0: bool) -> Fraction:
    """Return $3,000 as the price of token0 in token1, in base units."""
    usdc_per_weth = Fraction(USD_PER_WETH * USDC_BASE_UNITS, WETH_BASE_UNITS)
    return 1 / usdc_per_weth if usdc_is_token0 else usdc_per_weth


def sqrt_price_x96(price: Fraction) -> int:
    """Return the square root of a price as Uniswap keeps it: Q64.96, rounded down."""
    return isqrt((price.numerator << 192) // price.denominator)


def position(band: Band, *, usdc_is_token0: bool) -> Position:
    """Return the position that a band is, at the starting price."""
    price = start_price(usdc_is_token0=usdc_is_token0)
    here = sqrt_price_x96(price)
    centre = _tick(price)
    # When USDC is token0 the price runs the other way.
    down, up = (band.ticks_above, band.ticks_below) if usdc_is_token0 else (band.ticks_below, band.ticks_above)
    lower, upper = _sqrt_price_at(centre - down), _sqrt_price_at(centre + up)
    amount0 = -(-band.liquidity * _Q96 * (upper - here) // (upper * here))
    amount1 = -(-band.liquidity * (here - lower) // _Q96)
    return Position(centre - down, centre + up, amount0, amount1)


def _tick(price: Fraction) -> int:
    """Return the tick that holds a price: floor(log(price) / log(1.0001)) (whitepaper, section 6.1)."""
    quotient = _PRECISE.divide(Decimal(price.numerator), Decimal(price.denominator))
    ticks = _PRECISE.divide(_PRECISE.ln(quotient), _PRECISE.ln(_TICK_BASE))
    return int(ticks.to_integral_value(rounding=ROUND_FLOOR))


def _sqrt_price_at(tick: int) -> int:
    root = _PRECISE.sqrt(_PRECISE.power(_TICK_BASE, tick))
    return int(_PRECISE.multiply(root, Decimal(_Q96)))
