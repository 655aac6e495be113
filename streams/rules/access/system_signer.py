"""Signs commands as one of our own systems, with its Ed25519 key, under the name by which governance registered it.

For systems that send commands to governance: the detectors, the custodian. Pure. Left out: where the key is kept
(`infra.identity.keyfile`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.proofs import base64url, ed25519
from schemas.canonical import firm_command_digest
from schemas.commands import Ed25519Signature
from schemas.firm_commands import FirmBody, FirmCommand
from schemas.values import CommandId, Instant, PrincipalId
from streams.rules.firm.view import Governance

_UNSIGNED: Final = Ed25519Signature(key_id="", signature="")


class NotRegistered(Exception):
    """Governance has not registered this key for this system, so it would refuse every command."""


@dataclass(frozen=True, slots=True)
class SystemSigner:
    """A system's registered name, its key and the key's id."""

    principal: PrincipalId
    key_id: str
    key: Ed25519PrivateKey

    @classmethod
    def registered(cls, principal: PrincipalId, key: Ed25519PrivateKey, firm: Governance) -> Self:
        """Return the signer under the name by which governance registered the key.

        Raises:
            NotRegistered: governance has not registered this key.
        """
        access = firm.active(principal)
        public_key = f"0x{ed25519.public_bytes(key).hex()}"
        for each in access.signing_keys if access is not None else ():
            if each.public_key == public_key:
                return cls(principal, each.key_id, key)
        raise NotRegistered(f"no active system {principal} has the key {public_key}; have governance register it")

    def signed(self, body: FirmBody, command_id: CommandId, now: Instant) -> FirmCommand:
        """Return a signed command of the system."""
        unsigned = FirmCommand(
            command_id=command_id, principal=self.principal, issued_at=now, body=body, authorization=_UNSIGNED
        )
        signature = base64url.encode(ed25519.sign(self.key, firm_command_digest(unsigned)))
        given = Ed25519Signature(key_id=self.key_id, signature=signature)
        return unsigned.model_copy(update={"authorization": given})
