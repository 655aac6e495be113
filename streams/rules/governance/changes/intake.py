"""Reads a record on `firm-commands`; decides that governance must answer it, and authenticates its sender.

Checks in this order: the record can be read, its id is not spent, it is neither old nor from the future, its sender signed
it. A writer of the topic can put any record there, so a record whose signature is wrong does not spend its id: else it
could use up another sender's. An approval's assertion is over the proposal's own hash, so that it binds the change and not
the envelope. Left out: the sender's rights (policy) and the command's request itself (`breakers`, `proposals`).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.canonical import ORDER_NAMESPACE, firm_command_digest
from schemas.commands import Ed25519Signature
from schemas.events.governance import FirmCommandRejected, PolicyActivated
from schemas.firm import Settings
from schemas.firm_commands import ApproveProposal, DeclineProposal, FirmCommand, WithdrawProposal
from schemas.values import Instant, Sha256
from streams.rules.access.freshness import check_age
from streams.rules.access.sender import Sender, proven, registered
from streams.rules.decider import Received
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.state import GovernanceState
from streams.rules.refusals.base import (
    CommandMalformed,
    IdempotencyConflict,
    PersonNeeded,
    Refused,
)

NOBODY: Final = "unknown"
"""The principal of a record without a sender."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PRINCIPAL: Final = re.compile(r".{1,100}")


class NoPolicy(Exception):
    """A command arrived before genesis: the process establishes genesis first."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An authenticated command that was not answered before, and the firm in force when it came."""

    command: FirmCommand
    content: Sha256
    """Hash, in hex, that identifies the command's content; for all but an approval, the bytes that its sender signed."""
    sender: Sender
    firm: Governance
    policy: PolicyActivated
    now: Instant


def accept(state: GovernanceState, command: FirmCommand, now: Instant) -> Accepted | None:
    """Return the command if it must be answered; None if it was answered before.

    Raises:
        Refused: the command is not to be carried out.
        NoPolicy: genesis has not been established.
    """
    firm = state.firm
    if firm.policy is None:
        raise NoPolicy(f"command {command.command_id}")
    digest = firm_command_digest(command)
    if (spent := state.spent.get(command.command_id)) is not None:
        if spent.content != digest.hex():
            raise IdempotencyConflict(command_id=command.command_id)
        return None
    check_age(command.issued_at, firm.policy.settings, now)
    sender = _sender(command, digest, firm, firm.policy.settings, state.counters)
    return Accepted(command, digest.hex(), sender, firm, firm.policy, now)


def rejected(received: Received, command: FirmCommand, refused: Refused, content: Sha256 | None = None) -> FirmCommandRejected:
    """Return the answer to a command that changes nothing. `content`: that of a command whose sender was authenticated."""
    body = command.body
    about = body.proposal_id if isinstance(body, (ApproveProposal, DeclineProposal, WithdrawProposal)) else None
    return FirmCommandRejected(
        command_id=command.command_id,
        principal=command.principal,
        proposal_id=about,
        refusal=refused.record(),
        command_hash=received.digest,
        # An approval's assertion does not cover the command's id, so it does not prove whose id it is.
        content_hash=None if isinstance(body, ApproveProposal) else content,
    )


def unreadable(received: Received) -> FirmCommandRejected:
    """Return the answer to an unreadable record. Its bytes stay on its topic for ever; this event names their hash."""
    content = received.content or {}
    body = content.get("body")
    return FirmCommandRejected(
        command_id=_text(content, "command_id", _UUID) or str(uuid.uuid5(ORDER_NAMESPACE, f"unreadable/{received.digest}")),
        principal=_text(content, "principal", _PRINCIPAL) or NOBODY,
        proposal_id=_text(body, "proposal_id", _UUID) if isinstance(body, Mapping) else None,
        refusal=CommandMalformed(reason=received.unreadable).record(),
        command_hash=received.digest,
    )


def _text(content: Mapping[str, Any], field: str, pattern: re.Pattern[str]) -> str | None:
    value = content.get(field)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _sender(command: FirmCommand, digest: bytes, firm: Governance, settings: Settings, counters: Mapping[str, int]) -> Sender:
    access, given = registered(command.principal, firm), command.authorization
    if not isinstance(command.body, ApproveProposal):
        return proven(access, given, digest, settings, counters)
    if isinstance(given, Ed25519Signature):
        raise PersonNeeded(principal=access.principal)
    return proven(access, given, bytes.fromhex(command.body.proposal_hash), settings, counters)
