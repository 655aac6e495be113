"""Values an exchange at independent prices, in integers only. Pure.

Decides slippage as the share of value that is lost: 1 - (received x its price) / (given x its price), in parts per
million, rounded up, so that a bound is never passed by a rounding; and the least that may be received under a bound, rounded
up as well. Prices have six decimals, so they are whole micro-dollars. Fees of the pool are part of the loss; gas is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed
from schemas.values import BASIS_POINTS_MAX, USD_DECIMALS, BaseUnits, BasisPoints

PPM: Final = 1_000_000
PPM_PER_BASIS_POINT: Final = PPM // BASIS_POINTS_MAX
MICRO_USD: Final = 10**USD_DECIMALS


@dataclass(frozen=True, slots=True)
class Quoted:
    """An asset with its price."""

    asset: AssetListed
    price: PriceFact

    def worth(self, amount: BaseUnits) -> tuple[int, int]:
        """Return the value of an amount in micro-dollars as a fraction: numerator and denominator."""
        return amount * int(self.price.usd * MICRO_USD), 10**self.asset.decimals


def slippage_ppm(given: Quoted, amount_in: BaseUnits, taken: Quoted, amount_out: BaseUnits) -> int:
    """Return the loss in parts per million, rounded up; negative is a gain. `amount_in` and its price are above zero."""
    worth_in, scale_in = given.worth(amount_in)
    worth_out, scale_out = taken.worth(amount_out)
    whole = worth_in * scale_out
    lost = whole - worth_out * scale_in
    return -(-lost * PPM // whole)


def least_out(given: Quoted, amount_in: BaseUnits, taken: Quoted, max_slippage: BasisPoints) -> BaseUnits:
    """Return the least base units whose loss is within the bound. The price of the received asset is above zero."""
    worth_in, scale_in = given.worth(amount_in)
    price_out, scale_out = taken.worth(1)
    return -(-worth_in * scale_out * (BASIS_POINTS_MAX - max_slippage) // (scale_in * price_out * BASIS_POINTS_MAX))


def usd_lost(given: Quoted, amount_in: BaseUnits, ppm: int) -> Decimal:
    """Return the loss in US dollars, to the cent, for people to read."""
    worth_in, scale_in = given.worth(amount_in)
    cents = worth_in * ppm // (scale_in * PPM * (MICRO_USD // 100))
    return Decimal(cents).scaleb(-2)
