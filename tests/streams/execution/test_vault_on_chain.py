"""Deposits, withdrawals and calls against OpenZeppelin's own ERC-4626 vault: some pass, faults are found before signing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.ethereum import calldata
from infra.ethereum.transaction import from_record
from schemas.events.lifecycle import Simulated
from schemas.orders import Action
from tests.infra.chain.vault import deploy_vault
from tests.streams.execution.test_on_chain import codes
from tests.world.chain.firm import approved, call, deposit, withdraw
from tests.world.chain.local_chain import USDC
from tests.world.chain.scene import ChainScene

pytestmark = pytest.mark.chain


@pytest.fixture
def invested(scene: ChainScene) -> ChainScene:
    """The scene with a vault that is listed and may draw 5,000 USDC."""
    vault = deploy_vault(scene.trader, scene.places.usdc)
    made = ChainScene(scene.trader, replace(scene.places, vault=vault))
    carry_out(made, scene.places.usdc, calldata.encode(calldata.Approve(vault, 5_000 * USDC)))
    return made


def carry_out(scene: ChainScene, to: str, data: bytes) -> None:
    """The wallet's own transaction, outside the line."""
    assert scene.trader.execute(scene.trader.transaction(to, data)).succeeded


def simulated(scene: ChainScene, action: Action) -> Simulated:
    return scene.execution().simulate(approved(action, scene.governance))


def done(scene: ChainScene, action: Action) -> Simulated:
    """Simulated, found to be in order, and carried out to the byte."""
    made = simulated(scene, action)
    assert (made.verdict, codes(made)) == ("passed", []), made.findings
    held = {token: scene.token_balance(token) for token in (scene.places.usdc, scene.places.vault)}
    assert scene.trader.execute(from_record(made.transaction)).succeeded
    for token, before in held.items():
        changes = [each.change for each in made.balance_changes if (each.account, each.token) == (scene.places.wallet, token)]
        assert scene.token_balance(token) == before + sum(changes)
    return made


def test_what_is_deposited_becomes_shares_and_comes_back_to_the_base_unit(invested: ChainScene) -> None:
    before = invested.token_balance(invested.places.usdc)
    done(invested, deposit("5000", invested.places))
    assert invested.token_balance(invested.places.usdc) == before - 5_000 * USDC
    assert invested.token_balance(invested.places.vault) > 0
    done(invested, withdraw("1234.567891", invested.places))
    assert invested.token_balance(invested.places.usdc) == before - 5_000 * USDC + 1_234_567_891


def test_a_deposit_without_an_allowance_is_found(invested: ChainScene) -> None:
    assert codes(simulated(invested, deposit("5000.000001", invested.places))) == ["reverts"]


def test_more_than_the_shares_are_worth_is_found(invested: ChainScene) -> None:
    done(invested, deposit("5000", invested.places))
    assert codes(simulated(invested, withdraw("5000.000001", invested.places))) == ["reverts"]


def test_a_deposit_into_a_vault_that_somebody_inflated_gives_no_shares_and_is_found(invested: ChainScene) -> None:
    """The first depositor's attack: assets given to an empty vault make a share dearer than the whole deposit."""
    donation = calldata.encode(calldata.Transfer(invested.places.vault, 6_000 * USDC))
    carry_out(invested, invested.places.usdc, donation)
    found = simulated(invested, deposit("5000", invested.places))
    assert (found.verdict, codes(found)) == ("flagged", ["unexpected-balance-change"])
    assert "at least 1" in found.findings[0].message


def test_a_vault_that_nobody_listed_is_found(invested: ChainScene) -> None:
    unlisted = ChainScene(invested.trader, replace(invested.places, vault=invested.places.friend))
    order = approved(deposit("1", invested.places), invested.governance)
    found = unlisted.execution().simulate(order)
    assert "contract-not-listed" in codes(found)


@pytest.mark.parametrize(
    ("drawn", "allowed", "found"),
    [("7000000", "7", []), ("7000000", "10", []), ("7000001", "7", ["unexpected-balance-change"])],
)
def test_a_call_may_draw_up_to_its_amount_and_no_more(invested: ChainScene, drawn: str, allowed: str, found: list[str]) -> None:
    action = call("enter(uint256,string)", drawn, "as agreed", amount=allowed, places=invested.places)
    assert codes(simulated(invested, action)) == found
    if not found:
        done(invested, action)


def test_money_goes_along_with_a_call_and_one_that_cannot_take_it_is_found(invested: ChainScene) -> None:
    takes = call("enter(uint256,string)", "0", "", amount="0.5", asset_id="ETH", places=invested.places)
    made = done(invested, takes)
    assert invested.node.balance(invested.places.vault) == made.transaction.value == 5 * 10**17
    refuses = call("totalAssets()", amount="0.5", asset_id="ETH", places=invested.places)
    assert codes(simulated(invested, refuses)) == ["reverts"]
