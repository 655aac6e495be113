"""Rows of what was said back to senders, of what was said of orders beside their chains, and of nonces that came free.

Each stands at its own place on the log.
"""

from __future__ import annotations

from dataclasses import dataclass

from projections.folds.arrivals import Arrived
from projections.folds.orders import Json
from schemas.events import answers, governance, lifecycle
from schemas.values import Instant


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of `rejected_commands`."""

    topic: str
    partition: int
    log_offset: int
    command_id: str
    desk_id: str | None
    """None: it was a command to governance."""
    principal: str
    order_id: str | None
    proposal_id: str | None
    refusal: Json
    command_hash: str
    rejected_at: Instant


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row of `quarantined`."""

    partition: int
    log_offset: int
    desk_id: str
    source_topic: str
    source_partition: int
    source_offset: int
    reason: str
    original: str
    original_sha256: str
    quarantined_at: Instant


@dataclass(frozen=True, slots=True)
class NonceRow:
    """A row of `nonces`."""

    partition: int
    log_offset: int
    desk_id: str
    wallet_id: str
    chain_id: int
    nonce: int
    order_id: str
    outcome: str
    resolved_at: Instant


@dataclass(frozen=True, slots=True)
class RefusedRequestRow:
    """A row of `refused_requests`."""

    partition: int
    log_offset: int
    method: str
    path: str
    claimed_principal: str
    refusal: Json
    body_sha256: str
    received_at: Instant


@dataclass(frozen=True, slots=True)
class RemarkRow:
    """A row of `remarks`: something about an order, or one that was only tried, that is no link of a chain."""

    topic: str
    partition: int
    log_offset: int
    order_id: str
    desk_id: str
    causation_id: str
    decided_at: Instant
    event: Json


AnswerRow = RemarkRow | RejectedRow | QuarantinedRow | NonceRow | RefusedRequestRow


def answer_row(arrived: Arrived) -> AnswerRow:
    """The row that an answer leaves.

    Raises:
        TypeError: an event that has no table here: the projector is older than the log.
    """
    match arrived.event:
        case answers.CommandRejected() as event:
            return rejected_row(arrived, event)
        case (
            lifecycle.ApprovalWithdrawn() | lifecycle.CancellationRequested() | answers.LimitBreached() | answers.OrderTried()
        ) as event:
            return _remark(arrived, event)
        case answers.Quarantined() as event:
            return _quarantined(arrived, event)
        case answers.NonceResolved() as event:
            return _nonce(arrived, event)
        case answers.RequestRefused() as event:
            return _refused_request(arrived, event)
    raise TypeError(f"no table for {type(arrived.event).__name__}")


def rejected_row(arrived: Arrived, event: answers.CommandRejected | governance.FirmCommandRejected) -> RejectedRow:
    """A command that came to nothing."""
    return RejectedRow(
        topic=arrived.topic,
        partition=arrived.partition,
        log_offset=arrived.offset,
        command_id=event.command_id,
        desk_id=event.desk_id if isinstance(event, answers.CommandRejected) else None,
        principal=event.principal,
        order_id=event.order_id if isinstance(event, answers.CommandRejected) else None,
        proposal_id=event.proposal_id if isinstance(event, governance.FirmCommandRejected) else None,
        refusal=event.refusal.model_dump(mode="json"),
        command_hash=event.command_hash,
        rejected_at=event.decided_at,
    )


def _remark(
    arrived: Arrived,
    event: lifecycle.ApprovalWithdrawn | lifecycle.CancellationRequested | answers.LimitBreached | answers.OrderTried,
) -> RemarkRow:
    return RemarkRow(
        topic=arrived.topic,
        partition=arrived.partition,
        log_offset=arrived.offset,
        order_id=event.order.order_id if isinstance(event, answers.OrderTried) else event.order_id,
        desk_id=event.desk_id,
        causation_id=event.causation_id,
        decided_at=event.decided_at,
        event=event.model_dump(mode="json"),
    )


def _quarantined(arrived: Arrived, event: answers.Quarantined) -> QuarantinedRow:
    return QuarantinedRow(
        partition=arrived.partition,
        log_offset=arrived.offset,
        desk_id=event.desk_id,
        source_topic=event.topic,
        source_partition=event.partition,
        source_offset=event.log_offset,
        reason=event.reason,
        original=event.original,
        original_sha256=event.original_sha256,
        quarantined_at=event.decided_at,
    )


def _nonce(arrived: Arrived, event: answers.NonceResolved) -> NonceRow:
    return NonceRow(
        partition=arrived.partition,
        log_offset=arrived.offset,
        desk_id=event.desk_id,
        wallet_id=event.wallet_id,
        chain_id=event.chain_id,
        nonce=event.nonce,
        order_id=event.order_id,
        outcome=event.outcome,
        resolved_at=event.decided_at,
    )


def _refused_request(arrived: Arrived, event: answers.RequestRefused) -> RefusedRequestRow:
    return RefusedRequestRow(
        partition=arrived.partition,
        log_offset=arrived.offset,
        method=event.method,
        path=event.path,
        claimed_principal=event.claimed_principal,
        refusal=event.refusal.model_dump(mode="json"),
        body_sha256=event.body_sha256,
        received_at=event.received_at,
    )
