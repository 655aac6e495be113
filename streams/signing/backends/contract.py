"""Defines the contract of every backend: sign 32 bytes with governance's named key, now or after others took part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from infra.ethereum.transaction import Signature, Transaction
from schemas.events.lifecycle import Simulated
from schemas.keys import CosignerVerdict, Epoch, KeyBackend, KeyId
from schemas.values import Sha256


class KeyUnusable(Exception):
    """No signature can be had for the wallet as governance assigned it; the message names the reason. Nothing was signed."""

    def __init__(self, reason: str, check: str = "key", remedy: str = "") -> None:
        """`check`: what refuses, by name; `remedy`: what would change the outcome, if it is known."""
        super().__init__(reason)
        self.check = check
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Task:
    """32 bytes that were judged, and what they belong to."""

    simulated: Simulated
    simulated_hash: Sha256
    """SHA-256 of the event's bytes as they stand on its topic: how others find it in the log."""
    digest: bytes
    backend: KeyBackend
    key_id: KeyId
    part: int = 0
    """Selects the transaction's digest: 0 for its own, 1 for that of the Safe that it calls."""


@dataclass(frozen=True, slots=True)
class Made:
    """A signature and the participants that made it."""

    signature: Signature
    epoch: Epoch | int = 0
    """The epoch of the shares; 0 for an undivided key."""
    session_id: str = ""
    cosigners: tuple[CosignerVerdict, ...] = ()
    owners: tuple[KeyId, ...] = ()
    """For a Safe: the owners' keys that signed, the executor's last."""
    transaction: Transaction | None = None
    """The transaction that a Safe's executor signed: the task's with the owners' signatures. None: the task's own."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The session is not finished: ask again."""

    waits_for: str


class Signer(Protocol):
    """A backend that holds keys, or reaches their holders."""

    def sign(self, task: Task) -> Made | Pending:
        """Sign `task.digest` with the key that the task names; asked again about the same task, go on with it.

        Raises:
            KeyUnusable: there is no such key here, or its holders refuse. Any other error stops the enclave.
        """
        ...
