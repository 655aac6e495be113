"""Which breaker a breached limit asks for, and the command that asks governance to trip it (architecture, rule 13).

A desk says that an order would have gone over a limit that trips a breaker, and in which state that breaker should be. The
command's id comes from that event's bytes, so that the same breach never asks twice, however often it is read. What is
tripped as far already is not asked for again. Pure. Leaves out whether it may be tripped: governance asks its policy.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.identity import base64url, ed25519
from schemas.canonical import ORDER_NAMESPACE, firm_command_digest
from schemas.commands import Ed25519Signature
from schemas.events.answers import LimitBreached
from schemas.firm_commands import FirmCommand, TripBreaker
from schemas.topics import Principal
from schemas.values import TEXT_CHARACTERS_MAX, CommandId, Instant, Sha256
from streams.governance.changes.breakers import goes_further
from streams.governance.view import Governance

PRINCIPAL: Final[Principal] = "detectors"

_UNSIGNED: Final = Ed25519Signature(key_id="", signature="")


class NotRegistered(Exception):
    """Governance knows no such key of the detectors: nothing they ask for would be done."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The detectors' own key, and the name under which governance has registered it."""

    key_id: str
    key: Ed25519PrivateKey

    @classmethod
    def registered(cls, key: Ed25519PrivateKey, firm: Governance) -> Voice:
        """The voice that governance knows.

        Raises:
            NotRegistered: it knows none with this key.
        """
        access = firm.active(PRINCIPAL)
        public_key = f"0x{ed25519.public_bytes(key).hex()}"
        for each in access.signing_keys if access is not None else ():
            if each.public_key == public_key:
                return cls(each.key_id, key)
        raise NotRegistered(f"no active system {PRINCIPAL} has the key {public_key}; have governance register it")

    def signed(self, body: TripBreaker, command_id: CommandId, now: Instant) -> FirmCommand:
        """A command of the detectors."""
        unsigned = FirmCommand(command_id=command_id, principal=PRINCIPAL, issued_at=now, body=body, authorization=_UNSIGNED)
        signature = base64url.encode(ed25519.sign(self.key, firm_command_digest(unsigned)))
        given = Ed25519Signature(key_id=self.key_id, signature=signature)
        return unsigned.model_copy(update={"authorization": given})


def asked_by(breach: LimitBreached, firm: Governance) -> TripBreaker | None:
    """What a breach asks for; None when the breaker is tripped as far already."""
    present = firm.breakers.get((breach.breaker_scope, breach.breaker_subject))
    if not goes_further(present, breach.breaker_state):
        return None
    return TripBreaker(
        scope=breach.breaker_scope,
        subject=breach.breaker_subject,
        state=breach.breaker_state,
        reason=f"limit {breach.limit_id} of {breach.scope_key}: {breach.message}"[:TEXT_CHARACTERS_MAX],
    )


def command_id(digest: Sha256) -> CommandId:
    """The id of the command that answers the breach whose bytes have this hash."""
    return str(uuid.uuid5(ORDER_NAMESPACE, f"limit-breached/{digest}"))
