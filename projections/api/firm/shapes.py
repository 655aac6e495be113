"""The form of what governance has decided, and of what was proposed to it."""

from __future__ import annotations

from typing import Literal

from projections.api.shapes import Shape
from projections.backtest.verdicts import Otherwise, Total
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from schemas.firm_commands import FirmBody
from schemas.values import Instant


class Contract(Shape):
    """A contract or account that the firm may deal with."""

    chain_id: int
    address: str
    kind: str
    name: str
    companions: list[str]
    open_findings: int
    audit_reference: str
    protocol: str
    counterparty: str
    listed_at: Instant


class Contracts(Shape):
    """All that are listed."""

    contracts: list[Contract]


class Policy(Shape):
    """One version of the policy."""

    version: int
    active: bool
    policy_hash: str
    cedar: str
    cedar_schema: str
    limits: list[Limit]
    settings: Settings
    proposal_id: str | None
    """The proposal that a quorum agreed to; none at genesis."""
    activated_at: Instant


class Policies(Shape):
    """All versions, newest first."""

    policies: list[Policy]


class Review(Shape):
    """Lists the problems of a policy that could be proposed."""

    valid: bool
    problems: list[str]
    """Everything, a sentence each."""
    version: int
    """The version that it would be."""
    policy_hash: str


class Backtest(Shape):
    """Compares the decisions of a policy on past orders with those that were made."""

    policy_hash: str
    orders: int
    """That were judged: the newest."""
    since: Instant | None
    """The time of the first decision among them: earlier postings do not count against the limits."""
    otherwise: list[Otherwise]
    totals: list[Total]


class Breaker(Shape):
    """A breaker in its last state."""

    scope: str
    subject: str
    state: Literal["reducing", "open", "closed"]
    reason: str
    tripped_by: str
    """Empty: it was reset."""
    proposal_id: str | None
    """By which it was reset."""
    changed_at: Instant


class Breakers(Shape):
    """Breakers, those that stop most first."""

    breakers: list[Breaker]


class Agreement(Shape):
    """One approval of a proposal."""

    approver: str
    roles: list[str]
    decided_at: Instant


class Proposal(Shape):
    """A change that a quorum must agree to."""

    proposal_id: str
    kind: Literal["policy", "reset", "access", "key"]
    proposer: str
    proposal_hash: str
    """An approver signs this hash."""
    change: FirmBody
    """The whole proposed change, as its proposer signed it."""
    reason: str
    policy_version: int | None
    policy_hash: str | None
    """Of the policy as it would be activated."""
    requires: list[str]
    """Quorums still to be met."""
    approvals: list[Agreement]
    expires_at: Instant
    state: str
    """`awaiting-approval`, or why it was closed."""
    message: str
    proposed_at: Instant
    closed_at: Instant | None


class Proposals(Shape):
    """Proposals, newest first."""

    proposals: list[Proposal]


class Principal(Shape):
    """A person or system, with all their rights."""

    principal: str
    kind: Literal["person", "system"]
    status: Literal["active", "revoked"]
    roles: list[str]
    site: str
    desks: list[str]
    credentials: list[WebAuthnCredential]
    signing_keys: list[SigningKey]


class Principals(Shape):
    """Everybody."""

    principals: list[Principal]
