"""Decides execution's events: one `Simulated` an order, and the fate of the nonce that it offered. Pure.

Decides that an order waits while its wallet has another transaction without the signer's answer, and while an earlier
one of the wallet is not on the chain (the simulation would lack its effects); that old prices are waited out; and that
an order with findings is flagged and uses no nonce. Source: architecture, rules 1, 2 and 11.
"""

from __future__ import annotations

from infra.ethereum.transaction import to_record
from schemas.events.answers import NonceResolved
from schemas.events.base import Event
from schemas.events.lifecycle import Approved, Claim, Signed, SigningRefused, Simulated
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.rules.decider import Later, Outcome, Recorded
from streams.rules.prices.latest import is_stale
from streams.rules.transactions import assembly, nonces
from streams.rules.transactions.nonces import Wallets
from streams.rules.transactions.simulation import Simulation
from streams.rules.transactions.simulation_findings import judge

Input = Simulation | Approved | Signed | SigningRefused
"""An approved order comes with its simulation, or bare when its standing alone decides."""


def standing(state: Wallets, approved: Approved) -> Outcome | None:
    """Return the answer from state alone: nothing for a repetition, or `Later`. None: simulate."""
    if approved.order_id in state.simulated:
        return ()
    account = state.account(approved.effect.chain_id, approved.order.wallet_id)
    if account is not None and account.offered_to is not None:
        return Later(f"wallet {approved.order.wallet_id} has order {account.offered_to} to be signed first")
    return None


def claimed(state: Wallets, approved: Approved) -> Claim | None:
    """Return the payload that may have been signed for the wallet's next nonce and must be overtaken; None: none is known."""
    account = state.account(approved.effect.chain_id, approved.order.wallet_id)
    return None if account is None else account.claimed


def next_nonce(state: Wallets, approved: Approved, account_nonce: int) -> int:
    """Return the wallet's next nonce: by our own log, or the chain's count for a wallet's first use."""
    account = state.account(approved.effect.chain_id, approved.order.wallet_id)
    return account_nonce if account is None else account.next_nonce


class ExecutionDecider:
    """Offers nonces, one at a time, to transactions that passed their simulation."""

    state_type = Wallets

    def initial(self) -> Wallets:
        """Return a state without wallets."""
        return Wallets()

    def decide(self, state: Wallets, message: Input, now: Instant) -> Outcome:
        """Return one `Simulated`, one `NonceResolved`, nothing, or `Later`."""
        match message:
            case Signed() | SigningRefused():
                return nonces.resolution(state, message)
            case Approved():
                answer = standing(state, message)
                return Later("its simulation is to be made") if answer is None else answer
            case simulation:
                return _simulated(state, simulation, now)

    def evolve(self, state: Wallets, recorded: Recorded) -> Wallets:
        """Fold one own event."""
        match recorded.event:
            case Simulated() as simulated:
                nonces.offer(state, simulated)
            case NonceResolved() as resolved:
                nonces.resolve(state, resolved)
        return state

    def due(self, state: Wallets, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        """Return nothing: no event follows from time alone."""
        return ()

    def tail(self, state: Wallets, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        """Return None: every event of ours follows the input that it answers."""
        return None


def _simulated(state: Wallets, simulation: Simulation, now: Instant) -> Outcome:
    approved, transaction = simulation.approved, simulation.transaction
    if (answer := standing(state, approved)) is not None:
        return answer
    stale = [price.asset_id for price in simulation.prices if is_stale(price, now, simulation.settings.price_max_age_seconds)]
    if stale:
        return Later(f"independent prices of {', '.join(stale)} are too old")
    nonce = next_nonce(state, approved, simulation.account_nonce)
    if simulation.account_nonce < nonce:
        return Later(f"transaction {simulation.account_nonce} of the wallet is not on the chain yet")
    if transaction.nonce != nonce:
        return Later(f"the transaction was built for nonce {transaction.nonce}, the wallet is at {nonce}")
    before = claimed(state, approved)
    if before is not None and not assembly.overtakes(transaction, before):
        return Later("the transaction was built before anybody knew what it has to overtake")
    findings = judge(simulation, nonce)
    shown, exchange = simulation.shown, simulation.exchange
    return (
        Simulated(
            desk_id=approved.desk_id,
            order_id=approved.order_id,
            verdict="flagged" if findings else "passed",
            wallet_id=approved.order.wallet_id,
            wallet=simulation.effect.wallet,
            transaction=to_record(transaction),
            block_number=simulation.block.number,
            block_hash=simulation.block.hash,
            account_nonce=simulation.account_nonce,
            gas_used=shown.gas_used,
            balance_changes=list(shown.balance_changes),
            allowances=list(shown.allowances),
            touched=list(shown.touched),
            prices=list(simulation.prices),
            slippage_ppm=None if exchange is None else exchange.slippage_ppm,
            findings=findings,
            overtakes=None if before is None else before.digest,
            safe_nonce=simulation.safe_nonce,
        ),
    )
