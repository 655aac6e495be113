"""Simulates orders of a real Safe on a real chain, then executes them: those that pass have the simulated effect."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import pytest

from infra.ethereum import calldata
from infra.ethereum.answers import Receipt
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed
from infra.ethereum.transaction import assemble, digest, from_record
from schemas.events.lifecycle import Simulated
from schemas.keys import SafeAccount
from streams.rules.decider import Later
from tests.world.chain import safe_scene
from tests.world.chain.firm import CHAIN, NOW, SECOND, allow, approved, pay, swap
from tests.world.chain.local_chain import ETHER, USDC
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, SafeScene, account
from tests.world.chain.scene import ChainScene

pytestmark = pytest.mark.chain

THRESHOLDS = {"1 of 1": account([ANNA], 1), "2 of 3": account(), "3 of 3": account(threshold=3)}


@dataclass(frozen=True)
class Treasury:
    """A wallet of the desk that is a Safe, and the chain that it is on."""

    chain: ChainScene
    contracts: SafeScene
    safe: SafeAccount

    @property
    def address(self) -> str:
        return self.chain.places.wallet

    def carry_out(self, simulated: Simulated) -> Receipt:
        """Sign as owners and executor would, and send."""
        unsigned = from_record(simulated.transaction)
        call, none_yet = safe_transaction.decode(unsigned.data)
        assert none_yet == b""
        assert simulated.safe_nonce is not None
        hashed = safe_transaction.digest(CHAIN, self.address, call, simulated.safe_nonce)
        others = [BRUNO, CLARA][: self.safe.threshold - 1]
        signatures = packed({owner.address: owner.sign(hashed) for owner in others}, ANNA.address)
        signed = replace(unsigned, data=safe_transaction.encode(call, signatures))
        return self.contracts.sent(assemble(signed, ANNA.sign(digest(signed))).raw)


def founded(scene: ChainScene, safe: SafeAccount) -> Treasury:
    """Safe's contracts beside the world's, and a Safe with ten ether and five million USDC."""
    contracts = safe_scene.founded(scene.node)
    address = contracts.established(safe, wei=0)
    scene.trader.market.fund(address, usdc=5_000_000 * USDC, wei=10 * ETHER)
    return Treasury(replace(scene, places=replace(scene.places, wallet=address, safe=safe)), contracts, safe)


@pytest.fixture
def treasury(scene: ChainScene) -> Treasury:
    return founded(scene, account())


def codes(simulated: Simulated) -> list[str]:
    return [finding.code for finding in simulated.findings]


def findings_text(simulated: Simulated) -> str:
    assert simulated.verdict == "flagged"
    return " ".join(finding.message for finding in simulated.findings)


@pytest.mark.parametrize("safe", THRESHOLDS.values(), ids=THRESHOLDS.keys())
def test_a_payment_of_a_safe_does_on_chain_exactly_what_was_simulated(scene: ChainScene, safe: SafeAccount) -> None:
    treasury = founded(scene, safe)
    nonce = treasury.contracts.nonce(ANNA)
    simulated = treasury.chain.execution().simulate(
        approved(pay("250.5", places=treasury.chain.places), treasury.chain.governance)
    )
    assert (simulated.verdict, codes(simulated)) == ("passed", [])
    assert (simulated.wallet, simulated.transaction.to, simulated.transaction.value) == (treasury.address, treasury.address, 0)
    assert (simulated.account_nonce, simulated.transaction.nonce, simulated.safe_nonce) == (nonce, nonce, 0)
    assert [each.change for each in simulated.balance_changes] in ([-250_500_000, 250_500_000], [250_500_000, -250_500_000])
    receipt = treasury.carry_out(simulated)
    assert receipt.succeeded
    assert receipt.gas_used <= simulated.gas_used <= simulated.transaction.gas_limit
    assert treasury.chain.token_balance(treasury.chain.places.usdc) == 5_000_000 * USDC - 250_500_000


def test_a_safe_allows_and_swaps_as_any_wallet_does(treasury: Treasury) -> None:
    now = time.time_ns() // 1_000
    chain = treasury.chain
    execution = chain.execution(price_at=now)
    allowance = execution.simulate(approved(allow("1000000", chain.places), chain.governance, 1, now), now)
    assert (allowance.verdict, codes(allowance)) == ("passed", [])
    assert treasury.carry_out(allowance).succeeded
    assert isinstance(execution.offer(chain.sign(allowance)), tuple)
    swapped = execution.simulate(approved(swap("1000000", chain.places), chain.governance, 2, now), now)
    assert (swapped.verdict, codes(swapped), swapped.safe_nonce) == ("passed", [], 1)
    receipt = treasury.carry_out(swapped)
    assert receipt.succeeded
    assert receipt.gas_used <= swapped.transaction.gas_limit
    (bought,) = [e.change for e in swapped.balance_changes if (e.account, e.token) == (treasury.address, chain.places.weth)]
    assert chain.token_balance(chain.places.weth) == bought > 0


def test_five_million_in_one_swap_are_flagged_for_a_safe_too(treasury: Treasury) -> None:
    now = time.time_ns() // 1_000
    chain = treasury.chain
    execution = chain.execution(price_at=now)
    assert treasury.carry_out(
        execution.simulate(approved(allow("5000000", chain.places), chain.governance, 1, now), now)
    ).succeeded
    fresh = chain.execution(price_at=now)
    simulated = fresh.simulate(approved(swap("5000000", chain.places), chain.governance, 2, now), now)
    assert (simulated.verdict, codes(simulated)) == ("flagged", ["slippage-above-bound"])


def test_ether_leaves_the_safe_and_gas_its_executor(treasury: Treasury) -> None:
    simulated = treasury.chain.execution().simulate(
        approved(pay("1.5", "ETH", treasury.chain.places), treasury.chain.governance)
    )
    assert (simulated.verdict, codes(simulated)) == ("passed", [])
    before = treasury.chain.node.balance(ANNA.address)
    receipt = treasury.carry_out(simulated)
    assert treasury.chain.node.balance(treasury.address) == 85 * ETHER // 10
    assert before - treasury.chain.node.balance(ANNA.address) == receipt.gas_used * receipt.effective_gas_price


def test_why_a_call_inside_a_safe_would_fail_is_told_in_the_tokens_own_words(treasury: Treasury) -> None:
    order = approved(pay("5000000.000001", places=treasury.chain.places), treasury.chain.governance)
    simulated = treasury.chain.execution().simulate(order)
    assert "ERC20: transfer amount exceeds balance" in findings_text(simulated)


def test_a_safe_or_an_executor_without_money_is_flagged(treasury: Treasury) -> None:
    chain = treasury.chain
    order = approved(pay("11", "ETH", chain.places), chain.governance)
    assert "the wallet has" in findings_text(chain.execution().simulate(order))
    chain.node.rpc.request("anvil_setBalance", ANNA.address, hex(1))
    payment = approved(pay("1", places=chain.places), chain.governance)
    assert "the Safe's executor has 1 wei" in findings_text(chain.execution().simulate(payment))


@pytest.mark.parametrize(
    ("meant", "reason"),
    [
        (account([ANNA, BRUNO]), "owners on the chain are not those of governance"),
        (account(threshold=3), "2 of the Safe's owners must sign on the chain, 3 by governance"),
        (account([BRUNO, CLARA]), "is none of its owners"),
    ],
)
def test_a_safe_that_is_not_what_governance_says_is_flagged(treasury: Treasury, meant: SafeAccount, reason: str) -> None:
    chain = replace(treasury.chain, places=replace(treasury.chain.places, safe=meant))
    assert reason in findings_text(chain.execution().simulate(approved(pay("1", places=chain.places), chain.governance)))


def test_a_safe_has_one_transaction_in_flight_and_a_failed_one_uses_none_of_its_nonces(treasury: Treasury) -> None:
    chain = treasury.chain
    execution = chain.execution()
    first = execution.simulate(approved(pay("5000000", places=chain.places), chain.governance, 1))
    assert isinstance(execution.offer(chain.sign(first)), tuple)
    second = approved(pay("2", places=chain.places), chain.governance, 2)
    waiting = execution.offer(second)
    assert isinstance(waiting, Later)
    assert "not on the chain yet" in waiting.reason
    spend = calldata.encode(calldata.Transfer(CLARA.address, 5))
    chain.node.rpc.request("anvil_impersonateAccount", treasury.address)
    chain.node.rpc.request(
        "eth_sendTransaction", {"from": treasury.address, "to": chain.places.usdc, "data": "0x" + spend.hex()}
    )
    assert not treasury.carry_out(first).succeeded, "five millions are no longer there"
    following = execution.simulate(second, NOW + SECOND)
    assert (following.transaction.nonce, following.safe_nonce) == (first.transaction.nonce + 1, 0)
    assert treasury.carry_out(following).succeeded
