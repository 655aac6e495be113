"""Checks that governance lets an order's keys sign today. Pure.

Decides that a wallet's key signs while it is active, or while it was rotated and its funds are swept; that it is kept where
the wallet says; and that a key whose generation governance recorded has the wallet's address. Of a Safe, the executor's key
must be usable, and as many owners' keys as it asks for. A key from genesis may sign until governance says otherwise.
Leaves out that the key's holder still has it: asking it to sign shows that (`KeyUnusable`).
"""

from __future__ import annotations

from typing import Final

from schemas.keys import KeyHolder, SafeAccount
from streams.rules.evidence.authority import Overtaken, Unproven
from streams.rules.evidence.case import Case
from streams.rules.firm.view import Governance

USE_ANOTHER: Final = "nothing was signed; have a quorum resume the key, or place the order for a wallet whose key is active"


def check_keys(case: Case) -> None:
    """Check that the wallet's signing keys may sign. Raises Unproven, Overtaken."""
    wallet, today = case.wallet, case.today.governance
    if wallet.key_backend != "safe":
        _check(KeyHolder(address=wallet.address, key_backend=wallet.key_backend, key_id=wallet.key_id), today)
    elif wallet.safe is None:
        raise Unproven("the wallet is a Safe, and nobody says whose")
    else:
        _check_safe(wallet.safe, today)


def _check_safe(safe: SafeAccount, today: Governance) -> None:
    _check(safe.executor, today)
    refused: list[str] = []
    for owner in safe.owners:
        try:
            _check(owner, today)
        except Unproven as reason:
            refused.append(str(reason))
    if len(safe.owners) - len(refused) < safe.threshold:
        raise Overtaken(f"fewer than {safe.threshold} owners of the Safe may sign: {'; '.join(refused)}", USE_ANOTHER)


def _check(holder: KeyHolder, today: Governance) -> None:
    """Check one key that governance's events name."""
    standing = today.keys.get(holder.key_id)
    if standing is None:
        return
    if not standing.may_sign:
        raise Overtaken(f"key {holder.key_id} is {_TOLD[standing.status]}", USE_ANOTHER)
    made = standing.generated
    if made is not None and (made.backend, made.address) != (holder.key_backend, holder.address):
        raise Unproven(f"key {holder.key_id} was made by {made.backend} for {made.address}, which is not the wallet's")


_TOLD: Final = {"ordered": "not made yet", "suspended": "suspended", "destroyed": "destroyed"}
