"""Cancels an order, or splits it into parts.

A cancellation closes an order that is with the desk (it waits for approval, or its simulation was flagged). After the order
was handed to execution, a cancellation is a request beside the chain: the signer refuses the order from then on, and it closes
as cancelled; an order that was signed before goes on. No breaker stops a cancellation.

A split replaces the order by parts that add up to it exactly. Each part is judged in the same decision that releases the
order's reservation, so that no other order can take the released amounts. A breaker that stops a part refuses the split. Only
the initiator splits; any person of the desk may cancel, since cancelling moves nothing. Left out: transactions that are on the
chain, which cannot be called back.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.canonical import child_order_id
from schemas.commands import CancelOrder, SplitOrder
from schemas.events.base import Event
from schemas.events.lifecycle import CancellationRequested, OrderClosed
from schemas.events.limits import LimitReleased
from schemas.orders import Call, Order
from schemas.values import Instant, plain
from streams.rules.actions.effect import exact_sum
from streams.rules.limits.ledger import AccountKey, Adjustment, Ledger, Units, amounts
from streams.rules.orders.intake import Accepted
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.judging.judgement import judge
from streams.rules.orders.judging.verdict import initiated
from streams.rules.orders.state import DeskState, OpenOrder
from streams.rules.orders.steps.addressed_order import opened, with_desk
from streams.rules.orders.steps.outcomes import ended
from streams.rules.refusals import orders as refusals


def cancel(state: DeskState, accepted: Accepted, body: CancelOrder, now: Instant) -> tuple[Event, ...]:
    """Close an order, or request its cancellation.

    Raises:
        Refused: the order cannot be cancelled any more, or not by this sender.
    """
    command, sender = accepted.command, accepted.sender
    found = opened(state, command.desk_id, body.order_id)
    if not sender.is_person:
        _check_initiator(found, accepted, "cancel")
    if found.stage == "approved":
        return _requested(found, accepted)
    with_desk(state, command.desk_id, body.order_id, now)
    return ended(state, found, "cancelled", f"{command.principal}: {body.reason}", command)


def split(
    state: DeskState, accepted: Accepted, body: SplitOrder, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """Close an order as superseded, and judge each of its parts.

    Raises:
        Refused: the order cannot be split in this way.
    """
    command = accepted.command
    found = with_desk(state, command.desk_id, body.order_id, now)
    _check_initiator(found, accepted, "split")
    order, held = found.order, state.reserved(found.order)
    if isinstance(order.action, Call):
        raise refusals.CallIndivisible(order_id=order.order_id)
    total = exact_sum(body.amounts)
    if total != order.action.amount:
        raise refusals.AmountsDiffer(total=plain(total), amount=plain(order.action.amount))
    parts = [_part(order, index, amount) for index, amount in enumerate(body.amounts)]
    children = _initiate(accepted, parts, state.desk(order.desk_id).ledger, amounts(held), (circumstances, now))
    closed = OrderClosed(
        desk_id=order.desk_id,
        order_id=order.order_id,
        reason="superseded",
        message=f"split into {len(parts)} by {command.principal}",
        child_order_ids=[part.order_id for part in parts],
        command=command,
    )
    released = LimitReleased(desk_id=order.desk_id, order_id=order.order_id, released=held, reason="superseded")
    return (released, closed, *children)


def _requested(found: OpenOrder, accepted: Accepted) -> tuple[Event, ...]:
    if found.cancelled_by:
        raise refusals.CancelledAlready(order_id=found.order.order_id)
    order = found.order
    return (CancellationRequested(desk_id=order.desk_id, order_id=order.order_id, command=accepted.command),)


def _initiate(
    accepted: Accepted,
    parts: list[Order],
    ledger: Ledger,
    freed: dict[AccountKey, Units],
    moment: tuple[Circumstances, Instant],
) -> list[Event]:
    """Return the parts' events. Each part is judged with the order's reservation freed, and the earlier parts' taken.

    Raises:
        Refused: a part is impossible or has no value, or a breaker stops it.
    """
    circumstances, now = moment
    moved = {key: -amount for key, amount in freed.items()}
    events: list[Event] = []
    for part in parts:
        judgement = judge(part, ledger, circumstances, now, adjustment=Adjustment(moved=moved))
        for stop in judgement.stopped:
            raise stop
        events += initiated(accepted.command, judgement, circumstances, now)
        if judgement.outcome != "refused":
            for key, amount in amounts(judgement.reserved).items():
                moved[key] = moved.get(key, 0) + amount
    return events


def _part(order: Order, index: int, amount: Decimal) -> Order:
    return order.model_copy(
        update={
            "order_id": child_order_id(order.order_id, index),
            "parent_order_id": order.order_id,
            "action": order.action.model_copy(update={"amount": amount}),
        }
    )


def _check_initiator(found: OpenOrder, accepted: Accepted, verb: str) -> None:
    principal, initiator = accepted.command.principal, found.order.initiator
    if principal != initiator:
        raise refusals.NotYours(order_id=found.order.order_id, initiator=initiator, principal=principal, verb=verb)
