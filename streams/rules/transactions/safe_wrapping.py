"""Wraps a wallet's call for the chain: in a transaction of its own, or in one of its Safe's executor. Pure.

Decides which account's nonce a wallet uses, and the one form of the transaction that carries a Safe's call: the executor calls
`execTransaction`, without the owners' signatures until the enclave has them (`infra.ethereum.safe`).
"""

from __future__ import annotations

from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.transaction import SafeCall
from schemas.events.governance import WalletAssigned
from schemas.keys import SafeAccount
from schemas.values import Address
from streams.rules.actions.compiled import CompiledCall, NotCompilable


def safe_of(wallet: WalletAssigned) -> SafeAccount | None:
    """Return a Safe's signers; None for a wallet with a key of its own.

    Raises:
        NotCompilable: governance calls the wallet a Safe and names no owners.
    """
    if wallet.key_backend != "safe":
        return None
    if wallet.safe is None:
        raise NotCompilable(f"wallet {wallet.wallet_id} is a Safe, and nobody says whose")
    return wallet.safe


def wallet_sender(wallet: WalletAssigned) -> Address:
    """Return the sender of a wallet's calls: the wallet itself, or its Safe's executor. Raises NotCompilable."""
    safe = safe_of(wallet)
    return wallet.address if safe is None else safe.executor.address


def carried(call: CompiledCall, wallet: WalletAssigned, nonce: int) -> CompiledCall:
    """Return the call that the sender's transaction with this nonce must make so that `call` happens.

    Raises:
        NotCompilable: governance calls the wallet a Safe and names no owners.
    """
    if safe_of(wallet) is None:
        return call
    inner = SafeCall(call.to, call.value, call.data, executor_nonce=nonce)
    return CompiledCall(wallet.address, 0, safe_transaction.encode(inner))
