"""What a command led to, from the events that name it as their cause, in whatever order they arrived. Pure.

The desk answers a command in one transaction, over several topics. An event answers a command if it holds the very command
(compared by what its sender signed), or follows from such an event; a rejection answers the one record whose hash it names.
So two different commands under one id are never given each other's answers.
Left out: how events are come by (`commands.log.tail` from Kafka, `commands.intake.earlier` from the read side).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from commands.answers import OrderAnswer
from schemas import canonical, wire
from schemas.commands import CancelOrder, Command, DeclineApproval, GiveApproval, InitiateOrder, SplitOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import (
    ApprovalDeclined,
    ApprovalGiven,
    Approved,
    OrderClosed,
    OrderInitiated,
    PolicyEvaluated,
)
from schemas.hash_chain import digest_of
from schemas.topics import TOPIC_OF
from schemas.values import OrderId, Record, Sha256

ANSWER_RECORDS: Final[tuple[type[Record], ...]] = (
    OrderInitiated,
    PolicyEvaluated,
    ApprovalGiven,
    ApprovalDeclined,
    Approved,
    OrderClosed,
    CommandRejected,
)
ANSWER_TOPICS: Final = tuple(TOPIC_OF[record].name for record in ANSWER_RECORDS)
"""Where answers to commands stand."""

_STATE_OF_OUTCOME: Final = {"allowed": "approved", "needs-approval": "awaiting-approval", "refused": "rejected"}

Outcome = OrderAnswer | CommandRejected


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as it goes onto the log."""

    command: Command
    value: bytes
    content: Sha256
    """Hex of what the sender signed."""
    record_hash: Sha256
    """SHA-256 of `value`: what a rejection names."""

    @property
    def order_id(self) -> OrderId:
        """The order that it is about, or that it would initiate."""
        body = self.command.body
        if isinstance(body, InitiateOrder):
            return canonical.order_id(self.command.desk_id, self.command.command_id)
        return body.order_id


def asked(command: Command) -> Asked:
    """`command` with its bytes and hashes."""
    value = wire.encode(command)
    return Asked(command, value, canonical.command_digest(command).hex(), digest_of(value))


def cause_of(event: Event) -> str:
    """The id of the command that an event may answer."""
    return event.command_id if isinstance(event, CommandRejected) else event.causation_id


def outcome_of(asked: Asked, events: Sequence[Event]) -> Outcome | None:
    """The answer to `asked`, from events that name its id as their cause; None while something is missing."""
    for event in events:
        if isinstance(event, CommandRejected) and event.command_hash == asked.record_hash:
            return event
    orders = [event for event in events if isinstance(event, OrderEvent) and event.desk_id == asked.command.desk_id]
    match asked.command.body:
        case InitiateOrder():
            return _initiated(asked, asked.order_id, orders)
        case GiveApproval():
            return _approved(asked, orders)
        case DeclineApproval():
            return _closed(asked, orders) if _holds_command(asked, ApprovalDeclined, orders) else None
        case CancelOrder():
            return _closed(asked, orders) if _holds_command(asked, OrderClosed, orders) else None
        case SplitOrder():
            return _split(asked, orders)


def spent_otherwise(asked: Asked, events: Iterable[Event]) -> bool:
    """Whether the id of `asked` was used for a command with another content, which an event of that command shows."""
    held = (getattr(event, "command", None) for event in events)
    return any(
        isinstance(command, Command)
        and command.command_id == asked.command.command_id
        and canonical.command_digest(command).hex() != asked.content
        for command in held
    )


def _holds_command(asked: Asked, record: type[OrderEvent], events: Iterable[OrderEvent]) -> bool:
    """Whether an event of this kind, on the order that is asked about, holds the very command."""
    for event in events:
        if type(event) is record and event.order_id == asked.order_id:
            command = getattr(event, "command", None)
            if isinstance(command, Command) and canonical.command_digest(command).hex() == asked.content:
                return True
    return False


def _initiated(asked: Asked, order_id: OrderId, events: Sequence[OrderEvent]) -> OrderAnswer | None:
    """An order that the command brought about, once policy has spoken."""
    initiated = evaluated = None
    for event in events:
        if event.order_id != order_id:
            continue
        if isinstance(event, OrderInitiated) and canonical.command_digest(event.command).hex() == asked.content:
            initiated = event
        if isinstance(event, PolicyEvaluated):
            evaluated = event
    if initiated is None or evaluated is None:
        return None
    order = initiated.order
    return _evaluated(asked, evaluated).model_copy(
        update={
            "wallet_id": order.wallet_id,
            "initiator": order.initiator,
            "action": order.action,
            "memo": order.memo,
            "parent_order_id": order.parent_order_id,
        }
    )


def _evaluated(asked: Asked, event: PolicyEvaluated) -> OrderAnswer:
    return OrderAnswer(
        order_id=event.order_id,
        desk_id=event.desk_id,
        command_id=asked.command.command_id,
        state=_STATE_OF_OUTCOME[event.outcome],
        message="; ".join(f"{refusal.check}: {refusal.message}" for refusal in event.refusals),
        amount_usd=event.facts.amount_usd,
        outcome=event.outcome,
        requires=tuple(event.requires),
        rules=tuple(event.rules),
        refusals=tuple(event.refusals),
        approval_hash=event.approval_hash,
        approval_subject=event.approval_subject,
        expires_at=event.expires_at,
    )


def _approved(asked: Asked, events: Sequence[OrderEvent]) -> OrderAnswer | None:
    """The order after an approval that counted: handed over, still waiting for others, or refused after all."""
    if not _holds_command(asked, ApprovalGiven, events):
        return None
    for event in events:
        if event.order_id != asked.order_id:
            continue
        if isinstance(event, Approved):
            return OrderAnswer(
                order_id=event.order_id,
                desk_id=event.desk_id,
                command_id=asked.command.command_id,
                state="approved",
                amount_usd=event.facts.amount_usd,
                outcome="allowed",
                rules=tuple(event.rules),
            )
        if isinstance(event, PolicyEvaluated):
            return _evaluated(asked, event)
    return None


def _closed(asked: Asked, events: Sequence[OrderEvent]) -> OrderAnswer | None:
    for event in events:
        if isinstance(event, OrderClosed) and event.order_id == asked.order_id:
            return OrderAnswer(
                order_id=event.order_id,
                desk_id=event.desk_id,
                command_id=asked.command.command_id,
                state=event.reason,
                message=event.message,
            )
    return None


def _split(asked: Asked, events: Sequence[OrderEvent]) -> OrderAnswer | None:
    """The order superseded, with every part judged."""
    if not _holds_command(asked, OrderClosed, events):
        return None
    closed = next(event for event in events if isinstance(event, OrderClosed) and event.order_id == asked.order_id)
    parts = [_initiated(asked, child, events) for child in closed.child_order_ids]
    judged = [part for part in parts if part is not None]
    answer = _closed(asked, events)
    if answer is None or len(judged) < len(parts):
        return None
    return answer.model_copy(update={"children": tuple(judged)})
