"""Holds signatures on the log that a memory does not know: the memory was lost, or another signer made them.

They stay undecoded until a payload of their wallet is judged, because decoding costs more than reading, and most wallets'
past is never needed. Only the newest of each wallet are kept; older nonces are refused without a look.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from decimal import Decimal

from infra.ethereum.calldata import CalldataRefused
from infra.ethereum.transaction import TransactionInvalid
from schemas.events.lifecycle import Signed
from schemas.values import Sha256
from streams.rules.evidence.memory.payloads import (
    NONCES_REMEMBERED_MAX,
    Account,
    AccountBook,
    ClaimedPayload,
    Payload,
    PayloadBook,
    payload_signed,
)


class SignaturesOnLog:
    """Signatures to enter into the book before it is asked about an account."""

    def __init__(self, book: PayloadBook) -> None:
        self._book = book
        self._waiting: defaultdict[Account, dict[int, Signed]] = defaultdict(dict)

    def knows(self, account: Account, nonce: int) -> bool:
        """Return True if the book has the nonce, or will have it."""
        return nonce in self._waiting.get(account, ()) or self._book.knows(account, nonce)

    def hear(self, signed: Signed) -> None:
        """Keep a signature; beyond the bound, forget the oldest."""
        account = (signed.wallet_id, signed.chain_id)
        waiting = self._waiting[account]
        waiting[signed.nonce] = signed
        if len(waiting) > NONCES_REMEMBERED_MAX:
            oldest = min(waiting)
            del waiting[oldest]
            self._book.accounts.setdefault(account, AccountBook()).forget(oldest)

    def settle_all(self) -> None:
        """Enter every signature into the book."""
        for account in list(self._waiting):
            self.settle(account)

    def settle(self, account: Account) -> None:
        """Enter every signature of an account into the book."""
        for nonce in sorted(self._waiting.get(account, ())):
            signed = self._waiting[account].pop(nonce)
            self._book.put(ClaimedPayload(payload=_payload(signed), transaction_hash=signed.transaction_hash))


def _payload(signed: Signed) -> Payload:
    """Return the signed payload. Invalid bytes use up their nonce for a payload that no order can offer."""
    try:
        found = payload_signed(signed)
    except (TransactionInvalid, CalldataRefused):
        return _unknown(signed)
    return found if (found.chain_id, found.nonce) == (signed.chain_id, signed.nonce) else _unknown(signed)


def _unknown(signed: Signed) -> Payload:
    digest: Sha256 = hashlib.sha256(signed.raw_transaction.encode()).hexdigest()
    return Payload(
        wallet_id=signed.wallet_id,
        chain_id=signed.chain_id,
        nonce=signed.nonce,
        order_id=signed.order_id,
        digest=digest,
        call=digest,
        is_empty=False,
        max_fee_per_gas=0,
        max_priority_fee_per_gas=0,
        backend=signed.key_backend,
        amount_usd=signed.amount_usd or Decimal(0),
        claimed_at=signed.decided_at,
    )
