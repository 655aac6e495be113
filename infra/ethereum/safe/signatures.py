"""The signatures that a Safe checks: each owner's 65 bytes, in the order of their addresses. Pure.

Source: Safe 1.4.1, `checkNSignatures`: exactly `threshold` of them are read, owners ascending, none twice. An owner signs the
Safe transaction's hash (v 27 or 28). The owner that sends the transaction need not sign: the contract accepts `msg.sender` as
its approval (v 1). Here the sender is always one of the owners and approves that way. The other owners' signatures are then one
short of the threshold, so no other account can send them: not before us with our bytes, and not later if our transaction
failed. Leaves out owners that are contracts (EIP-1271) and hashes approved on the chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infra.ethereum.transaction import Signature
    from schemas.keys import SafeAccount
    from schemas.values import Address

SIGNATURE_BYTES: Final = 65
WORD_BYTES: Final = 32
SENDER_IS_OWNER: Final = 1
V_OF_PARITY: Final = 27


def unfit(safe: SafeAccount) -> str | None:
    """Return the reason why nothing can be signed for a Safe with this set-up; None if it can."""
    addresses = [owner.address for owner in safe.owners]
    if len(set(addresses)) != len(addresses) or not safe.threshold <= len(addresses):
        return f"{safe.threshold} of {len(set(addresses))} owners must sign, and {len(addresses)} are named"
    if safe.executor not in safe.owners:
        return f"its executor {safe.executor.address} is none of its owners, so anybody could send what they signed"
    if safe.executor.key_backend in {"mpc", "hybrid"}:
        return "its executor's key is in shares: what it signs holds the other owners' signatures, which no cosigner can derive"
    return None


def packed(signed: Mapping[Address, Signature], executor: Address) -> bytes:
    """Return what `execTransaction` takes: the signatures of `signed`, by owner, and the word of the sending owner."""
    words = {owner: _word(each) for owner, each in signed.items()}
    words[executor] = bytes.fromhex(executor[2:]).rjust(WORD_BYTES, b"\0") + bytes(WORD_BYTES) + bytes([SENDER_IS_OWNER])
    return b"".join(words[owner] for owner in sorted(words, key=lambda address: int(address, 16)))


def _word(signature: Signature) -> bytes:
    numbers = signature.r.to_bytes(WORD_BYTES, "big") + signature.s.to_bytes(WORD_BYTES, "big")
    return numbers + bytes([V_OF_PARITY + signature.y_parity])
