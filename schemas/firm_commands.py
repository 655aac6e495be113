"""Defines commands to governance: stop something, or propose a change that a quorum must approve.

Signed like a desk's command (`schemas.commands`): a system by Ed25519 (RFC 8032), a person by a FIDO2 key (WebAuthn Level 3),
over `schemas.canonical.firm_command_digest`; but the assertion of `ApproveProposal` is over the proposal's own hash.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.commands import Authorization
from schemas.events.base import Refusal
from schemas.firm import Access, BreakerScope, BreakerState, Limit, Settings, Subject
from schemas.keys import DestructionProof, KeyChange, KeyVouched
from schemas.values import Address, CommandId, HexBytes, Instant, PrincipalId, Record, Sha256, Text, Uuid

POLICY_CHARACTERS_MAX = 200_000


class TripBreaker(Record):
    """Stop something at once. A breaker that is tripped already can only be tripped further."""

    kind: Literal["trip_breaker"] = "trip_breaker"
    scope: BreakerScope
    subject: Subject
    state: BreakerState
    reason: Text


class ProposeReset(Record):
    """Propose to reset a breaker."""

    kind: Literal["propose_reset"] = "propose_reset"
    scope: BreakerScope
    subject: Subject
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class ProposePolicy(Record):
    """Propose policies, limits and settings, whole, in place of those in force."""

    kind: Literal["propose_policy"] = "propose_policy"
    cedar: Annotated[str, Field(max_length=POLICY_CHARACTERS_MAX)]
    cedar_schema: Annotated[str, Field(max_length=POLICY_CHARACTERS_MAX)]
    limits: list[Limit]
    settings: Settings
    reason: Text


class ProposeAccess(Record):
    """Propose the rights of a person or a system, whole; `status` "revoked" takes all of them away."""

    kind: Literal["propose_access"] = "propose_access"
    access: Access
    reason: Text


class ApproveProposal(Record):
    """Agree to exactly what `proposal_hash` is the hash of."""

    kind: Literal["approve_proposal"] = "approve_proposal"
    proposal_id: Uuid
    proposal_hash: Sha256


class DeclineProposal(Record):
    """Say no to a proposal; it is closed."""

    kind: Literal["decline_proposal"] = "decline_proposal"
    proposal_id: Uuid
    reason: Text


class WithdrawProposal(Record):
    """Take back one's own proposal."""

    kind: Literal["withdraw_proposal"] = "withdraw_proposal"
    proposal_id: Uuid
    reason: Text = ""


class ProposeKey(Record):
    """Propose to make, use, change or destroy a key."""

    kind: Literal["propose_key"] = "propose_key"
    change: KeyChange
    reason: Text


class ReportKey(Record):
    """Report what became of an order about a key. Only the custodian's own system key may sign it."""

    kind: Literal["report_key"] = "report_key"
    ordered_position: Annotated[int, Field(ge=1)]
    """Of the `KeyOrdered` that is answered."""
    outcome: Literal["generated", "rotated", "recovered", "destroyed", "failed"]
    address: Address | None = None
    """Of the new key; none when there is none."""
    public_key: HexBytes = "0x"
    epoch: Annotated[int, Field(ge=0)] = 0
    vouched: list[KeyVouched] = Field(default_factory=list, json_schema_extra={"default": []})
    proofs: list[DestructionProof] = Field(default_factory=list, json_schema_extra={"default": []})
    refusal: Refusal | None = None
    """Why it failed; none when it did not."""


FirmBody = Annotated[
    TripBreaker
    | ProposeReset
    | ProposePolicy
    | ProposeAccess
    | ApproveProposal
    | DeclineProposal
    | WithdrawProposal
    | ProposeKey
    | ReportKey,
    Field(discriminator="kind"),
]


class FirmCommand(Record):
    """One request to governance, signed by who makes it. `command_id` is also the idempotency key: one id, one outcome."""

    command_id: CommandId
    principal: PrincipalId
    issued_at: Instant
    body: FirmBody
    authorization: Authorization
