"""Refuses a command at the door by the rules of `streams.rules.access`, in HTTP's terms.

The door asks this so that strangers cannot fill the log; the desk, governance and the signer decide it again from the log, and
trust nothing of what was found here.
"""

from __future__ import annotations

from commands.intake.refusals import refused
from commands.signed_content import challenge, content_digest
from schemas.commands import Command, Ed25519Signature
from schemas.firm_commands import FirmCommand
from streams.rules.access.admission import Registered, admit
from streams.rules.refusals import base as rules


def authenticate(command: Command | FirmCommand, holder: Registered | None) -> None:
    """Return when the principal that `command` names signed it and may act on its desk, if it has one.

    Raises:
        Refused: 401, no registered key signed it; 403, its sender may not act.
    """
    by_system = isinstance(command.authorization, Ed25519Signature)
    try:
        admit(command, holder, content_digest(command) if by_system else challenge(command))
    except rules.Refused as refusal:
        raise refused(refusal) from None
