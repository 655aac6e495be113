"""Tracks signed transactions under way, so that they can be sent again when a chain loses them. Pure.

A node that is restarted forgets its pool, and a reorganisation takes back included transactions (architecture, rule 12).
Decides that a transaction is watched from its `Broadcast` until some time after its outcome. Its topics arrive in any
order between them, so each is taken in by itself. Leaves out the effect of a reorganisation on the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schemas.events.base import OrderEvent
from schemas.events.lifecycle import Broadcast, Confirmed, Reverted, Signed
from schemas.values import MICROS_PER_SECOND, Instant, OrderId

WATCHED_AFTER_SECONDS: Final = 120
"""Seconds after its outcome for which a transaction is watched: ten slots; people handle later reorganisations."""


@dataclass(slots=True)
class Flight:
    """The known facts of one order's transaction."""

    signed: Signed | None = None
    sent: bool = False
    settled_at: Instant | None = None


class PendingTransactions:
    """The transactions under way, by order."""

    def __init__(self) -> None:
        self._flights: dict[OrderId, Flight] = {}

    def accept(self, event: OrderEvent, now: Instant) -> None:
        """Take in one event, also a repeated one."""
        flight = self._flights.setdefault(event.order_id, Flight())
        match event:
            case Signed():
                flight.signed = event
            case Broadcast():
                flight.sent = True
            case Confirmed() | Reverted():
                flight.settled_at = event.decided_at
        self._drop_if_landed(event.order_id, flight, now)

    def under_way(self, now: Instant) -> Iterator[Signed]:
        """Return sent transactions that are still watched."""
        for order_id, flight in list(self._flights.items()):
            if flight.signed is not None and flight.sent and not self._drop_if_landed(order_id, flight, now):
                yield flight.signed

    def _drop_if_landed(self, order_id: OrderId, flight: Flight, now: Instant) -> bool:
        """Forget a transaction whose facts are complete and whose time is over."""
        if flight.signed is None or not flight.sent or flight.settled_at is None:
            return False
        if now - flight.settled_at <= WATCHED_AFTER_SECONDS * MICROS_PER_SECOND:
            return False
        del self._flights[order_id]
        return True
