"""A real anvil with the real contracts of the local world, started once for these tests and put back after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.chain.node import Node
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.deploy import deploy
from infra.chain.world.market import Market
from infra.ethereum.calldata import Approve, encode
from tests.world.chain.local_chain import ETHER, TRADER, USDC, USDC_FIRST, WETH_FIRST, Trader, anvil


@pytest.fixture(scope="session", params=[WETH_FIRST, USDC_FIRST], ids=["weth-first", "usdc-first"])
def funded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    mnemonic: str = request.param
    with anvil() as url, Node(url) as node:
        world = deploy(url, mnemonic, tmp_path_factory.mktemp("world") / "world.json")
        market = Market(node, world, WorldAccounts.from_mnemonic(mnemonic))
        trader = Trader(market, WorldAccounts.from_mnemonic(TRADER).issuer)
        market.fund(trader.address, usdc=60_000_000 * USDC, wei=100 * ETHER)
        allow = Approve(spender=world.newswap.router, amount=60_000_000 * USDC)
        assert trader.execute(trader.transaction(world.usdc.address, encode(allow))).succeeded
        yield trader


@pytest.fixture
def trader(funded: Trader) -> Iterator[Trader]:
    """The trader on a world whose changes are undone after the test."""
    rpc = funded.market.node.rpc
    snapshot = rpc.request("evm_snapshot")
    yield funded
    assert rpc.request("evm_revert", snapshot) is True


@pytest.fixture
def market(trader: Trader) -> Market:
    return trader.market


@pytest.fixture
def fresh_node_url() -> Iterator[str]:
    with anvil() as url:
        yield url
