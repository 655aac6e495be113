"""Authenticates a command's sender and checks their rights on its desk. Pure: the signer checks the same again.

A person's key asserts the command's digest, except for an approval: its assertion is over the approval's own hash, so that it
binds the order and not the envelope; and no system's key gives one. Source: architecture, rules 9 and 10; the proof itself is
`streams.rules.access`. Left out: the verdict of policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.commands import Command, Ed25519Signature, GiveApproval
from schemas.events.governance import AccessChanged
from schemas.firm import Settings
from schemas.values import DeskId, PrincipalId
from streams.rules.access.sender import Sender, counter_shown, proven, registered
from streams.rules.firm.view import Governance
from streams.rules.refusals import orders as refusals

__all__ = ["Sender", "authenticate", "counter_shown", "entitled"]


def entitled(principal: PrincipalId, desk_id: DeskId, governance: Governance) -> AccessChanged:
    """Return the rights of a principal who may act on the desk.

    Raises:
        PrincipalUnknown, PrincipalRevoked, DeskNotEntitled: the principal may not act on the desk.
    """
    access = registered(principal, governance)
    if desk_id not in access.desks:
        raise refusals.DeskNotEntitled(principal=principal, desk_id=desk_id)
    return access


def authenticate(
    command: Command, digest: bytes, governance: Governance, settings: Settings, counters: Mapping[str, int]
) -> Sender:
    """Return the sender of `command`. `digest`: its `schemas.canonical.command_digest`. `counters`: each credential's last one.

    Raises:
        Refused: the command is not from a principal who may act on the desk.
    """
    access = entitled(command.principal, command.desk_id, governance)
    given, body = command.authorization, command.body
    if not isinstance(body, GiveApproval):
        return proven(access, given, digest, settings, counters)
    if isinstance(given, Ed25519Signature):
        raise refusals.PersonNeeded(principal=access.principal)
    return proven(access, given, bytes.fromhex(body.approval_hash), settings, counters)
