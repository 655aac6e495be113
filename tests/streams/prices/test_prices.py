"""Prices: observed at every block and every second, published in order, and read as facts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from infra.chain.node import Node
from schemas.events.governance import AssetListed
from schemas.events.observations import PriceObserved
from schemas.examples import example
from streams.prices.__main__ import sources
from streams.prices.publisher import SILENCE_MS_MAX, PricePublisher, PriceSource
from streams.rules.prices.latest import SKEW_SECONDS_MAX, Prices, is_stale
from tests.world.chain.firm import NOW, SECOND, price
from tests.world.chain.scene import ChainScene

MS = 1_000
WETH = AssetListed(asset_id="WETH", chain_id=1, token=None, decimals=18, peg_usd=None)
USDC = AssetListed(asset_id="USDC", chain_id=1, token=None, decimals=6, peg_usd=Decimal(1), decided_at=NOW)


def observed(usd: str, asset_id: str = "WETH") -> PriceObserved:
    return example(PriceObserved).model_copy(update={"asset_id": asset_id, "usd": Decimal(usd), "observed_at": NOW})


@pytest.mark.chain
def test_the_reference_venues_price_is_published_for_wrapped_and_native_ether(scene: ChainScene) -> None:
    said: list[PriceObserved] = []
    publisher = PricePublisher(scene.node, sources(scene.trader.market.world), said.append)
    assert publisher.step(NOW) == 2
    head = scene.node.head()
    assert [(each.asset_id, each.usd, each.observed_at) for each in said] == [
        ("WETH", Decimal("3000.000000"), NOW),
        ("ETH", Decimal("3000.000000"), NOW),
    ]
    assert {(each.block_number, each.block_hash) for each in said} == {(head.number, head.hash)}
    assert said[0].source == f"uniswap-v2:{scene.trader.market.world.reference.pair}"


@pytest.mark.chain
def test_a_price_is_published_at_every_block_and_when_a_second_has_passed(scene: ChainScene) -> None:
    source = PriceSource("WETH", scene.trader.market.world.reference_venue)
    publisher = PricePublisher(scene.node, [source], lambda _: None)
    assert [publisher.step(NOW + ms * MS) for ms in (0, 200, 999, SILENCE_MS_MAX, 1_200)] == [1, 0, 0, 1, 0]
    scene.node.rpc.request("anvil_mine", "0x1")
    assert publisher.step(NOW + 1_201 * MS) == 1


@pytest.mark.chain
def test_a_node_that_is_away_gives_no_price(scene: ChainScene) -> None:
    source = PriceSource("WETH", scene.trader.market.world.reference_venue)
    with Node("http://127.0.0.1:9") as away, capture_logs() as lines:
        publisher = PricePublisher(away, [source], lambda _: None)
        assert [publisher.step(NOW), publisher.step(NOW + 1)] == [0, 0]
    assert [line["event"] for line in lines] == ["no prices: the node is away"]


@pytest.mark.chain
def test_a_venue_without_a_price_does_not_keep_others_from_theirs(scene: ChainScene) -> None:
    world = scene.trader.market.world
    venue = world.reference_venue
    empty = PriceSource("ETH", type(venue)(world.newswap.pool, venue.asset, 18, venue.dollar, 6))
    said: list[PriceObserved] = []
    with capture_logs() as lines:
        assert PricePublisher(scene.node, [empty, PriceSource("WETH", venue)], said.append).step(NOW) == 1
    assert [line["asset_id"] for line in lines] == ["ETH"]
    assert [each.asset_id for each in said] == ["WETH"]


def test_the_newest_record_counts_and_an_older_one_changes_nothing() -> None:
    prices = Prices()
    assert prices.fact(WETH) is None
    prices.accept(observed("3000"), 4)
    prices.accept(observed("2900"), 3)
    prices.accept(observed("0"), 5)
    fact = prices.fact(WETH)
    assert fact is not None
    assert (fact.usd, fact.log_offset) == (Decimal(3000), 4)
    prices.accept(observed("3100"), 6)
    assert prices.fact(WETH) != fact


def test_a_peg_goes_before_any_observation_and_does_not_age() -> None:
    prices = Prices()
    prices.accept(observed("0.9", "USDC"), 4)
    fact = prices.fact(USDC)
    assert fact is not None
    assert (fact.usd, fact.source, fact.log_offset) == (Decimal(1), "peg", -1)
    assert not is_stale(fact, NOW + 10**9 * SECOND, 60)


@pytest.mark.parametrize(
    ("age_seconds", "stale"), [(0, False), (60, False), (61, True), (-SKEW_SECONDS_MAX, False), (-SKEW_SECONDS_MAX - 1, True)]
)
def test_an_observation_ages_and_must_not_come_from_the_future(age_seconds: int, stale: bool) -> None:  # noqa: FBT001 - parametrized
    assert is_stale(price(at=NOW), NOW + age_seconds * SECOND, 60) == stale


def test_prices_that_were_taken_do_not_change_with_what_comes_later() -> None:
    prices = Prices()
    prices.accept(observed("3000"), 1)
    taken = prices.latest
    prices.accept(observed("3100"), 2)
    assert (taken["WETH"].usd, prices.latest["WETH"].usd) == (Decimal(3000), Decimal(3100))
