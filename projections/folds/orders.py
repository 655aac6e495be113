"""Folds an order's links into its row, one after the other (mission, "The lifecycle of an order").

`state` is that of `streams.rules.orders.lifecycle`. Left out: whether a link follows the one before
(`projections.folds.chains`), and the order's reservation (`projections.folds.ledger`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Literal, assert_never

from schemas.events import lifecycle
from schemas.events.base import GENESIS_HASH, OrderEvent
from schemas.events.lifecycle import NetworkLink, OrderLink
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.values import Instant
from streams.rules.orders.lifecycle import State, link_of, step_of

AWAITING_APPROVAL: Final[State] = "awaiting-approval"
CHAIN_BROKEN: Final = "chain-broken"
"""The log holds links that do not follow from one another: nothing after the last good one is believed."""

_FIRST: Final[State] = "initiated"

Json = Any
"""A value as JSON has it."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A row of `orders`. Fields are its columns, in their order."""

    order_id: str
    desk_id: str
    wallet_id: str | None = None
    initiator: str | None = None
    command_id: str | None = None
    action: Json = None
    memo: str = ""
    parent_order_id: str | None = None
    child_order_ids: list[str] = field(default_factory=list)
    state: State | Literal["chain-broken"] = _FIRST
    amount_usd: Decimal | None = None
    outcome: str | None = None
    requires: list[str] = field(default_factory=list)
    unmet: Json = field(default_factory=list)
    rules: Json = field(default_factory=list)
    refusals: Json = field(default_factory=list)
    approval_hash: str | None = None
    approval_subject: Json = None
    approvals: Json = field(default_factory=list)
    expires_at: Instant | None = None
    chain_id: int | None = None
    nonce: int | None = None
    transaction_hash: str | None = None
    block_number: int | None = None
    block_hash: str | None = None
    gas_used: int | None = None
    effective_gas_price: str | None = None
    slippage_ppm: int | None = None
    findings: Json = field(default_factory=list)
    attestation: Json = None
    message: str = ""
    created_at: Instant = 0
    updated_at: Instant = 0
    tail_sequence: int = 0
    tail_digest: str = GENESIS_HASH
    chain_broken: str | None = None


def beginning(event: OrderEvent) -> OrderRow:
    """The row of an order before its first link."""
    return OrderRow(event.order_id, event.desk_id, created_at=event.decided_at)


def advance(row: OrderRow, links: Sequence[tuple[OrderEvent, str]]) -> OrderRow:
    """The row after `links`, each with the digest of its bytes, in the order of the chain."""
    columns: dict[str, Any] = {}
    approvals = list(row.approvals)
    for event, digest in links:
        columns |= _changes(event)
        if isinstance(event, lifecycle.ApprovalGiven | lifecycle.ApprovalDeclined):
            approvals.append(_answer(event))
        columns["updated_at"] = event.decided_at
        columns["tail_sequence"] = event.sequence
        columns["tail_digest"] = digest
    return replace(row, approvals=approvals, **columns)


def broken(row: OrderRow, why: str) -> OrderRow:
    """The row of an order of which nothing after its tail is believed."""
    return replace(row, state=CHAIN_BROKEN, chain_broken=why)


def _changes(event: OrderEvent) -> dict[str, Any]:
    """The columns that `event` sets; the state is the lifecycle's."""
    link, state = link_of(event), step_of(event).state
    return _columns(link) if state is None else {"state": state, **_columns(link)}


def _columns(link: OrderLink) -> dict[str, Any]:
    match link:
        case lifecycle.OrderInitiated():
            columns = _initiated(link)
        case lifecycle.PolicyEvaluated():
            columns = _evaluated(link)
        case lifecycle.Approved():
            columns = {"requires": [], "unmet": []}
        case lifecycle.OrderHeld():
            columns = {"findings": _json(link.findings), "expires_at": link.expires_at}
        case lifecycle.OrderClosed():
            columns = {"message": link.message, "child_order_ids": list(link.child_order_ids)}
        case lifecycle.ApprovalGiven() | lifecycle.ApprovalDeclined():
            columns = {}  # added to the approvals before (`advance`)
        case LimitReserved() | LimitPosted() | LimitReleased():
            columns = {}  # `projections.folds.ledger`
        case _ as network:
            columns = _on_network(network)
    return columns


def _on_network(link: NetworkLink) -> dict[str, Any]:
    match link:
        case lifecycle.Simulated():
            return _simulated(link)
        case lifecycle.Signed():
            return _signed(link)
        case lifecycle.SigningRefused():
            return {**_numbered(link), "refusals": _json([link.refusal])}
        case lifecycle.Broadcast():
            return {**_numbered(link), "transaction_hash": link.transaction_hash}
        case lifecycle.Confirmed() | lifecycle.Reverted():
            return _included(link)
        case _ as unknown:
            assert_never(unknown)


def _initiated(event: lifecycle.OrderInitiated) -> dict[str, Any]:
    return {
        "wallet_id": event.order.wallet_id,
        "initiator": event.order.initiator,
        "command_id": event.command.command_id,
        "action": event.order.action.model_dump(mode="json"),
        "memo": event.order.memo,
        "parent_order_id": event.order.parent_order_id,
        "created_at": event.decided_at,
    }


def _evaluated(event: lifecycle.PolicyEvaluated) -> dict[str, Any]:
    subject = event.approval_subject
    return {
        "outcome": event.outcome,
        "amount_usd": event.facts.amount_usd,
        "requires": list(event.requires),
        "unmet": _json(event.unmet),
        "rules": _json(event.rules),
        "refusals": _json(event.refusals),
        "approval_hash": event.approval_hash,
        "approval_subject": None if subject is None else subject.model_dump(mode="json"),
        "expires_at": event.expires_at,
        "chain_id": event.facts.effect.chain_id,
    }


def _answer(event: lifecycle.ApprovalGiven | lifecycle.ApprovalDeclined) -> dict[str, Any]:
    given = isinstance(event, lifecycle.ApprovalGiven)
    return {
        "approver": event.approver,
        "given": given,
        "roles": list(event.roles) if isinstance(event, lifecycle.ApprovalGiven) else [],
        "reason": event.reason if isinstance(event, lifecycle.ApprovalDeclined) else "",
        "decided_at": event.decided_at,
    }


def _simulated(event: lifecycle.Simulated) -> dict[str, Any]:
    return {
        "chain_id": event.transaction.chain_id,
        "nonce": event.transaction.nonce,
        "gas_used": event.gas_used,
        "slippage_ppm": event.slippage_ppm,
        "findings": _json(event.findings),
    }


def _signed(event: lifecycle.Signed) -> dict[str, Any]:
    by = event.attestation
    return {
        **_numbered(event),
        "transaction_hash": event.transaction_hash,
        "attestation": None if by is None else by.model_dump(mode="json"),
    }


def _numbered(event: lifecycle.Signed | lifecycle.SigningRefused | lifecycle.Broadcast) -> dict[str, Any]:
    return {"chain_id": event.chain_id, "nonce": event.nonce}


def _included(event: lifecycle.Confirmed | lifecycle.Reverted) -> dict[str, Any]:
    return {
        "transaction_hash": event.transaction_hash,
        "block_number": event.block_number,
        "block_hash": event.block_hash,
        "gas_used": event.gas_used,
        "effective_gas_price": str(event.effective_gas_price),
    }


def _json(records: list[Any]) -> Json:
    return [record.model_dump(mode="json") for record in records]
