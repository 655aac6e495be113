"""Defines the fields of the read routes that this client uses; further fields are accepted."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from schemas.events.base import Refusal
from schemas.events.facts import RuleFinding, Unmet
from schemas.events.lifecycle import SimulationFinding
from schemas.firm import Limit, Settings
from schemas.firm_commands import FirmBody
from schemas.keys import Attestation
from schemas.orders import Action, ApprovalSubject
from schemas.values import BaseUnits, DeskId, Instant, OrderId, PrincipalId, Record, Role, Sha256, Usd, Uuid


class ApiView(Record):
    """Something that is shown."""

    model_config = ConfigDict(extra="ignore")


class ShownApproval(ApiView):
    """Records one approver's decision."""

    approver: PrincipalId
    given: bool
    roles: list[Role]
    reason: str = ""
    decided_at: Instant


class ShownWithdrawal(ApiView):
    """An approval that was taken back."""

    approver: PrincipalId
    reason: str = ""
    withdrawn_at: Instant


class ShownOrder(ApiView):
    """An order as its events have left it. Fields that nothing has happened to yet are None."""

    order_id: OrderId
    desk_id: DeskId
    state: str
    wallet_id: str | None = None
    initiator: str | None = None
    command_id: str | None = None
    action: Action | None = None
    memo: str = ""
    parent_order_id: OrderId | None = None
    child_order_ids: tuple[OrderId, ...] = ()
    amount_usd: Usd | None = None
    outcome: str | None = None
    requires: tuple[str, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    rules: tuple[RuleFinding, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    approval_hash: Sha256 | None = None
    approval_subject: ApprovalSubject | None = None
    approvals: tuple[ShownApproval, ...] = ()
    withdrawals: tuple[ShownWithdrawal, ...] = ()
    cancellation_requested_at: Instant | None = None
    expires_at: Instant | None = None
    chain_id: int | None = None
    nonce: int | None = None
    transaction_hash: str | None = None
    block_number: int | None = None
    gas_used: int | None = None
    """Of the transaction that was included; before that, of its simulation."""
    effective_gas_price: BaseUnits | None = None
    """The price paid for each unit of gas, in wei."""
    slippage_ppm: int | None = None
    findings: tuple[SimulationFinding, ...] = ()
    attestation: Attestation | None = None
    """The key that signed it, the code that judged it, and the cosigners."""
    message: str = ""
    created_at: Instant
    updated_at: Instant
    chain_broken: str | None = None


class ShownLink(ApiView):
    """One event of an order."""

    sequence: int
    topic: str
    decided_at: Instant
    previous_hash: Sha256
    digest: Sha256
    """SHA-256 of its bytes as they stand on the topic."""
    verified: bool
    event: dict[str, Any]


class PolicyDraft(ApiView):
    """A policy as it could be proposed: text, limits and settings, whole."""

    cedar: str
    cedar_schema: str
    limits: list[Limit]
    settings: Settings


class ShownAgreement(ApiView):
    """One approval of a proposal."""

    approver: PrincipalId
    roles: list[Role]
    decided_at: Instant


class ShownProposal(ApiView):
    """A proposal as its events have left it."""

    proposal_id: Uuid
    kind: str
    """`policy`, `reset`, `access` or `key`."""
    proposer: PrincipalId
    proposal_hash: Sha256
    change: FirmBody
    """The whole proposed change."""
    reason: str
    requires: tuple[str, ...]
    """Quorums still to be met."""
    approvals: tuple[ShownAgreement, ...]
    state: str
    """`awaiting-approval`, or why it was closed."""
    message: str = ""
    proposed_at: Instant
    expires_at: Instant
    closed_at: Instant | None = None
