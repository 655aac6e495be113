"""Simulates orders on a real chain, against real bytecode: some pass, some are flagged, and no other effect occurs."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from infra.chain.node import Node
from infra.ethereum import calldata
from infra.ethereum.transaction import from_record
from schemas.events.answers import NonceResolved
from streams.rules.decider import Later
from tests.world.chain.firm import NOW, PRICE_MAX_AGE_SECONDS, SECOND, allow, approved, pay, swap
from tests.world.chain.local_chain import USDC
from tests.world.chain.scene import ChainScene

pytestmark = pytest.mark.chain


def chain_now() -> int:
    """The wall clock, as the engine gives it: deadlines are compared with the chain's."""
    return time.time_ns() // 1_000


def codes(simulated: object) -> list[str]:
    return [finding.code for finding in simulated.findings]  # type: ignore[attr-defined]


def test_five_million_in_one_swap_are_flagged_for_their_slippage(scene: ChainScene) -> None:
    now = chain_now()
    order = approved(swap("5000000", scene.places), scene.governance, at=now)
    execution = scene.execution(price_at=now)
    simulated = execution.simulate(order, now)
    assert (simulated.verdict, codes(simulated)) == ("flagged", ["slippage-above-bound"])
    assert simulated.slippage_ppm is not None
    assert 25_000 <= simulated.slippage_ppm <= 35_000
    assert "$1" in simulated.findings[0].message
    assert execution.state.accounts == {}, "a flagged order uses no nonce"


def test_five_times_one_million_pass_and_do_on_chain_exactly_what_was_simulated(scene: ChainScene) -> None:
    now = chain_now()
    execution, market = scene.execution(price_at=now), scene.trader.market
    first = scene.node.transaction_count(scene.places.wallet)
    for number in range(5):
        before = {token: scene.token_balance(token) for token in (scene.places.usdc, scene.places.weth)}
        simulated = execution.simulate(approved(swap("1000000", scene.places), scene.governance, number, now), now)
        assert (simulated.verdict, codes(simulated)) == ("passed", [])
        assert simulated.slippage_ppm is not None
        assert 1_000 <= simulated.slippage_ppm <= 3_000
        assert simulated.transaction.nonce == first + number
        signed = scene.sign(simulated)
        assert isinstance(execution.offer(signed), tuple)
        receipt = scene.trader.execute(from_record(simulated.transaction))
        assert receipt.succeeded
        assert receipt.gas_used <= simulated.transaction.gas_limit
        for token, held in before.items():
            (change,) = [
                each.change for each in simulated.balance_changes if (each.account, each.token) == (scene.places.wallet, token)
            ]
            assert scene.token_balance(token) == held + change
        market.arbitrage()


def test_a_payment_passes_without_prices(scene: ChainScene) -> None:
    simulated = scene.execution().simulate(approved(pay("250.5", places=scene.places), scene.governance))
    assert (simulated.verdict, codes(simulated), simulated.prices) == ("passed", [], [])
    assert simulated.slippage_ppm is None
    assert simulated.account_nonce == simulated.transaction.nonce


def test_native_ether_is_paid_without_calldata(scene: ChainScene) -> None:
    simulated = scene.execution().simulate(approved(pay("1.5", "ETH", scene.places), scene.governance))
    assert (simulated.verdict, codes(simulated)) == ("passed", [])
    assert (simulated.transaction.to, simulated.transaction.input) == (scene.places.friend, "0x")
    assert simulated.transaction.value == 15 * 10**17


def test_a_wallet_that_cannot_pay_is_flagged_and_not_waited_for(scene: ChainScene) -> None:
    simulated = scene.execution().simulate(approved(pay("1000", "ETH", scene.places), scene.governance))
    assert (simulated.verdict, codes(simulated)) == ("flagged", ["reverts"])
    assert "fund it first" in simulated.findings[0].message


def test_more_than_the_wallet_holds_reverts(scene: ChainScene) -> None:
    simulated = scene.execution().simulate(approved(pay("60000000.000001", places=scene.places), scene.governance))
    assert (simulated.verdict, codes(simulated)) == ("flagged", ["reverts"])
    assert "ERC20: transfer amount exceeds balance" in simulated.findings[0].message


def test_an_exact_allowance_to_a_listed_contract_passes(scene: ChainScene) -> None:
    simulated = scene.execution().simulate(approved(allow("5000000", scene.places), scene.governance))
    assert (simulated.verdict, codes(simulated)) == ("passed", [])
    assert [each.amount for each in simulated.allowances] == [5_000_000 * USDC]


def test_a_pool_that_nobody_listed_is_found(scene: ChainScene) -> None:
    now = chain_now()
    execution = scene.execution(price_at=now, listed=False)
    simulated = execution.simulate(approved(swap("1000", scene.places), scene.governance, at=now), now)
    assert (simulated.verdict, codes(simulated)) == ("flagged", ["contract-not-listed"])
    assert scene.places.pool in simulated.findings[0].message


def test_the_deadline_comes_from_the_approval(scene: ChainScene) -> None:
    now = chain_now()
    old = now - 1_300 * SECOND
    order = approved(swap("1000", scene.places), scene.governance, at=old)
    simulated = scene.execution(price_at=now).simulate(order, now)
    assert (simulated.verdict, codes(simulated)) == ("flagged", ["reverts"])
    assert "Transaction too old" in simulated.findings[0].message
    call = calldata.decode(bytes.fromhex(simulated.transaction.input[2:]))
    assert isinstance(call, calldata.ExactInputSingle)
    assert call.deadline == old // SECOND + 1_200
    assert call.amount_out_minimum == Decimal("0.33e18")


def test_prices_that_are_missing_or_old_are_waited_for(scene: ChainScene) -> None:
    now = chain_now()
    order = approved(swap("1000", scene.places), scene.governance, at=now)
    execution = scene.execution(price_at=now - (PRICE_MAX_AGE_SECONDS + 1) * SECOND)
    waiting = execution.offer(order, now)
    assert isinstance(waiting, Later)
    assert "too old" in waiting.reason


def test_the_wallet_waits_until_its_earlier_transaction_is_on_the_chain(scene: ChainScene) -> None:
    execution = scene.execution()
    simulated = execution.simulate(approved(pay("1", places=scene.places), scene.governance, 1))
    second = approved(pay("2", places=scene.places), scene.governance, 2)
    busy = execution.offer(second)
    assert isinstance(busy, Later)
    assert "to be signed first" in busy.reason
    (resolved,) = execution.offer(scene.sign(simulated))  # type: ignore[misc]
    assert isinstance(resolved, NonceResolved)
    assert (resolved.outcome, resolved.nonce) == ("consumed", simulated.transaction.nonce)
    early = execution.offer(second)
    assert isinstance(early, Later)
    assert "not on the chain yet" in early.reason
    assert scene.trader.execute(from_record(simulated.transaction)).succeeded
    assert isinstance(execution.offer(second, NOW + 1), Later), "not asked again at once"
    following = execution.simulate(second, NOW + SECOND)
    assert following.transaction.nonce == simulated.transaction.nonce + 1


def test_a_node_that_is_away_is_waited_for(scene: ChainScene) -> None:
    order = approved(pay("1", places=scene.places), scene.governance)
    with Node("http://127.0.0.1:9") as away:
        execution = scene.execution(node=away)
        waiting = execution.offer(order)
        assert isinstance(waiting, Later)
        assert "no usable answer" in waiting.reason
        other = execution.offer(approved(pay("1", places=scene.places), scene.governance, 2))
        assert other == Later("asked a moment ago"), "one time-out for all who wait"
