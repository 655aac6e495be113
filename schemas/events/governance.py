"""Defines governance's events: rights, assets, wallets, contracts, policy, breakers. One writer for the firm.

The first of these events come from a genesis file signed by the root key that is pinned at installation. Every later one
answers a signed command, which the first event of the decision holds whole: anyone can decide again and compare.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import FirmEvent, Refusal
from schemas.events.facts import ApprovalFact
from schemas.firm import BreakerScope, BreakerState, Limit, Settings, SigningKey, Subject, WebAuthnCredential
from schemas.firm_commands import FirmCommand
from schemas.keys import KeyBackend, SafeAccount
from schemas.values import (
    Address,
    AssetId,
    Base64Url,
    DeskId,
    HexBytes,
    Instant,
    PrincipalId,
    Role,
    Sha256,
    Slug,
    Text,
    Usd,
    Uuid,
    WalletId,
)

ChainId = Annotated[int, Field(ge=1)]
ProposalId = Uuid


class GenesisAccepted(FirmEvent):
    """The signed genesis document, whole: everything after it can be derived from it again."""

    document: str
    """Canonical JSON (RFC 8785)."""
    root_public_key: HexBytes
    signature: Base64Url
    """Ed25519 by the root key over the document's bytes."""


class AccessChanged(FirmEvent):
    """A person or system, with all their rights from now on."""

    principal: PrincipalId
    kind: Literal["person", "system"]
    status: Literal["active", "revoked"]
    roles: list[Role]
    site: Slug
    desks: list[DeskId]
    credentials: list[WebAuthnCredential]
    signing_keys: list[SigningKey]
    proposal_id: ProposalId | None = None
    """The proposal that a quorum agreed to; none at genesis."""


class AssetListed(FirmEvent):
    """An asset that may be dealt in."""

    asset_id: AssetId
    chain_id: ChainId
    token: Address | None
    """The token's contract; none for the chain's native asset."""
    decimals: Annotated[int, Field(ge=0, le=36)]
    peg_usd: Usd | None
    """A price fixed by governance; none: from `price-observed`."""


class WalletAssigned(FirmEvent):
    """A wallet and the one desk that may use it."""

    wallet_id: WalletId
    desk_id: DeskId
    chain_id: ChainId
    address: Address
    key_backend: KeyBackend
    key_id: Annotated[str, Field(max_length=100)]
    holding: Address | None = None
    """Where its funds are evacuated to: a transfer there passes every breaker."""
    safe: SafeAccount | None = None
    """For `safe`: who signs for the contract at `address`."""
    proposal_id: ProposalId | None = None
    """The proposal that a quorum agreed to; none at genesis."""


class ContractListed(FirmEvent):
    """A contract or account that the firm may deal with, after whatever audit its policy asks for."""

    chain_id: ChainId
    address: Address
    kind: Literal["contract", "account"]
    name: Text
    companions: list[Address]
    """Other contracts that a call to it may touch: pools, proxies, implementations."""
    open_findings: Annotated[int, Field(ge=0)]
    audit_reference: Text
    protocol: Annotated[str, Field(max_length=63)] = ""
    """The protocol that the contract belongs to; empty: none."""
    counterparty: Annotated[str, Field(max_length=63)] = ""
    """Who stands behind the contract or account; empty: nobody that is known."""


class PolicyActivated(FirmEvent):
    """The policy, limits and settings in force from now on."""

    version: Annotated[int, Field(ge=1)]
    cedar: str
    """Policies in the Cedar language."""
    cedar_schema: str
    limits: list[Limit]
    settings: Settings
    policy_hash: Sha256
    """SHA-256 over the canonical JSON of the five fields above."""
    proposal_id: ProposalId | None = None
    """The proposal that a quorum agreed to; none at genesis."""


class BreakerTripped(FirmEvent):
    """Something is stopped, at once, on one authorised person's or detector's word."""

    scope: BreakerScope
    subject: Subject
    state: BreakerState
    reason: Text
    tripped_by: PrincipalId
    command: FirmCommand


class BreakerReset(FirmEvent):
    """A quorum agreed, with a reason, that what was stopped may go on."""

    scope: BreakerScope
    subject: Subject
    reason: Text
    proposal_id: ProposalId


class Proposed(FirmEvent):
    """A change that a quorum must agree to; its proposer never counts."""

    proposal_id: ProposalId
    proposer: PrincipalId
    proposal_hash: Sha256
    """`schemas.canonical.proposal_digest`: the WebAuthn challenge of an approval."""
    requires: list[str]
    """Quorums that the policy in force asks for."""
    expires_at: Instant
    command: FirmCommand
    """Holds the change itself, as its proposer signed it."""


class PolicyProposed(Proposed):
    """Other policies, limits or settings were proposed."""

    version: Annotated[int, Field(ge=1)]
    policy_hash: Sha256
    """Of the policy as it would be activated."""


class ResetProposed(Proposed):
    """It was proposed to reset a breaker."""

    scope: BreakerScope
    subject: Subject


class AccessProposed(Proposed):
    """Other rights were proposed for a person or a system."""

    principal: PrincipalId


class ProposalApproved(FirmEvent):
    """A person agreed to a proposal with their own key."""

    proposal_id: ProposalId
    approver: PrincipalId
    roles: list[Role]
    counter: Annotated[int, Field(ge=0)]
    requires: list[str]
    """Quorums that are still to be met."""
    command: FirmCommand


class ProposalClosed(FirmEvent):
    """The end of a proposal: what a quorum agreed to follows at once."""

    proposal_id: ProposalId
    reason: Literal["enacted", "declined", "withdrawn", "expired", "outdated"]
    message: Text
    approvals: list[ApprovalFact]
    command: FirmCommand | None = None
    """Who declined or withdrew it; none: time, a quorum or another change ended it."""


class FirmCommandRejected(FirmEvent):
    """A command to governance that was refused. The sender finds it by `command_id`."""

    command_id: Uuid
    principal: Annotated[str, Field(max_length=100)]
    proposal_id: ProposalId | None = None
    refusal: Refusal
    command_hash: Sha256
    """SHA-256 of the command's record value on its topic."""
    content_hash: Sha256 | None = None
    """What the sender signed, once the signature was found right: the id is then spent. None: anybody may have sent it."""
