"""Derives the outcome of a command to a desk, which answers in one transaction over several topics. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from commands.answers import OrderAnswer, TrialAnswer
from commands.outcomes.sent_command import SentCommand
from schemas.commands import (
    CancelOrder,
    DeclineApproval,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    TryOrder,
    WithdrawApproval,
)
from schemas.events.answers import CommandRejected, OrderTried
from schemas.events.base import DeskEvent, Event
from schemas.events.lifecycle import (
    ApprovalDeclined,
    ApprovalGiven,
    ApprovalWithdrawn,
    CancellationRequested,
    OrderClosed,
    OrderInitiated,
    PolicyEvaluated,
)
from schemas.values import OrderId, Record
from streams.rules.orders.lifecycle import settled

ANSWER_RECORDS: Final[tuple[type[Record], ...]] = (
    OrderInitiated,
    PolicyEvaluated,
    ApprovalGiven,
    ApprovalDeclined,
    ApprovalWithdrawn,
    CancellationRequested,
    OrderClosed,
    OrderTried,
    CommandRejected,
)

APPROVAL_WITHDRAWN: Final = "approval-withdrawn"
CANCELLATION_REQUESTED: Final = "cancellation-requested"

E = TypeVar("E", bound=DeskEvent)

OrderOutcome = OrderAnswer | TrialAnswer | CommandRejected


def answer_of(asked: SentCommand, events: Sequence[Event]) -> OrderAnswer | TrialAnswer | None:
    """Return the answer to `asked` other than a rejection; None while an event is missing."""
    heard = [event for event in events if isinstance(event, DeskEvent) and event.desk_id == asked.command.desk_id]
    match asked.command.body:
        case InitiateOrder():
            answer: OrderAnswer | TrialAnswer | None = _initiated(asked, asked.order_id, heard)
        case TryOrder():
            answer = _tried(asked, heard)
        case GiveApproval():
            answer = _evaluated(asked, asked.order_id, heard) if _holding(asked, ApprovalGiven, heard) else None
        case DeclineApproval():
            answer = _closed(asked, heard) if _holding(asked, ApprovalDeclined, heard) else None
        case WithdrawApproval():
            answer = _withdrawn(asked, heard)
        case CancelOrder():
            answer = _cancelled(asked, heard)
        case SplitOrder():
            answer = _split(asked, heard)
    return answer


def _holding(asked: SentCommand, record: type[E], events: Sequence[DeskEvent]) -> E | None:
    """Return the event of this kind on the command's order that holds the command itself."""
    for event in events:
        if isinstance(event, record) and getattr(event, "order_id", None) == asked.order_id and asked.is_held_by(event):
            return event
    return None


def _initiated(asked: SentCommand, order_id: OrderId, events: Sequence[DeskEvent]) -> OrderAnswer | None:
    """An order that the command brought about, once policy has spoken."""
    initiated = next(
        (e for e in events if isinstance(e, OrderInitiated) and e.order_id == order_id and asked.is_held_by(e)), None
    )
    judged = _evaluated(asked, order_id, events)
    if initiated is None or judged is None:
        return None
    order = initiated.order
    return judged.model_copy(
        update={
            "wallet_id": order.wallet_id,
            "initiator": order.initiator,
            "action": order.action,
            "memo": order.memo,
            "parent_order_id": order.parent_order_id,
        }
    )


def _evaluated(asked: SentCommand, order_id: OrderId, events: Sequence[DeskEvent]) -> OrderAnswer | None:
    """Return the policy's outcome for the order: handed over, waiting for (more) approvals, or refused."""
    event = next((e for e in events if isinstance(e, PolicyEvaluated) and e.order_id == order_id), None)
    if event is None:
        return None
    return OrderAnswer(
        order_id=event.order_id,
        desk_id=event.desk_id,
        command_id=asked.command.command_id,
        state=settled(event.outcome),
        message="; ".join(f"{refusal.check}: {refusal.message}" for refusal in event.refusals),
        amount_usd=event.facts.amount_usd,
        outcome=event.outcome,
        requires=tuple(event.requires),
        unmet=tuple(event.unmet),
        rules=tuple(event.rules),
        refusals=tuple(event.refusals),
        approval_hash=event.approval_hash,
        approval_subject=event.approval_subject,
        expires_at=event.expires_at,
    )


def _tried(asked: SentCommand, events: Sequence[DeskEvent]) -> TrialAnswer | None:
    """Return the decision that a trial order would get."""
    event = next((e for e in events if isinstance(e, OrderTried) and asked.is_held_by(e)), None)
    if event is None:
        return None
    return TrialAnswer(
        desk_id=event.desk_id,
        command_id=asked.command.command_id,
        outcome=event.outcome,
        amount_usd=None if event.facts is None else event.facts.amount_usd,
        requires=tuple(event.requires),
        unmet=tuple(event.unmet),
        rules=tuple(event.rules),
        refusals=tuple(event.refusals),
        facts=event.facts,
    )


def _withdrawn(asked: SentCommand, events: Sequence[DeskEvent]) -> OrderAnswer | None:
    """The order without the approval that was taken back."""
    event = _holding(asked, ApprovalWithdrawn, events)
    return None if event is None else _left(asked, APPROVAL_WITHDRAWN, event.reason)


def _cancelled(asked: SentCommand, events: Sequence[DeskEvent]) -> OrderAnswer | None:
    """The order closed; or, when it was handed over already, never to be signed from here on."""
    if _holding(asked, CancellationRequested, events) is not None:
        return _left(asked, CANCELLATION_REQUESTED, "it was handed over already: the signer is told to refuse it")
    return None if _holding(asked, OrderClosed, events) is None else _closed(asked, events)


def _closed(asked: SentCommand, events: Sequence[DeskEvent]) -> OrderAnswer | None:
    for event in events:
        if isinstance(event, OrderClosed) and event.order_id == asked.order_id:
            return _left(asked, event.reason, event.message)
    return None


def _split(asked: SentCommand, events: Sequence[DeskEvent]) -> OrderAnswer | None:
    """The order superseded, with every part judged."""
    closed = _holding(asked, OrderClosed, events)
    if closed is None:
        return None
    parts = [_initiated(asked, child, events) for child in closed.child_order_ids]
    judged = [part for part in parts if part is not None]
    if len(judged) < len(parts):
        return None
    return _left(asked, closed.reason, closed.message).model_copy(update={"children": tuple(judged)})


def _left(asked: SentCommand, state: str, message: str) -> OrderAnswer:
    """The order as the command has left it, when it was not judged anew."""
    command = asked.command
    return OrderAnswer(
        order_id=asked.order_id, desk_id=command.desk_id, command_id=command.command_id, state=state, message=message
    )
