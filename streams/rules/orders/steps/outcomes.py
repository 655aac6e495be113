"""Ends, holds or confirms an order after the events of execution, the signer and settlement, and at its expiry.

A reservation is resolved once: posted when the order was confirmed, released when it ended without effect (architecture, rule
7). Late or duplicate events are ignored: their order is no longer in the stage that they need.
"""

from __future__ import annotations

from typing import Final, Literal

from schemas.commands import Command
from schemas.events.base import OrderEvent
from schemas.events.lifecycle import Confirmed, OrderClosed, OrderHeld, Reverted, SigningRefused, Simulated
from schemas.events.limits import LimitPosted, LimitReleased
from schemas.values import MICROS_PER_SECOND, TEXT_CHARACTERS_MAX, Instant
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.lifecycle import Stage
from streams.rules.orders.state import DeskState, OpenOrder

EXPIRIES_MAX: Final = 100
"""The most orders that one look at the clock closes; the next look, at most a tick later, closes the next."""

Reason = Literal["declined", "expired", "cancelled", "reverted", "signing-refused", "rejected"]


def ended(
    state: DeskState, found: OpenOrder, reason: Reason, message: str, command: Command | None = None
) -> tuple[OrderEvent, ...]:
    """Return the end of an order that holds a reservation: released, then closed."""
    order = found.order
    return (
        LimitReleased(desk_id=order.desk_id, order_id=order.order_id, released=state.reserved(order), reason="closed"),
        OrderClosed(
            desk_id=order.desk_id,
            order_id=order.order_id,
            reason=reason,
            message=message[:TEXT_CHARACTERS_MAX],
            command=command,
        ),
    )


def flagged(state: DeskState, event: Simulated, circumstances: Circumstances, now: Instant) -> tuple[OrderEvent, ...]:
    """Hold an order whose simulation was flagged, or close it if its cancellation was requested.

    The signer decides on a simulation that passed.
    """
    found = _in_stage(state, event, "approved")
    if found is None or event.verdict == "passed":
        return ()
    if found.cancelled_by:
        return _cancelled(state, found)
    return (
        OrderHeld(
            desk_id=event.desk_id,
            order_id=event.order_id,
            reason="flagged",
            findings=event.findings,
            expires_at=now + circumstances.settings.order_ttl_seconds * MICROS_PER_SECOND,
        ),
    )


def not_signed(state: DeskState, event: SigningRefused) -> tuple[OrderEvent, ...]:
    """Close the order that the signer refused; as cancelled, if its cancellation was requested."""
    found = _in_stage(state, event, "approved")
    if found is None:
        return ()
    if found.cancelled_by:
        return _cancelled(state, found)
    return ended(state, found, "signing-refused", f"{event.refusal.check}: {event.refusal.message}")


def _cancelled(state: DeskState, found: OpenOrder) -> tuple[OrderEvent, ...]:
    return ended(state, found, "cancelled", f"{found.cancelled_by}: taken back before it was signed")


def reverted(state: DeskState, event: Reverted) -> tuple[OrderEvent, ...]:
    """Close the order: its transaction reverted on chain, at the required depth, and moved nothing."""
    found = _in_stage(state, event, "approved")
    message = f"transaction {event.transaction_hash} failed in block {event.block_number}"
    return () if found is None else ended(state, found, "reverted", message)


def confirmed(state: DeskState, event: Confirmed) -> tuple[OrderEvent, ...]:
    """Post the reservation: the transaction succeeded, at the required depth."""
    found = _in_stage(state, event, "approved")
    if found is None:
        return ()
    return (LimitPosted(desk_id=event.desk_id, order_id=event.order_id, posted=state.reserved(found.order)),)


def expired(state: DeskState, now: Instant) -> tuple[OrderEvent, ...]:
    """Close expired orders that wait for approval or are flagged, in the order in which they expired."""
    if not state.expiries or state.expiries[0][0] > now:
        return ()
    due = sorted(entry for entry in set(state.expiries) if entry[0] <= now and state.expires(entry[1], entry[0]))
    return tuple(event for _, order_id in due[:EXPIRIES_MAX] for event in _expiry(state, state.orders[order_id]))


def _expiry(state: DeskState, found: OpenOrder) -> tuple[OrderEvent, ...]:
    message = "flagged, and neither split nor cancelled in time" if found.stage == "held" else "not approved in time"
    return ended(state, found, "expired", message)


def _in_stage(state: DeskState, event: OrderEvent, stage: Stage) -> OpenOrder | None:
    """Return the order of `event`, if it is of that desk and in that stage."""
    found = state.orders.get(event.order_id)
    return found if found is not None and found.stage == stage and found.order.desk_id == event.desk_id else None
