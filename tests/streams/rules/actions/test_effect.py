"""The effects of deposits, withdrawals and calls; calls that are transfers in disguise are refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from infra.ethereum import calldata
from schemas.orders import Action, Call, Deposit, Effect, Order, Withdraw
from streams.rules.actions.effect import effect_of
from streams.rules.actions.kinds.call import RESERVED_FUNCTIONS
from streams.rules.firm.view import Governance
from streams.rules.refusals import orders as refusals
from tests.world.firm.desk import ASSETS, FIRM, STRANGER, TREASURY, USDC, VAULT, VENUE, WETH

NOWHERE = "0x0000000000000000000000000000000000000000"
SHARES = ASSETS[0].model_copy(update={"asset_id": "VAULT", "token": VAULT, "decimals": 18, "peg_usd": None})
WITH_SHARES = replace(FIRM.governance, assets={**FIRM.governance.assets, "VAULT": SHARES})


def deposit(amount: str, vault: str = VAULT, asset_id: str = "USDC") -> Deposit:
    return Deposit(asset_id=asset_id, amount=Decimal(amount), vault=vault)


def withdraw(amount: str, vault: str = VAULT, asset_id: str = "USDC") -> Withdraw:
    return Withdraw(asset_id=asset_id, amount=Decimal(amount), vault=vault)


def call(function: str, *arguments: str, contract: str = VENUE, asset_id: str = "USDC", amount: str = "0") -> Call:
    return Call(asset_id=asset_id, amount=Decimal(amount), contract=contract, function=function, arguments=list(arguments))


def effect(action: Action, governance: Governance = FIRM.governance) -> Effect:
    identity = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"
    return effect_of(
        Order(order_id=identity, desk_id="newswap", wallet_id="treasury-1", initiator="paula", action=action), governance
    )


def test_a_deposit_spends_the_asset_and_the_vault_gains_power_over_it() -> None:
    told = effect(deposit("5"))
    assert (told.wallet, told.contract, told.counterparty) == (TREASURY, VAULT, VAULT)
    assert (told.call, told.spends_asset_id, told.spends) == ("deposit(uint256,address)", "USDC", 5_000_000)
    assert (told.receives_asset_id, told.receives) == (None, 0)


def test_shares_that_governance_listed_are_what_a_deposit_receives() -> None:
    assert effect(deposit("5"), WITH_SHARES).receives_asset_id == "VAULT"


def test_a_withdrawal_spends_nothing_of_the_asset_and_receives_exactly_the_amount() -> None:
    told = effect(withdraw("5"))
    assert (told.contract, told.counterparty, told.call) == (VAULT, VAULT, "withdraw(uint256,address,address)")
    assert (told.spends_asset_id, told.spends) == ("USDC", 0)
    assert (told.receives_asset_id, told.receives) == ("USDC", 5_000_000)


def test_a_call_is_shown_by_its_function_and_what_it_may_spend() -> None:
    told = effect(call("claim(uint256)", "7", asset_id="ETH", amount="0.5"))
    assert (told.contract, told.counterparty, told.call) == (VENUE, VENUE, "claim(uint256)")
    assert (told.spends_asset_id, told.spends, told.receives_asset_id) == ("ETH", 5 * 10**17, None)


@pytest.mark.parametrize(
    ("action", "refused"),
    [
        (deposit("1", asset_id="ETH"), refusals.AssetNotToken),
        (withdraw("1", asset_id="ETH"), refusals.AssetNotToken),
        (deposit("0.0000001"), refusals.AmountTooPrecise),
        *((made("1", vault=where), refusals.DestinationPointless)
          for made in (deposit, withdraw) for where in (NOWHERE, TREASURY, USDC)),
        *((call("claim()", contract=where), refusals.DestinationPointless) for where in (NOWHERE, TREASURY, USDC)),
        (call("claim(uint256)"), refusals.CallMalformed),
        (call("claim"), refusals.CallMalformed),
        (call("claim(uint256)", "1.5"), refusals.CallMalformed),
        (call("claim()", contract=WETH), refusals.CallReserved),
        (call("many_msg_babbage(bytes1)", "0x00"), refusals.CallReserved),  # the selector of transfer(address,uint256)
        *((call(function), refusals.CallReserved) for function in sorted(RESERVED_FUNCTIONS)),
    ],
)  # fmt: skip
def test_what_cannot_be_done_or_would_hide_whom_it_goes_to_is_refused(action: Action, refused: type[refusals.Refused]) -> None:
    with pytest.raises(refused):
        effect(action)


def test_a_vault_whose_shares_are_listed_is_called_by_its_own_actions_only() -> None:
    """Its shares are a token: a call could hand them to anybody."""
    harvest = call("harvest()", contract=VAULT)
    assert effect(harvest).call == "harvest()"
    with pytest.raises(refusals.CallReserved):
        effect(harvest, WITH_SHARES)


def test_every_call_that_has_an_action_is_reserved_for_it() -> None:
    assert {each.SIGNATURE for each in calldata.CALLS} <= RESERVED_FUNCTIONS
    assert effect(call("transfer(address)", STRANGER)).call == "transfer(address)", "another function of the same name"
