"""Each kind of order compiles to the same bytes every time, and always with its protections."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from infra.ethereum import calldata, spelled_call
from infra.ethereum.answers import FeeSuggestion
from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed
from schemas.events.lifecycle import Claim
from schemas.examples import example
from schemas.orders import Action
from streams.rules.actions.compilation import compile_call
from streams.rules.actions.compiled import CompiledCall, NotCompilable, unprotected
from streams.rules.actions.kinds.swap import SWAP_DEADLINE_SECONDS
from streams.rules.firm.view import Governance
from streams.rules.prices.valuation import Quoted, least_out, slippage_ppm, usd_lost
from streams.rules.transactions import assembly
from streams.rules.transactions import fee_and_gas_bounds as bounds
from streams.rules.transactions.assembly import FeesTooHigh
from tests.streams.execution.specification import FEES
from tests.world.chain.firm import (
    NOW,
    PLACES,
    SECOND,
    allow,
    approved,
    call,
    deposit,
    firm,
    pay,
    price,
    prices,
    swap,
    withdraw,
)

FIRM = firm()
PRICES = prices(FIRM)
USDC, WETH = FIRM.assets["USDC"], FIRM.assets["WETH"]


def compiled(action: Action, governance: Governance = FIRM, facts: tuple[PriceFact, ...] = PRICES) -> CompiledCall:
    order = approved(action, FIRM)
    call = compile_call(order.order, governance, order, facts)
    assert call == compile_call(order.order, governance, order, facts)
    return call


def listing(**assets: AssetListed) -> Governance:
    return replace(FIRM, assets=assets)


def test_a_token_is_transferred_by_its_contract() -> None:
    call = compiled(pay("1.5"))
    assert (call.to, call.value) == (PLACES.usdc, 0)
    assert calldata.decode(call.data) == calldata.Transfer(PLACES.friend, 1_500_000)


def test_native_money_goes_straight_to_its_receiver() -> None:
    assert compiled(pay("1.5", "ETH")) == CompiledCall(PLACES.friend, 1_500_000_000_000_000_000, b"")


def test_an_allowance_is_exact() -> None:
    call = compiled(allow("7"))
    assert call.to == PLACES.usdc
    assert calldata.decode(call.data) == calldata.Approve(PLACES.router, 7_000_000)


def test_a_swap_comes_back_to_its_wallet_in_time_and_within_its_bound() -> None:
    call = compiled(swap("3000", max_slippage=100))
    assert (call.to, call.value) == (PLACES.router, 0)
    assert calldata.decode(call.data) == calldata.ExactInputSingle(
        token_in=PLACES.usdc,
        token_out=PLACES.weth,
        fee=100,
        recipient=PLACES.wallet,
        deadline=NOW // SECOND + SWAP_DEADLINE_SECONDS,
        amount_in=3_000_000_000,
        amount_out_minimum=990_000_000_000_000_000,
        sqrt_price_limit_x96=0,
    )


def test_a_vault_gets_what_is_deposited_and_its_shares_come_back_to_the_wallet() -> None:
    made = compiled(deposit("7"))
    assert (made.to, made.value) == (PLACES.vault, 0)
    assert calldata.decode(made.data) == calldata.Deposit(7_000_000, PLACES.wallet)


def test_a_withdrawal_comes_back_to_the_wallet_for_its_own_shares() -> None:
    made = compiled(withdraw("7"))
    assert (made.to, made.value) == (PLACES.vault, 0)
    assert calldata.decode(made.data) == calldata.Withdraw(7_000_000, PLACES.wallet, PLACES.wallet)


@pytest.mark.parametrize(("asset_id", "value"), [("ETH", 5 * 10**17), ("USDC", 0)])
def test_a_call_is_the_bytes_of_what_was_spelled_out_and_only_native_money_goes_along(asset_id: str, value: int) -> None:
    made = compiled(call("enter(uint256,string)", "7", "as agreed", asset_id=asset_id, amount="0.5"))
    assert (made.to, made.value) == (PLACES.vault, value)
    assert spelled_call.decode("enter(uint256,string)", made.data) == ["7", "as agreed"]


def test_a_call_that_its_effect_does_not_show_or_that_no_bytes_express_is_not_compiled() -> None:
    order = approved(call("enter(uint256)", "7"), FIRM)
    for wrong in (call("leave(uint256)", "7"), call("enter(uint256)", "seven")):
        with pytest.raises(NotCompilable):
            compile_call(order.order.model_copy(update={"action": wrong}), FIRM, order, PRICES)


def test_only_a_swap_has_a_minimum_to_be_left_out() -> None:
    bare = calldata.decode(unprotected(compiled(swap("3000"))).data)
    assert isinstance(bare, calldata.ExactInputSingle)
    assert bare.amount_out_minimum == 0
    others: tuple[Action, ...] = (pay("1"), pay("1", "ETH"), deposit("1"), call("enter()"))
    for other in map(compiled, others):
        assert unprotected(other) == other


@pytest.mark.parametrize(
    ("governance", "facts"),
    [
        (listing(), PRICES),
        (listing(USDC=USDC), PRICES),
        (FIRM, PRICES[:1]),
        (FIRM, (PRICES[0], price(usd="0"))),
        (listing(USDC=USDC, WETH=WETH.model_copy(update={"token": None})), PRICES),
    ],
    ids=["no asset", "nothing to buy", "no price", "worthless", "native"],
)
def test_without_asset_and_price_there_is_no_swap(governance: Governance, facts: tuple[PriceFact, ...]) -> None:
    with pytest.raises(NotCompilable):
        compiled(swap("3000"), governance, facts)


def test_an_effect_of_another_order_is_noticed() -> None:
    order, other = approved(pay("1"), FIRM), approved(allow("1"), FIRM)
    with pytest.raises(NotCompilable, match="its effect says"):
        compile_call(order.order, FIRM, other, PRICES)


@drawn(
    amount=st.integers(1, 10**18),
    micros=st.integers(1, 10**13),
    bound=st.integers(0, 10_000),
)
def test_the_least_that_may_come_back_is_the_least_within_the_bound(amount: int, micros: int, bound: int) -> None:
    given, taken = Quoted(USDC, PRICES[0]), Quoted(WETH, price(usd=str(Decimal(micros).scaleb(-6))))
    least = least_out(given, amount, taken, bound)
    assert slippage_ppm(given, amount, taken, least) <= bound * 100
    if least > 0:
        # One base unit less is beyond the bound; in whole millionths that may round to the same number, never to less.
        worth_less, scale = taken.worth(least - 1)
        worth_in, scale_in = given.worth(amount)
        assert worth_less * scale_in * 10_000 < worth_in * scale * (10_000 - bound)


@drawn(amount=st.integers(1, 10**15), out=st.integers(0, 10**24))
def test_slippage_never_looks_smaller_than_it_is(amount: int, out: int) -> None:
    given, taken = Quoted(USDC, PRICES[0]), Quoted(WETH, price())
    ppm = slippage_ppm(given, amount, taken, out)
    exact = 1_000_000 * (1 - (Decimal(out) * 3000 / 10**18) / (Decimal(amount) / 10**6))
    assert exact - Decimal("1e-9") * abs(exact) <= ppm < exact + 1 + Decimal("1e-9") * abs(exact)


def test_a_loss_is_told_to_the_cent() -> None:
    assert usd_lost(Quoted(USDC, PRICES[0]), 5_000_000_000_000, 30_187) == Decimal("150935.00")


CALL = CompiledCall(PLACES.friend, 1, b"")


@pytest.mark.parametrize(
    ("used", "limit"), [(0, 21_000), (21_000, 31_500), (150_001, 225_001), (4_000_000, bounds.GAS_LIMIT_MAX)]
)
def test_gas_has_a_margin_and_bounds(used: int, limit: int) -> None:
    assert assembly.gas_limit(used) == limit


def test_fees_are_the_nodes_suggestion_up_to_our_caps() -> None:
    usual = assembly.assemble(1, CALL, nonce=3, gas=21_000, fees=FEES)
    assert (usual.max_priority_fee_per_gas, usual.max_fee_per_gas, usual.nonce) == (1, 15, 3)
    greedy = FeeSuggestion(7, 90 * bounds.GWEI, 5_000 * bounds.GWEI)
    capped = assembly.assemble(1, CALL, nonce=3, gas=21_000, fees=greedy)
    assert capped.max_priority_fee_per_gas == assembly.PRIORITY_FEE_WEI_MAX
    assert capped.max_fee_per_gas == assembly.MAX_FEE_WEI_MAX
    with pytest.raises(FeesTooHigh):
        assembly.assemble(1, CALL, nonce=3, gas=21_000, fees=replace(greedy, base_fee_per_gas=assembly.MAX_FEE_WEI_MAX))


def claim(fee: int, tip: int) -> Claim:
    return example(Claim).model_copy(update={"max_fee_per_gas": fee, "max_priority_fee_per_gas": tip})


@pytest.mark.parametrize(
    ("claimed", "suggested", "bid"),
    [
        (claim(100, 10), FeeSuggestion(7, 1, 15), (110, 11)),
        (claim(101, 11), FeeSuggestion(7, 1, 15), (112, 13)),
        (claim(15, 0), FeeSuggestion(7, 0, 15), (17, 1)),
        (claim(100, 10), FeeSuggestion(70, 20, 200), (200, 20)),
        (claim(100, 95), FeeSuggestion(50, 1, 101), (155, 105)),
        (
            claim(assembly.MAX_FEE_WEI_MAX, 50 * bounds.GWEI),
            FeeSuggestion(7, 1, 15),
            (550 * bounds.GWEI, 55 * bounds.GWEI),
        ),
    ],
)
def test_what_overtakes_offers_a_tenth_more_and_no_less_than_usual(
    claimed: Claim, suggested: FeeSuggestion, bid: tuple[int, int]
) -> None:
    made = assembly.assemble(1, CALL, nonce=3, gas=21_000, fees=suggested, claimed=claimed)
    assert (made.max_fee_per_gas, made.max_priority_fee_per_gas) == bid
    assert assembly.overtakes(made, claimed)
    assert not assembly.overtakes(made, claim(made.max_fee_per_gas, claimed.max_priority_fee_per_gas))
    assert not assembly.overtakes(made, claim(claimed.max_fee_per_gas, made.max_priority_fee_per_gas))


def test_what_would_have_to_offer_more_than_the_signer_allows_waits() -> None:
    assembly.assemble(1, CALL, nonce=3, gas=21_000, fees=FEES, claimed=claim(900 * bounds.GWEI, 1))
    with pytest.raises(FeesTooHigh, match="overtake"):
        assembly.assemble(1, CALL, nonce=3, gas=21_000, fees=FEES, claimed=claim(910 * bounds.GWEI, 1))


def test_a_probe_is_free() -> None:
    free = assembly.probe(1, CALL)
    assert (free.max_fee_per_gas, free.gas_limit, free.value) == (0, bounds.GAS_LIMIT_MAX, 1)
