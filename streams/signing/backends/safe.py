"""A Safe as a wallet: its owners sign its call, each where its key is, and the executor signs the transaction that carries it.

Asks as many of the other owners as the threshold lacks, in governance's order, and a further owner in the place of one that
cannot sign. Every signature is checked to be that owner's before it is used. A repeated request for the same task uses the
signatures collected so far; they are kept only until the transaction is signed. Leaves out judging: the task was judged, and
owners with shares judge for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from infra.ethereum import transaction
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed
from schemas.events.governance import WalletAssigned
from schemas.keys import KeyBackend, KeyHolder, SafeAccount
from schemas.values import Address, Sha256
from streams.rules.evidence.digests import OWN_PART, SAFE_PART, NothingToSign, fit_safe, safe_digest
from streams.rules.firm.view import Governance
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Signer, Task
from streams.signing.backends.switch import SwitchingSigner

WAITING_MAX: Final = 1_000
"""Transactions whose owners have not all signed; the oldest is forgotten first, and its owners are asked again."""


@dataclass(slots=True)
class Collected:
    """The owners' signatures so far, those still to come, and the other owners' refusals."""

    made: dict[Address, Made]
    waits_for: list[str]
    refusals: list[KeyUnusable]


class SafeSigner:
    """Signs for wallets that are Safes; `holders` sign for owners and executors, `firm` names them."""

    def __init__(self, holders: Signer, firm: Callable[[], Governance]) -> None:
        self._holders = holders
        self._firm = firm
        self._waiting: dict[Sha256, dict[Address, Made]] = {}

    def sign(self, task: Task) -> Made | Pending:
        """Sign the transaction of the task, with the signatures of the Safe's owners in it: `Made.transaction`.

        Raises:
            KeyUnusable: too few owners sign, the executor does not, or the wallet is no Safe that can be used.
        """
        wallet = self._firm().wallets[task.simulated.wallet_id]
        if (task.backend, task.key_id) != (wallet.key_backend, wallet.key_id):
            raise KeyUnusable(f"{task.key_id} is not the Safe of wallet {wallet.wallet_id}")
        try:
            safe = fit_safe(wallet)
            digest = safe_digest(task.simulated, wallet)
        except NothingToSign as reason:
            raise KeyUnusable(str(reason)) from reason
        if task.digest != transaction.digest(transaction.from_record(task.simulated.transaction)):
            raise KeyUnusable("these bytes are not the transaction that was simulated")
        collected = self._collect(replace(task, digest=digest, part=SAFE_PART), safe)
        missing = safe.threshold - 1 - len(collected.made)
        if missing > len(collected.waits_for):
            raise _too_few(safe, wallet, collected)
        if missing:
            return Pending(collected.waits_for[0])
        return self._executed(task, safe, collected.made)

    def _collect(self, task: Task, safe: SafeAccount) -> Collected:
        """Ask owners until there are, or will be, as many signatures as are needed."""
        if len(self._waiting) >= WAITING_MAX and task.simulated_hash not in self._waiting:
            del self._waiting[next(iter(self._waiting))]
        collected = Collected(self._waiting.setdefault(task.simulated_hash, {}), [], [])
        for owner in _others(safe):
            if len(collected.made) + len(collected.waits_for) >= safe.threshold - 1:
                break
            if owner.address in collected.made:
                continue
            try:
                made = self._signed_by(owner, task)
            except KeyUnusable as refusal:
                collected.refusals.append(refusal)
                continue
            if isinstance(made, Pending):
                collected.waits_for.append(made.waits_for)
            else:
                collected.made[owner.address] = made
        return collected

    def _signed_by(self, holder: KeyHolder, task: Task) -> Made | Pending:
        """Return one holder's signature over the task's digest. Raises KeyUnusable."""
        standing = self._firm().keys.get(holder.key_id)
        if standing is not None and not standing.may_sign:
            raise KeyUnusable(f"key {holder.key_id} of {holder.address} is {standing.status}")
        made = self._holders.sign(replace(task, backend=holder.key_backend, key_id=holder.key_id))
        if isinstance(made, Pending):
            return made
        if transaction.signer_of(task.digest, made.signature) != holder.address:
            raise KeyUnusable(f"key {holder.key_id} signs for another address than {holder.address}")
        return made

    def _executed(self, task: Task, safe: SafeAccount, owners: dict[Address, Made]) -> Made | Pending:
        """Return the executor's signature over the transaction with the owners' in it. Raises KeyUnusable."""
        unsigned = transaction.from_record(task.simulated.transaction)
        signatures = packed({owner: each.signature for owner, each in owners.items()}, safe.executor.address)
        filled = replace(unsigned, data=safe_transaction.with_signatures(unsigned.data, signatures))
        made = self._signed_by(safe.executor, replace(task, digest=transaction.digest(filled), part=OWN_PART))
        if isinstance(made, Pending):
            return made
        del self._waiting[task.simulated_hash]
        sessions = [each.session_id for each in owners.values() if each.session_id]
        verdicts = tuple(chain.from_iterable(each.cosigners for each in owners.values()))
        return replace(
            made,
            session_id=sessions[0] if sessions else "",
            cosigners=verdicts,
            owners=(*(owner.key_id for owner in safe.owners if owner.address in owners), safe.executor.key_id),
            transaction=filled,
        )


def with_safes(keys: Mapping[KeyBackend, Signer], firm: Callable[[], Governance]) -> Signer:
    """Return all backends of an installation with these keys: Safes' owners and executors sign with them, too."""
    return SwitchingSigner({**keys, "safe": SafeSigner(SwitchingSigner(keys), firm)})


def _others(safe: SafeAccount) -> Iterator[KeyHolder]:
    """Return the owners other than the executor, which approves by sending."""
    return (owner for owner in safe.owners if owner != safe.executor)


def _too_few(safe: SafeAccount, wallet: WalletAssigned, collected: Collected) -> KeyUnusable:
    """Say why; by the check of an owner that judged for itself, if one did."""
    judged = next((each for each in collected.refusals if each.check != "key"), KeyUnusable(""))
    reasons = "; ".join(map(str, collected.refusals)) or "there are no more"
    return KeyUnusable(
        f"{safe.threshold} owners of the Safe {wallet.address} must sign, {1 + len(collected.made)} do: {reasons}",
        judged.check,
        judged.remedy,
    )
