"""Raises each finding for its cause, and none for a sound simulation."""

from __future__ import annotations

import pytest

from infra.ethereum.trace import UNLIMITED_AMOUNT_MIN, DelegateCall, Effects
from schemas.events.governance import BreakerTripped, ContractListed, WalletAssigned
from schemas.orders import Action
from streams.rules.decider import Outcome
from streams.rules.transactions.simulation import Simulation
from streams.rules.transactions.simulation_findings import FINDINGS_MAX
from tests.streams.execution.breakers import tripped, with_a_holding
from tests.streams.execution.specification import (
    NOTHING,
    REVERTED,
    allowed,
    bought,
    codes,
    given,
    moved,
    paid,
    simulated,
    simulation,
)
from tests.world.chain.firm import (
    CHAIN,
    PLACES,
    WALLET_ID,
    address,
    allow,
    approved,
    call,
    deposit,
    firm,
    pay,
    swap,
    withdraw,
)

USDC = 10**6
WETH = 10**18
STRANGER = address("stranger")


def judged(action: Action, exact: Effects, measured: Effects | None = None) -> Outcome:
    return given().when(simulation(approved(action), exact, measured))[0]


def also(effects: Effects, **changes: object) -> Effects:
    return effects.model_copy(update=changes)


ORDINARY = [
    pytest.param(swap("3000"), bought(3_000 * USDC, WETH), id="swap"),
    pytest.param(pay("5"), paid(5 * USDC), id="payment"),
    pytest.param(pay("1", "ETH"), moved((PLACES.wallet, None, -WETH), (PLACES.friend, None, WETH)), id="native payment"),
    pytest.param(allow("5"), allowed((PLACES.usdc, PLACES.router, 5 * USDC)), id="allowance"),
]


def invested(usdc: int, shares: int, *more: tuple[str, str | None, int]) -> Effects:
    """The transfers between a wallet and the vault, the vault's side included."""
    sides = ((PLACES.wallet, PLACES.usdc, -usdc), (PLACES.vault, PLACES.usdc, usdc), (PLACES.wallet, PLACES.vault, shares))
    return moved(*(side for side in sides if side[2]), *more)


ORDINARY += [
    pytest.param(deposit("5"), invested(5 * USDC, 4 * WETH), id="deposit"),
    pytest.param(withdraw("5"), invested(-5 * USDC, -4 * WETH), id="withdrawal"),
    pytest.param(call("enter()", amount="5"), invested(5 * USDC, 4 * WETH), id="call that spends all it may"),
    pytest.param(call("enter()", amount="5"), NOTHING, id="call that spends nothing"),
    pytest.param(call("claim()"), invested(-5 * USDC, 0, (PLACES.wallet, None, 1)), id="call that brings something in"),
    pytest.param(
        call("enter()"), also(NOTHING, touched=(PLACES.vault, STRANGER), creations=(STRANGER,)), id="call that creates"
    ),
    pytest.param(call("enter()", amount="1", asset_id="ETH"), moved((PLACES.wallet, None, -WETH)), id="call with money"),
]


@pytest.mark.parametrize(("action", "effects"), ORDINARY)
def test_what_does_as_it_should_passes(action: Action, effects: Effects) -> None:
    outcome = judged(action, effects)
    assert (simulated(outcome).verdict, codes(outcome)) == ("passed", [])


@pytest.mark.parametrize(
    ("breaker", "action", "effects", "found"),
    [
        (tripped(), pay("5"), paid(5 * USDC), []),
        (tripped(), deposit("5"), invested(5 * USDC, 1), ["breaker"]),
        (tripped(), withdraw("5"), invested(-5 * USDC, -1), ["breaker"]),
        (tripped(state="reducing"), withdraw("5"), invested(-5 * USDC, -1), []),
        (tripped(state="reducing"), deposit("5"), invested(5 * USDC, 1), ["breaker"]),
        (tripped("contract", PLACES.router), deposit("5"), invested(5 * USDC, 1), []),
        (tripped("contract", PLACES.vault), deposit("5"), invested(5 * USDC, 1), ["breaker"]),
    ],
)
def test_what_was_stopped_since_the_approval_is_found(
    breaker: BreakerTripped, action: Action, effects: Effects, found: list[str]
) -> None:
    """The payment goes where the wallet's funds are evacuated to."""
    governance = firm(PLACES, with_a_holding(), breaker)
    outcome = given().when(simulation(approved(action), effects, governance=governance))[0]
    assert codes(outcome) == found


@pytest.mark.parametrize(
    ("action", "effects", "found"),
    [
        (pay("5"), REVERTED, ["reverts"]),
        (swap("3000"), REVERTED, ["reverts"]),
        (allow("5"), REVERTED, ["reverts"]),
        (deposit("5"), REVERTED, ["reverts"]),
        (deposit("5"), invested(5 * USDC, 0), ["unexpected-balance-change"]),
        (deposit("5"), invested(5 * USDC + 1, 1), ["unexpected-balance-change"]),
        (deposit("5"), invested(5 * USDC, 1, (PLACES.wallet, None, -1)), ["unexpected-balance-change"]),
        (withdraw("5"), invested(-5 * USDC, 0), ["unexpected-balance-change"]),
        (withdraw("5"), invested(-5 * USDC, 1), ["unexpected-balance-change"]),
        (withdraw("5"), invested(-5 * USDC + 1, -1), ["unexpected-balance-change"]),
        (withdraw("5"), invested(-5 * USDC, -1, (PLACES.wallet, PLACES.weth, -1)), ["unexpected-balance-change"]),
        (call("enter()", amount="5"), invested(5 * USDC + 1, 1), ["unexpected-balance-change"]),
        (call("enter()", amount="5"), invested(5 * USDC, -1), ["unexpected-balance-change"]),
        (call("enter()"), moved((PLACES.wallet, None, -1)), ["unexpected-balance-change"]),
        (call("enter()", amount="5"), allowed((PLACES.usdc, PLACES.router, 5)), ["allowance-not-ordered"]),
        (pay("5"), paid(6 * USDC), ["unexpected-balance-change"] * 2),
        (pay("5"), NOTHING, ["unexpected-balance-change"] * 2),
        (pay("5"), moved((PLACES.wallet, PLACES.usdc, -5 * USDC), (STRANGER, PLACES.usdc, 5 * USDC)),
         ["unexpected-balance-change"]),
        (allow("5"), also(allowed((PLACES.usdc, PLACES.router, 5 * USDC)), balance_changes=paid(1).balance_changes),
         ["unexpected-balance-change"]),
        (swap("3000"), bought(3_001 * USDC, WETH), ["unexpected-balance-change"]),
        (swap("3000"), moved((PLACES.wallet, PLACES.usdc, -3_000 * USDC)),
         ["slippage-above-bound", "unexpected-balance-change"]),
        (swap("3000"),
         moved((PLACES.wallet, PLACES.usdc, -3_000 * USDC), (PLACES.wallet, PLACES.weth, WETH), (PLACES.wallet, None, -1)),
         ["unexpected-balance-change"]),
        (allow("5"), NOTHING, ["allowance-missing"]),
        (allow("5"), allowed((PLACES.usdc, PLACES.router, 6 * USDC)), ["allowance-not-ordered", "allowance-missing"]),
        (allow("5"), allowed((PLACES.usdc, STRANGER, 5 * USDC)),
         ["allowance-unlisted-spender", "allowance-not-ordered", "allowance-missing"]),
        (pay("5"), also(paid(5 * USDC), allowances=allowed((PLACES.usdc, PLACES.router, UNLIMITED_AMOUNT_MIN)).allowances),
         ["allowance-unlimited", "allowance-not-ordered"]),
        (pay("5"), also(paid(5 * USDC), touched=(PLACES.usdc, STRANGER)), ["contract-not-listed"]),
        (pay("5"), also(paid(5 * USDC), touched=(PLACES.usdc, PLACES.pool)), ["contract-not-listed"]),
        (pay("5"), also(paid(5 * USDC), delegate_calls=(DelegateCall(contract=PLACES.usdc, code=STRANGER),)),
         ["delegate-call-unlisted"]),
        (pay("5"), also(paid(5 * USDC), delegate_calls=(DelegateCall(contract=STRANGER, code=PLACES.pool),)),
         ["delegate-call-unlisted"]),
        (pay("5"), also(paid(5 * USDC), touched=(PLACES.usdc, STRANGER), creations=(STRANGER,)), ["contract-not-listed"]),
        (call("enter()"), also(NOTHING, touched=(PLACES.vault, STRANGER)), ["contract-not-listed"]),
        (call("enter()"),
         also(NOTHING, creations=(STRANGER,), delegate_calls=(DelegateCall(contract=PLACES.vault, code=STRANGER),)),
         ["delegate-call-unlisted"]),
        (pay("5"), also(paid(5 * USDC), self_destructs=(PLACES.pool,)), ["self-destruct"]),
    ],
)  # fmt: skip
def test_what_does_otherwise_is_flagged(action: Action, effects: Effects, found: list[str]) -> None:
    outcome = judged(action, effects)
    assert (simulated(outcome).verdict, codes(outcome)) == ("flagged", found)


def test_an_unlimited_allowance_is_flagged_even_when_it_is_what_the_order_asks_for() -> None:
    amount = f"{UNLIMITED_AMOUNT_MIN // USDC}.{UNLIMITED_AMOUNT_MIN % USDC:06d}"
    effects = allowed((PLACES.usdc, PLACES.router, UNLIMITED_AMOUNT_MIN))
    assert codes(judged(allow(amount), effects)) == ["allowance-unlimited"]


def test_a_listed_account_is_no_contract_that_may_draw() -> None:
    account = ContractListed(
        chain_id=CHAIN, address=PLACES.router, kind="account", name="", companions=[], open_findings=0, audit_reference=""
    )
    order = approved(allow("5"))
    seen = simulation(order, allowed((PLACES.usdc, PLACES.router, 5 * USDC)), governance=firm(PLACES, account))
    assert codes(given().when(seen)[0]) == ["allowance-unlisted-spender"]


def test_allowances_of_others_are_theirs() -> None:
    others = allowed((PLACES.usdc, STRANGER, UNLIMITED_AMOUNT_MIN)).allowances[0].model_copy(update={"owner": PLACES.pool})
    assert codes(judged(pay("5"), also(paid(5 * USDC), allowances=(others,)))) == []


def test_a_loss_above_the_bound_is_told_in_percent_and_dollars() -> None:
    lost = bought(3_000 * USDC, WETH * 97 // 100)
    outcome = judged(swap("3000", max_slippage=100), REVERTED, lost)
    event = simulated(outcome)
    assert codes(outcome) == ["slippage-above-bound"], "its own minimum stops it: that is no second finding"
    assert event.slippage_ppm == 30_000
    assert event.findings[0].message.startswith("loses 3.000 % against independent prices, $90.00; the order allows 1.000 %")
    assert list(lost.balance_changes) == event.balance_changes, "a person sees what would be lost"


def test_a_loss_at_the_bound_passes_and_a_millionth_above_it_does_not() -> None:
    at = judged(swap("3000", max_slippage=100), bought(3_000 * USDC, WETH * 99 // 100))
    above = judged(swap("3000", max_slippage=100), bought(3_000 * USDC, WETH * 99 // 100 - 1))
    assert (codes(at), simulated(at).slippage_ppm) == ([], 10_000)
    assert (codes(above), simulated(above).slippage_ppm) == (["slippage-above-bound"], 10_001)


def test_an_exact_call_that_fails_within_the_bound_reverts() -> None:
    outcome = judged(swap("3000"), REVERTED, bought(3_000 * USDC, WETH))
    assert codes(outcome) == ["reverts"]
    assert "Too little received" in simulated(outcome).findings[0].message


def test_a_wallet_that_became_another_is_flagged() -> None:
    moved_wallet = WalletAssigned(
        wallet_id=WALLET_ID, desk_id="other", chain_id=CHAIN, address=PLACES.wallet, key_backend="hsm", key_id="1"
    )
    order = approved(pay("5"))
    seen = simulation(order, paid(5 * USDC), governance=firm(PLACES, moved_wallet))
    assert codes(given().when(seen)[0]) == ["wallet-reassigned"]


def test_a_key_that_was_used_without_us_is_flagged() -> None:
    _, after = given().when(simulation(approved(pay("5"), number=1), paid(5 * USDC)))
    after.state.account(CHAIN, WALLET_ID).offered_to = None  # type: ignore[union-attr]
    outcome, _ = after.when(simulation(approved(pay("5"), number=2), paid(5 * USDC), account_nonce=6))
    assert codes(outcome) == ["nonce-used-outside"]


def test_findings_are_bounded() -> None:
    strangers = tuple(address(f"stranger {number}") for number in range(FINDINGS_MAX + 1))
    assert len(codes(judged(pay("5"), also(paid(5 * USDC), touched=strangers)))) == FINDINGS_MAX


def test_a_simulation_shows_the_exact_transaction_unless_only_the_measure_succeeds() -> None:
    fine, lost = bought(3_000 * USDC, WETH), bought(3_000 * USDC, WETH // 2)
    order = approved(swap("3000"))

    def shown(exact: Effects, measured: Effects) -> Effects:
        seen: Simulation = simulation(order, exact, measured)
        return seen.shown

    assert shown(fine, lost) == fine
    assert shown(REVERTED, lost) == lost
    assert shown(REVERTED, REVERTED) == REVERTED
