"""Derives an order's effect, its value, and the facts that policy gets about it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.events.facts import PriceFact
from schemas.events.lifecycle import PolicyEvaluated
from schemas.orders import Action
from streams.rules.actions.effect import base_units, effect_of
from streams.rules.orders.judging.facts import value_usd
from streams.rules.refusals import orders as refusals
from tests.streams.rules.orders.specification import allowance, given, initiate, swap, transfer
from tests.world.firm.desk import (
    ASSETS,
    CHAIN,
    CUSTODIAN,
    DAY,
    FIRM,
    NOW,
    STRANGER,
    TREASURY,
    USDC,
    VENUE,
    WETH,
    price,
)

USDC_LISTED, WETH_LISTED = ASSETS[0], ASSETS[1]


@pytest.mark.parametrize(
    ("action", "contract", "call", "spends", "counterparty", "receives"),
    [
        (transfer("1.5"), USDC, "transfer(address,uint256)", 1_500_000, CUSTODIAN, None),
        (transfer("1", "WETH"), WETH, "transfer(address,uint256)", 10**18, CUSTODIAN, None),
        (transfer("0.000000000000000001", "ETH"), CUSTODIAN, "native transfer", 1, CUSTODIAN, None),
        (allowance("2"), USDC, "approve(address,uint256)", 2_000_000, VENUE, None),
        (
            swap("3"),
            VENUE,
            "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))",
            3_000_000,
            VENUE,
            "WETH",
        ),
    ],
)
def test_an_effect_says_what_would_happen_on_chain(  # noqa: PLR0913, PLR0917 - a row of the table
    action: Action, contract: str, call: str, spends: int, counterparty: str, receives: str | None
) -> None:
    effect = given().when(initiate("o1", action)).only(PolicyEvaluated).facts.effect
    assert (effect.chain_id, effect.wallet) == (CHAIN, TREASURY)
    assert (effect.contract, effect.call, effect.spends) == (contract, call, spends)
    assert (effect.counterparty, effect.spends_asset_id, effect.receives_asset_id) == (
        counterparty,
        action.asset_id,
        receives,
    )


@pytest.mark.parametrize(
    ("amount", "units"),
    [("1", 10**6), ("0.000001", 1), ("123456789012345678901234567890.654321", 123456789012345678901234567890654321)],
)
def test_base_units_are_exact(amount: str, units: int) -> None:
    assert base_units(Decimal(amount), USDC_LISTED) == units


def test_the_largest_number_a_chain_knows_is_the_largest_amount() -> None:
    exact = USDC_LISTED.model_copy(update={"decimals": 0})
    assert base_units(Decimal(str(2**256 - 1)), exact) == 2**256 - 1
    with pytest.raises(refusals.AmountTooLarge):
        base_units(Decimal(str(2**256)), exact)


@pytest.mark.parametrize(
    ("units", "usd", "worth"),
    [
        (10**18, "2500", "2500.000000"),
        (1, "2500", "0.000001"),
        (400_000_000, "2500", "0.000001"),
        (400_000_001, "2500", "0.000002"),
        (0, "2500", "0.000000"),
    ],
)
def test_worth_is_rounded_up(units: int, usd: str, worth: str) -> None:
    assert value_usd(units, WETH_LISTED, Decimal(usd)) == Decimal(worth)


def test_the_facts_name_where_they_came_from() -> None:
    facts = given().when(initiate("o1", transfer("2", "ETH"))).only(PolicyEvaluated).facts
    assert facts.evaluated_at == NOW
    assert facts.governance_position == 40
    assert facts.policy_hash == FIRM.policy.policy_hash
    assert facts.prices == [price("ETH", "2500")]
    assert facts.amount_usd == 5_000
    assert (facts.initiator_roles, facts.initiator_site) == (["portfolio-manager"], "zurich")
    assert (facts.target.listed, facts.target.name, facts.target.listed_at) == (True, "Custodian", NOW - 90 * DAY)


def test_a_peg_is_a_price_that_governance_fixed() -> None:
    facts = given().when(initiate("o1", transfer("2"))).only(PolicyEvaluated).facts
    assert facts.prices == [PriceFact(asset_id="USDC", usd=Decimal(1), source="peg", observed_at=NOW - DAY, log_offset=-1)]


def test_a_stranger_is_not_listed() -> None:
    target = given().when(initiate("o1", transfer("2", to=STRANGER))).only(PolicyEvaluated).facts.target
    assert (target.address, target.listed, target.name) == (STRANGER, False, "")


def test_limits_stand_as_they_were_before_the_order() -> None:
    spec = given(FIRM, initiate("o1", transfer("100"))).when(initiate("o2", transfer("20")))
    facts = {fact.limit_id: fact for fact in spec.only(PolicyEvaluated).facts.limits}
    assert (facts["trader-day"].used_usd, facts["trader-day"].requested_usd) == (Decimal(100), Decimal(20))
    assert facts["desk-day"].scope_key == "desk:newswap"
    assert (facts["single"].used_usd, facts["single"].window_seconds) == (Decimal(0), 0)


def test_an_effect_is_the_same_for_whoever_asks() -> None:
    order = given(FIRM, initiate("o1", swap("3"))).order("o1").order
    assert effect_of(order, FIRM.governance) == effect_of(order, FIRM.governance)
