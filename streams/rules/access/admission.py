"""Admits a command at the door: its sender is registered, signed it, and may act on its desk. Pure.

The gateway asks this of the read side's tables, so that strangers cannot fill the log. The desk, governance and the signer ask
the same rules again, of the log itself. A principal's rights are told only to a sender who has proven to be that principal.
Left out, since only the deciders know: the last counter of a FIDO2 key, the spent ids, the verdict of policy.
"""

from __future__ import annotations

from schemas.commands import Command, Ed25519Signature, GiveApproval
from schemas.firm import Settings, SigningKey, WebAuthnCredential
from schemas.firm_commands import ApproveProposal, FirmCommand
from schemas.values import DeskId, PrincipalId, Record
from streams.rules.access.sender import key_proof
from streams.rules.refusals import base as refusals
from streams.rules.refusals.orders import DeskNotEntitled


class Registered(Record):
    """A person or system as governance registered it, with the settings of the policy in force."""

    principal: PrincipalId
    kind: str
    status: str
    desks: list[DeskId]
    credentials: list[WebAuthnCredential]
    signing_keys: list[SigningKey]
    settings: Settings | None
    """None before the first policy."""


def admit(command: Command | FirmCommand, holder: Registered | None, signed: bytes) -> None:
    """Return when a key of `holder` signed the 32 bytes `signed` and the holder may act on the command's desk, if it has one.

    Raises:
        PrincipalUnknown, KeyUnknown, SignatureWrong, AssertionWrong, PersonNeeded: no registered key of the right kind signed.
        PrincipalRevoked, DeskNotEntitled: the sender may not act.
    """
    if holder is None:
        raise refusals.PrincipalUnknown(principal=command.principal)
    given = command.authorization
    key_proof(holder, given, signed, holder.settings, {})
    if isinstance(given, Ed25519Signature) and isinstance(command.body, GiveApproval | ApproveProposal):
        raise refusals.PersonNeeded(principal=holder.principal)
    if holder.status != "active":
        raise refusals.PrincipalRevoked(principal=holder.principal)
    if isinstance(command, Command) and command.desk_id not in holder.desks:
        raise DeskNotEntitled(principal=holder.principal, desk_id=command.desk_id)
