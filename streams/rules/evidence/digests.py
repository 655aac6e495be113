"""Derives the 32 bytes that a key signs for a simulated transaction, from the log alone. Pure.

Decides that a wallet's own key signs the transaction itself (part 0), and that an owner of a Safe signs the Safe transaction
inside it (part 1). A Safe's executor signs bytes that hold its owners' signatures, so the enclave alone derives them, once it
has them (`streams.signing.backends.safe`). Leaves out whether any of it may be signed (`streams.rules.evidence`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.ethereum import transaction
from infra.ethereum.calldata import CalldataRefused
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import unfit

if TYPE_CHECKING:
    from schemas.events.governance import WalletAssigned
    from schemas.events.lifecycle import Simulated
    from schemas.keys import KeyBackend, KeyId, SafeAccount

OWN_PART: Final = 0
SAFE_PART: Final = 1


class NothingToSign(Exception):
    """The key signs no such part of this transaction; the message gives the reason."""


def digest_for(simulated: Simulated, wallet: WalletAssigned, key_id: KeyId, part: int) -> bytes:
    """Return the 32 bytes of one part that the key signs.

    Raises:
        NothingToSign: the key belongs neither to the wallet nor to an owner of its Safe; or the transaction has no such part.
    """
    if wallet.key_backend == "safe":
        return _of_owner(simulated, wallet, fit_safe(wallet), key_id, part)
    if wallet.key_id != key_id:
        raise NothingToSign(f"wallet {wallet.wallet_id} does not sign with key {key_id}")
    if part != OWN_PART:
        raise NothingToSign(f"wallet {wallet.wallet_id} is no Safe: its transactions have one digest")
    try:
        return transaction.digest(transaction.from_record(simulated.transaction))
    except transaction.TransactionInvalid as invalid:
        raise NothingToSign(str(invalid)) from invalid


def keys_of(wallet: WalletAssigned) -> dict[KeyId, KeyBackend]:
    """Return the keys that sign parts of a wallet's transactions, with their places."""
    if wallet.safe is None:
        return {wallet.key_id: wallet.key_backend}
    return {owner.key_id: owner.key_backend for owner in (*wallet.safe.owners, wallet.safe.executor)}


def fit_safe(wallet: WalletAssigned) -> SafeAccount:
    """Return a Safe's signers. Raises NothingToSign if the wallet as set up cannot sign."""
    if wallet.safe is None:
        raise NothingToSign(f"wallet {wallet.wallet_id} is a Safe, and nobody says whose")
    reason = unfit(wallet.safe)
    if reason is not None:
        raise NothingToSign(f"wallet {wallet.wallet_id} is a Safe that cannot be used: {reason}")
    return wallet.safe


def safe_digest(simulated: Simulated, wallet: WalletAssigned) -> bytes:
    """Return the 32 bytes that each owner of a Safe signs. Raises NothingToSign if the transaction is no call of the Safe."""
    if simulated.safe_nonce is None or simulated.transaction.to != wallet.address:
        raise NothingToSign(f"the transaction is no call of the Safe {wallet.address}, or does not say for which of its nonces")
    try:
        unsigned = transaction.from_record(simulated.transaction)
        call, _ = safe_transaction.decode(unsigned.data)
    except (transaction.TransactionInvalid, CalldataRefused) as invalid:
        raise NothingToSign(str(invalid)) from invalid
    if call.executor_nonce != unsigned.nonce:
        raise NothingToSign(
            f"owners would sign for nonce {call.executor_nonce} of the executor, whose next is {unsigned.nonce}"
        )
    return safe_transaction.digest(unsigned.chain_id, wallet.address, call, simulated.safe_nonce)


def _of_owner(simulated: Simulated, wallet: WalletAssigned, safe: SafeAccount, key_id: KeyId, part: int) -> bytes:
    if part != SAFE_PART:
        raise NothingToSign("what a Safe's executor signs holds the other owners' signatures: the enclave alone derives it")
    if not any(owner.key_id == key_id for owner in safe.owners if owner != safe.executor):
        raise NothingToSign(f"key {key_id} is none of those that sign for the Safe {wallet.address}")
    return safe_digest(simulated, wallet)
