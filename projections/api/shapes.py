"""The form of what is read. US dollars are strings with six decimals, instants microseconds since the Unix epoch."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from schemas.events.base import Refusal
from schemas.events.facts import RuleFinding, Unmet
from schemas.events.lifecycle import SimulationFinding
from schemas.keys import Attestation
from schemas.values import BaseUnits, Instant, Record, Usd


class Shape(Record):
    """A record that is only shown. Extra columns of a row are no error: rows may be a version ahead."""

    model_config = ConfigDict(extra="ignore")


class Answered(Shape):
    """Records one approver's decision."""

    approver: str
    given: bool
    """False: declined."""
    roles: list[str]
    reason: str
    decided_at: Instant


class Withdrawal(Shape):
    """An approval that was taken back."""

    approver: str
    reason: str
    withdrawn_at: Instant


class Order(Shape):
    """An order as its verified links leave it."""

    order_id: str
    desk_id: str
    wallet_id: str | None
    initiator: str | None
    command_id: str | None
    action: dict[str, Any] | None
    memo: str
    parent_order_id: str | None
    child_order_ids: list[str]
    state: str
    """The last thing that happened to it; `chain-broken` when its log contradicts itself."""
    amount_usd: Usd | None
    outcome: str | None
    """The policy's outcome."""
    requires: list[str]
    """Quorums still to be met."""
    unmet: list[Unmet]
    """The approvals missing from each quorum, and the principals that could give them."""
    rules: list[RuleFinding]
    refusals: list[Refusal]
    approval_hash: str | None
    """An approver signs this hash."""
    approval_subject: dict[str, Any] | None
    approvals: list[Answered]
    withdrawals: list[Withdrawal]
    """Approvals that were taken back since they were given."""
    cancellation_requested_at: Instant | None
    """It was to be cancelled when it was handed over already: the signer refuses it."""
    expires_at: Instant | None
    chain_id: int | None
    nonce: int | None
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    gas_used: int | None
    """Of the transaction that was included; before that, of its simulation."""
    effective_gas_price: BaseUnits | None
    """The price paid for each unit of gas, in wei; none before inclusion."""
    slippage_ppm: int | None
    """Simulated loss against independent prices, parts per million."""
    findings: list[SimulationFinding]
    attestation: Attestation | None
    """The key that signed it, the code that judged it, the cosigners; none if unsigned or older than attestations."""
    message: str
    """Why it was closed."""
    created_at: Instant
    updated_at: Instant
    tail_sequence: int
    tail_digest: str
    """SHA-256 of the last verified link: it stands for the order's whole history."""
    chain_broken: str | None
    """The link that contradicts the chain, and the reason."""


class Orders(Shape):
    """A page of orders, newest first."""

    orders: list[Order]
    next_cursor: str | None
    """Give it as `cursor` for the next page; none on the last."""


class Link(Shape):
    """One event of an order."""

    sequence: int
    topic: str
    partition: int
    log_offset: int
    position: int
    decided_at: Instant
    previous_hash: str
    digest: str
    """SHA-256 of its bytes as they stand on the topic."""
    trace_id: str
    verified: bool
    """It follows from the link before, back to the first. False: it waits for an earlier one, or is not to be believed."""
    event: dict[str, Any]


class Timeline(Shape):
    """All events of an order by sequence."""

    order_id: str
    chain_broken: str | None
    links: list[Link]


class Rejection(Shape):
    """Why a command came to nothing."""

    command_id: str
    desk_id: str | None
    """None: it was a command to governance."""
    principal: str
    order_id: str | None
    proposal_id: str | None
    refusal: Refusal
    command_hash: str
    rejected_at: Instant
