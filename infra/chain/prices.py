"""The price of an asset at a venue of our own choosing, independent of the venue that is traded on.

The price is the quotient of a Uniswap v2 pair's reserves at one block (v2-core 1.0.1, `getReserves`), in US dollars per whole
unit, rounded to six decimals, half to even. A pair's reserves can be moved within a block: a price is a fact with its block,
and the reader's rules bound its age and its deviation. Leaves out fees, depth, and whether the pair's dollar token is worth a
dollar.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final

from eth_hash.auto import keccak

from infra.chain.rpc import NodeUnavailable
from infra.ethereum.abi import DecodingError
from infra.ethereum.abi import decode as abi_decode

if TYPE_CHECKING:
    from infra.chain.node import Node
    from infra.ethereum.answers import BlockHeader

USD_QUANTUM: Final = Decimal("0.000001")
GET_RESERVES: Final = keccak(b"getReserves()")[:4]
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)
"""Enough digits for two reserves of 112 bits (34 digits each) and six decimals."""


@dataclass(frozen=True, slots=True)
class ReferenceVenue:
    """A Uniswap v2 pair of an asset and a dollar token; tokens are checksummed addresses."""

    pair: str
    asset: str
    asset_decimals: int
    dollar: str
    dollar_decimals: int


@dataclass(frozen=True, slots=True)
class ReferencePrice:
    """US dollars per whole unit of the asset, six decimals, as of a block. `timestamp` is the block's, in seconds."""

    usd: Decimal
    block_number: int
    block_hash: str
    timestamp: int


class VenueEmpty(Exception):
    """The pair holds nothing of one side, so it has no price."""


def reference_price(node: Node, venue: ReferenceVenue, at: BlockHeader | None = None) -> ReferencePrice:
    """Return the venue's price at a block (None: the node's head).

    Raises NodeUnavailable, also when the answer is no pair's; NodeRefused; VenueEmpty.
    """
    header = node.head() if at is None else at
    answer = node.call(venue.pair, GET_RESERVES, header)
    try:
        first, second, _ = abi_decode(["uint112", "uint112", "uint32"], answer)
    except DecodingError as error:
        raise NodeUnavailable(node.name, f"{venue.pair} did not answer as a pair") from error
    # A pair keeps its tokens in the order of their addresses.
    asset_first = int(venue.asset, 16) < int(venue.dollar, 16)
    asset_reserve, dollar_reserve = (first, second) if asset_first else (second, first)
    if asset_reserve == 0 or dollar_reserve == 0:
        raise VenueEmpty(f"pair {venue.pair} has no liquidity at block {header.number}; choose another reference venue")
    usd = usd_per_unit(dollar_reserve, venue.dollar_decimals, asset_reserve, venue.asset_decimals)
    return ReferencePrice(usd, header.number, header.hash, header.timestamp)


def usd_per_unit(dollar_reserve: int, dollar_decimals: int, asset_reserve: int, asset_decimals: int) -> Decimal:
    """Return the quotient of two reserves in base units as US dollars per whole unit, six decimals."""
    dollars = _EXACT.scaleb(Decimal(dollar_reserve), -dollar_decimals)
    units = _EXACT.scaleb(Decimal(asset_reserve), -asset_decimals)
    return _EXACT.quantize(_EXACT.divide(dollars, units), USD_QUANTUM)
