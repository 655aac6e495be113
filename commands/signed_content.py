"""Computes the 32 bytes that a command's sender signs. Pure.

Everything but the authorization itself; an approval's assertion is over what is approved instead, so that it proves years
later what a person agreed to, whatever command carried it.
"""

from __future__ import annotations

from schemas.canonical import command_digest, firm_command_digest
from schemas.commands import Command, GiveApproval
from schemas.firm_commands import ApproveProposal, FirmCommand


def content_digest(command: Command | FirmCommand) -> bytes:
    """Return the digest of the command's whole content, which identifies it."""
    return firm_command_digest(command) if isinstance(command, FirmCommand) else command_digest(command)


def challenge(command: Command | FirmCommand) -> bytes:
    """Return the digest that a person's key signs for the command."""
    match command.body:
        case GiveApproval(approval_hash=approved):
            return bytes.fromhex(approved)
        case ApproveProposal(proposal_hash=agreed):
            return bytes.fromhex(agreed)
    return content_digest(command)
