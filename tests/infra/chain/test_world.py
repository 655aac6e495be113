"""The numbers of the NewSwap scenario hold on real Uniswap bytecode (mission, the acceptance scenario, steps 5 and 6)."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from eth_utils.exceptions import ValidationError
from typer.testing import CliRunner

from infra.chain.node import Node
from infra.chain.prices import reference_price
from infra.chain.world.__main__ import app
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.artefacts import ArtefactMissing, artefact
from infra.chain.world.deploy import deploy
from infra.chain.world.description import load, save
from infra.chain.world.market import Market
from infra.chain.world.outbox import WorldBroken, send_together, signed
from infra.chain.world.plan import plan
from infra.ethereum.calldata import Transfer, encode
from infra.ethereum.trace import Effects, effects
from tests.world.chain.local_chain import USDC_FIRST, WETH_FIRST, free_port

pytestmark = pytest.mark.chain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.world.chain.local_chain import Trader

MILLION_USDC = 10**12
REPOSITORY = Path(__file__).parents[3]


def loss_percent(trader: Trader, outcome: Effects) -> Decimal:
    world = trader.market.world
    price = reference_price(trader.market.node, world.reference_venue).usd
    given = Decimal(-outcome.change(trader.address, world.usdc.address)) / 10**6
    got = Decimal(outcome.change(trader.address, world.weth.address)) / 10**18 * price
    return 100 * (1 - got / given)


def test_five_million_at_once_lose_about_three_percent(trader: Trader) -> None:
    assert Decimal("2.5") <= loss_percent(trader, trader.simulate(trader.buy_weth(5 * MILLION_USDC))) <= Decimal("3.5")


def test_five_times_one_million_with_arbitrage_between_lose_a_fifth_of_a_percent_each(trader: Trader) -> None:
    for _ in range(5):
        purchase = trader.buy_weth(MILLION_USDC)
        simulated = trader.simulate(purchase)
        assert Decimal("0.1") <= loss_percent(trader, simulated) <= Decimal("0.3")
        assert trader.execute(purchase).succeeded
        assert trader.market.arbitrage()


def test_without_arbitrage_the_second_million_costs_more(trader: Trader) -> None:
    first = trader.simulate(trader.buy_weth(MILLION_USDC))
    assert trader.execute(trader.buy_weth(MILLION_USDC)).succeeded
    second = trader.simulate(trader.buy_weth(MILLION_USDC))
    assert loss_percent(trader, second) > 2 * loss_percent(trader, first)


def test_what_is_executed_is_what_was_simulated(trader: Trader) -> None:
    node, world = trader.market.node, trader.market.world
    purchase = trader.buy_weth(MILLION_USDC)
    tokens = (world.usdc.address, world.weth.address)
    before = [trader.market.token_balance(token, trader.address) for token in tokens]
    simulated = trader.simulate(purchase)
    # The block after the one simulated on, as on a live chain: twelve seconds later.
    node.rpc.request("evm_setNextBlockTimestamp", node.head().timestamp + 12)
    receipt = trader.execute(purchase)
    after = [trader.market.token_balance(token, trader.address) for token in tokens]
    for token, was, is_now in zip(tokens, before, after, strict=True):
        assert is_now - was == simulated.change(trader.address, token) != 0
    assert receipt.gas_used == simulated.gas_used
    assert effects(node.trace_transaction(receipt.transaction_hash), wrapped_native=[world.weth.address]) == simulated


def test_arbitrage_restores_the_price_exactly_from_either_side(trader: Trader) -> None:
    market = trader.market
    start = market.world.newswap.start_sqrt_price_x96
    assert market.sqrt_price_x96() == start
    assert not market.arbitrage()
    trader.execute(trader.buy_weth(MILLION_USDC))
    bought_at = market.sqrt_price_x96()
    assert bought_at != start
    assert market.arbitrage()
    assert market.sqrt_price_x96() == start


def test_a_swap_touches_the_router_and_its_companions_only(trader: Trader) -> None:
    world = trader.market.world
    swap = trader.simulate(trader.buy_weth(MILLION_USDC))
    assert set(swap.touched) == {world.newswap.router, *world.swap_companions}
    assert [(each.contract, each.code) for each in swap.delegate_calls] == [(world.usdc.address, world.usdc_implementation)]


def test_the_reference_venue_does_not_notice_newswap(trader: Trader) -> None:
    node, venue = trader.market.node, trader.market.world.reference_venue
    trader.execute(trader.buy_weth(5 * MILLION_USDC))
    price = reference_price(node, venue)
    assert str(price.usd) == "3000.000000"
    assert (price.block_number, price.block_hash) == (node.head().number, node.head().hash)


def test_deploying_again_finds_the_world_and_sends_nothing(market: Market, tmp_path: Path) -> None:
    mnemonic = WETH_FIRST if int(market.world.weth.address, 16) < int(market.world.usdc.address, 16) else USDC_FIRST
    url = f"http://{market.node.name}"
    height = market.node.block_number()
    again = deploy(url, mnemonic, tmp_path / "world.json")
    assert again == market.world == load(tmp_path / "world.json")
    assert market.node.block_number() == height


def test_an_interrupted_deployment_is_completed(fresh_node_url: str, tmp_path: Path) -> None:

    with Node(fresh_node_url) as node:
        planned = plan(WorldAccounts.from_mnemonic(WETH_FIRST), node.chain_id())
        (money,) = planned.phases[0]
        node.rpc.request("anvil_setBalance", money.account.address, hex(10**24))
        send_together(node, signed(money.account, money.steps[:7], chain_id=planned.world.chain_id, first_nonce=0))
    assert deploy(fresh_node_url, WETH_FIRST, tmp_path / "world.json") == planned.world


def test_accounts_that_were_used_for_something_else_are_refused(fresh_node_url: str, tmp_path: Path) -> None:

    issuer = WorldAccounts.from_mnemonic(WETH_FIRST).issuer.address
    with Node(fresh_node_url) as node:
        node.rpc.request("anvil_setNonce", issuer, "0x40")
    with pytest.raises(WorldBroken):
        deploy(fresh_node_url, WETH_FIRST, tmp_path / "world.json")
    assert not (tmp_path / "world.json").exists()


def test_a_chain_whose_reference_price_was_moved_is_refused(market: Market, tmp_path: Path) -> None:
    mnemonic = WETH_FIRST if int(market.world.weth.address, 16) < int(market.world.usdc.address, 16) else USDC_FIRST
    for reserves in (0, (10**12 << 112) + 10**12):
        market.node.rpc.request("anvil_setStorageAt", market.world.reference.pair, hex(8), "0x" + f"{reserves:064x}")
        with pytest.raises(WorldBroken):
            deploy(f"http://{market.node.name}", mnemonic, tmp_path / "world.json")


def test_a_chain_that_lost_a_contract_is_refused(market: Market, tmp_path: Path) -> None:
    mnemonic = WETH_FIRST if int(market.world.weth.address, 16) < int(market.world.usdc.address, 16) else USDC_FIRST
    market.node.rpc.request("anvil_setCode", market.world.newswap.quoter, "0x")
    with pytest.raises(WorldBroken, match=f"no code at {market.world.newswap.quoter};"):
        deploy(f"http://{market.node.name}", mnemonic, tmp_path / "world.json")


def test_an_arbitrageur_without_enough_money_says_so(trader: Trader) -> None:
    market, arbitrageur = trader.market, trader.market.accounts.arbitrageur.address
    weth = market.world.weth.address
    trader.execute(trader.buy_weth(5 * MILLION_USDC))
    rest = market.token_balance(weth, arbitrageur) - 10**18
    market.node.rpc.request("anvil_impersonateAccount", arbitrageur)
    spend: dict[str, JsonValue] = {"from": arbitrageur, "to": weth, "data": "0x" + encode(Transfer(trader.address, rest)).hex()}
    market.node.rpc.request("eth_sendTransaction", spend)
    with pytest.raises(WorldBroken, match="ran out of money"):
        market.arbitrage()


def test_a_node_that_does_not_mine_is_not_waited_for_for_ever(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.chain.world.outbox.INCLUSION_TIMEOUT_SECONDS_MAX", 0.1)
    rpc = trader.market.node.rpc
    rpc.request("evm_setAutomine", False)  # noqa: FBT003 - RPC
    try:
        with pytest.raises(WorldBroken, match="does the node mine"):
            trader.market.fund(trader.address, wei=1)
    finally:
        rpc.request("anvil_dropAllTransactions")
        rpc.request("evm_setAutomine", True)  # noqa: FBT003 - RPC


def test_a_step_that_fails_breaks_the_world(trader: Trader) -> None:
    market = trader.market
    market.node.rpc.request("anvil_setBalance", market.world.newswap.router, "0x0")
    with pytest.raises(WorldBroken, match="failed"):
        market.fund(market.world.usdc.address, wei=1)
    market.node.rpc.request("anvil_setBalance", market.accounts.issuer.address, "0x0")
    with pytest.raises(WorldBroken, match="refused"):
        market.fund(trader.address, wei=1)


def test_the_command_line_deploys_funds_and_shows(fresh_node_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phrase = tmp_path / "mnemonic"
    phrase.write_text(WETH_FIRST + "\n")
    monkeypatch.setenv("PROOFDESK_WORLD_NODE", fresh_node_url)
    monkeypatch.setenv("PROOFDESK_WORLD_FILE", str(tmp_path / "world.json"))
    # The environment's mnemonic is another one: the option must win.
    monkeypatch.setenv("PROOFDESK_WORLD_MNEMONIC", USDC_FIRST)
    chosen = ["--mnemonic-file", str(phrase)]
    command = [sys.executable, "-m", "infra.chain.world", *chosen, "deploy"]
    deployed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert deployed.returncode == 0, deployed.stderr
    world = CliRunner()
    assert json.loads(deployed.stdout) == json.loads(world.invoke(app, ["show"]).stdout)
    account = "0x000000000000000000000000000000000000dEaD"
    assert world.invoke(app, [*chosen, "fund", account, "--usdc", "1.5", "--eth", "2"]).exit_code == 0
    assert "where it belongs" in world.invoke(app, [*chosen, "arbitrage"]).stdout
    described = load(tmp_path / "world.json")
    with Node(fresh_node_url) as node:
        assert node.balance(account) == 2 * 10**18
        holdings = Market(node, described, WorldAccounts.from_mnemonic(WETH_FIRST))
        assert holdings.token_balance(described.usdc.address, account) == 1_500_000


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["fund", "0x00", "--usdc", "0.0000001"], 2, "more decimals"),
        (["fund", "0x00", "--usdc", "-1"], 2, "negative"),
        (["fund", "0x00", "--eth", "much"], 2, "not a number"),
        (["deploy"], 1, "check that it runs"),
        (["show"], 1, "No such file"),
        (["--mnemonic-file", "/nowhere", "deploy"], 1, "No such file"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], exit_code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROOFDESK_WORLD_NODE", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PROOFDESK_WORLD_MNEMONIC", WETH_FIRST)
    if arguments[0] == "fund":
        world = plan(WorldAccounts.from_mnemonic(WETH_FIRST), 1).world
        save(world, tmp_path / "world.json")
    monkeypatch.setenv("PROOFDESK_WORLD_FILE", str(tmp_path / "world.json"))
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == exit_code
    assert words in " ".join(outcome.output.split())


def test_without_a_mnemonic_the_command_line_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROOFDESK_WORLD_MNEMONIC", raising=False)
    outcome = CliRunner().invoke(app, ["deploy"])
    assert outcome.exit_code == 2
    assert "PROOFDESK_WORLD_MNEMONIC" in outcome.output


def test_a_word_that_is_missing_makes_no_mnemonic() -> None:
    with pytest.raises(ValidationError):
        WorldAccounts.from_mnemonic(WETH_FIRST.rpartition(" ")[0])


def test_no_key_shows_in_an_account_s_text() -> None:
    accounts = WorldAccounts.from_mnemonic(WETH_FIRST)
    assert repr(accounts.issuer) == f"WorldAccount({accounts.issuer.address})"


def test_artefacts_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("infra.chain.world.artefacts.NODE_MODULES", tmp_path)
    with pytest.raises(ArtefactMissing, match="npm"):
        artefact("nothing.json")
