"""The reference price, exact to the sixth decimal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.chain.prices import VenueEmpty, reference_price, usd_per_unit
from infra.chain.rpc import NodeUnavailable

pytestmark = pytest.mark.chain

if TYPE_CHECKING:
    from tests.world.chain.local_chain import Trader

reserves = st.integers(1, 2**112 - 1)


@given(reserves, reserves, st.integers(0, 18), st.integers(0, 18))
def test_the_price_is_the_quotient_to_half_a_millionth(dollars: int, asset: int, dollar_decimals: int, decimals: int) -> None:
    price = usd_per_unit(dollars, dollar_decimals, asset, decimals)
    exact = Fraction(dollars, 10**dollar_decimals) / Fraction(asset, 10**decimals)
    assert abs(Fraction(price) - exact) <= Fraction(1, 2_000_000)
    assert price.as_tuple().exponent == -6


def test_a_trade_on_the_reference_venue_shows_in_its_price_from_its_block_on(trader: Trader) -> None:
    market, venue = trader.market, trader.market.world.reference_venue
    before = market.node.head()
    market.node.rpc.request("evm_mine")
    slot = "0x" + (8).to_bytes(32, "big").hex()
    # v2-core packs its reserves into slot 8: timestamp (32 bits), reserve1, reserve0 (112 bits each).
    cheaper = (100_000 * 10**18, 250_000_000 * 10**6)
    asset_first = int(venue.asset, 16) < int(venue.dollar, 16)
    reserve0, reserve1 = cheaper if asset_first else cheaper[::-1]
    market.node.rpc.request(
        "anvil_setStorageAt", venue.pair, slot, "0x" + ((reserve1 << 112) + reserve0).to_bytes(32, "big").hex()
    )
    market.node.rpc.request("evm_mine")
    assert reference_price(market.node, venue).usd == Decimal("2500.000000")
    assert reference_price(market.node, venue, before).usd == Decimal("3000.000000")


def test_a_venue_without_liquidity_has_no_price(trader: Trader) -> None:
    node, venue = trader.market.node, trader.market.world.reference_venue
    node.rpc.request("anvil_setStorageAt", venue.pair, hex(8), "0x" + "00" * 32)
    node.rpc.request("evm_mine")
    with pytest.raises(VenueEmpty):
        reference_price(node, venue)


def test_an_account_that_is_no_pair_has_no_price(trader: Trader) -> None:
    venue = replace(trader.market.world.reference_venue, pair=trader.address)
    with pytest.raises(NodeUnavailable):
        reference_price(trader.market.node, venue)
