"""Finds the open order that a command names, and checks that it can still be changed."""

from __future__ import annotations

from schemas.values import DeskId, Instant, OrderId
from streams.rules.orders.state import DeskState, OpenOrder
from streams.rules.refusals import orders as refusals


def opened(state: DeskState, desk_id: DeskId, order_id: OrderId) -> OpenOrder:
    """Return the order, if it is open on that desk.

    Raises:
        OrderUnknown: it is not open there.
    """
    found = state.orders.get(order_id)
    if found is None or found.order.desk_id != desk_id:
        raise refusals.OrderUnknown(desk_id=desk_id, order_id=order_id)
    return found


def with_desk(state: DeskState, desk_id: DeskId, order_id: OrderId, now: Instant) -> OpenOrder:
    """Return the order, if it is open on that desk and not handed over.

    Raises:
        OrderUnknown, OrderElsewhere, OrderExpired: it is not open there, was handed over, or has expired.
    """
    found = opened(state, desk_id, order_id)
    if not found.with_desk:
        raise refusals.OrderElsewhere(order_id=order_id)
    if found.expires_at <= now:
        raise refusals.OrderExpired(order_id=order_id)
    return found


def waiting(state: DeskState, desk_id: DeskId, order_id: OrderId, now: Instant) -> OpenOrder:
    """Return the order, if it waits for approval.

    Raises:
        OrderUnknown, OrderElsewhere, OrderNotWaiting, OrderExpired: it does not wait for approval.
    """
    found = with_desk(state, desk_id, order_id, now)
    if found.stage != "waiting":
        raise refusals.OrderNotWaiting(order_id=order_id, stage=found.stage)
    return found
