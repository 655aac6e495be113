"""Assigns a wallet's next nonce to an order. Pure; the fold of execution's own events.

Decides that a wallet has one unsigned transaction at a time. `Simulated` (passed) offers the next nonce to an order;
`NonceResolved` says that the signer used it, or that it is free for the next order. So nonces have no gap and no nonce is
ever on offer twice. A wallet's first nonce is the chain's transaction count, recorded in the event that offers it.
Cosigners may have signed for a free nonce (`NonceResolved.claimed`): the next order that gets it overtakes that (ADR 15).
Leaves out replacing a transaction that is stuck, which keeps its nonce.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events.answers import NonceResolved
from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated
from schemas.values import OrderId, WalletId
from streams.rules.answered_orders import AnsweredOrders


@dataclass(slots=True)
class Account:
    """One wallet on one chain."""

    next_nonce: int
    """The nonce on offer, or the one to be offered next."""
    offered_to: OrderId | None = None
    claimed: Claim | None = None
    """The payload that cosigners may have signed for this nonce, though its order was refused."""


@dataclass(slots=True)
class Wallets:
    """Execution's state on one partition."""

    accounts: dict[int, dict[WalletId, Account]] = field(default_factory=dict)
    """Accounts by chain id and wallet."""
    simulated: AnsweredOrders = field(default_factory=AnsweredOrders)

    def account(self, chain_id: int, wallet_id: WalletId) -> Account | None:
        """Return the account; None before the wallet's first offer."""
        return self.accounts.get(chain_id, {}).get(wallet_id)


def offer(wallets: Wallets, simulated: Simulated) -> None:
    """Fold one `Simulated`; a flagged one uses no nonce."""
    wallets.simulated.add(simulated.order_id)
    if simulated.verdict == "passed":
        transaction = simulated.transaction
        accounts = wallets.accounts.setdefault(transaction.chain_id, {})
        before = accounts.get(simulated.wallet_id)
        claimed = before.claimed if before is not None and before.next_nonce == transaction.nonce else None
        accounts[simulated.wallet_id] = Account(transaction.nonce, simulated.order_id, claimed)


def resolve(wallets: Wallets, resolved: NonceResolved) -> None:
    """Fold one `NonceResolved`."""
    accounts = wallets.accounts.setdefault(resolved.chain_id, {})
    if resolved.outcome == "consumed":
        accounts[resolved.wallet_id] = Account(resolved.nonce + 1)
        return
    before = accounts.get(resolved.wallet_id)
    claimed = resolved.claimed or (before.claimed if before is not None and before.next_nonce == resolved.nonce else None)
    accounts[resolved.wallet_id] = Account(resolved.nonce, claimed=claimed)


def resolution(wallets: Wallets, outcome: Signed | SigningRefused) -> tuple[NonceResolved, ...]:
    """Return the fate of the offered nonce after the signer's answer; nothing if the offer no longer stands."""
    account = wallets.account(outcome.chain_id, outcome.wallet_id)
    if account is None or (account.offered_to, account.next_nonce) != (outcome.order_id, outcome.nonce):
        return ()
    return (
        NonceResolved(
            desk_id=outcome.desk_id,
            wallet_id=outcome.wallet_id,
            chain_id=outcome.chain_id,
            nonce=outcome.nonce,
            order_id=outcome.order_id,
            outcome="consumed" if isinstance(outcome, Signed) else "released",
            claimed=None if isinstance(outcome, Signed) else outcome.claimed,
        ),
    )
