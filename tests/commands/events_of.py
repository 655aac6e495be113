"""Makes a desk's answers by hand, for tests that need no desk."""

from __future__ import annotations

from schemas import wire
from schemas.canonical import child_order_id
from schemas.commands import Command, InitiateOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event, Refusal
from schemas.events.lifecycle import Approved, OrderClosed, OrderInitiated, PolicyEvaluated
from schemas.examples import example
from schemas.hash_chain import digest_of
from schemas.orders import Order
from schemas.values import OrderId


def initiated(command: Command, order_id: OrderId, outcome: str = "allowed") -> list[Event]:
    """An order taken in and judged because of `command`."""
    body = command.body
    order = example(Order)
    if isinstance(body, InitiateOrder):
        order = order.model_copy(update={"wallet_id": body.wallet_id, "action": body.action, "memo": body.memo})
    order = order.model_copy(update={"order_id": order_id, "desk_id": command.desk_id, "initiator": command.principal})
    common = {"desk_id": command.desk_id, "order_id": order_id, "causation_id": command.command_id}
    events: list[Event] = [
        example(OrderInitiated).model_copy(update={**common, "order": order, "command": command}),
        example(PolicyEvaluated).model_copy(update={**common, "outcome": outcome}),
    ]
    if outcome == "allowed":
        events.append(example(Approved).model_copy(update={**common, "order": order}))
    return events


def split(command: Command, order_id: OrderId, parts: int) -> list[Event]:
    """An order superseded by parts, each judged."""
    children = [child_order_id(order_id, index) for index in range(parts)]
    closed = example(OrderClosed).model_copy(
        update={
            "desk_id": command.desk_id,
            "order_id": order_id,
            "causation_id": command.command_id,
            "reason": "superseded",
            "child_order_ids": children,
            "command": command,
        }
    )
    return [closed, *(event for child in children for event in initiated(command, child))]


def rejected(command: Command, check: str = "asset-unknown", *, spent: bool = True) -> CommandRejected:
    """The refusal of exactly `command`."""
    return example(CommandRejected).model_copy(
        update={
            "desk_id": command.desk_id,
            "command_id": command.command_id,
            "causation_id": command.command_id,
            "principal": command.principal,
            "refusal": Refusal(check=check, message="it cannot be done", remedy="do something else"),
            "command_hash": digest_of(wire.encode(command)),
            "content_hash": "ab" * 32 if spent else None,
        }
    )
