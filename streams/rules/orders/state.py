"""Defines a desk's state: the fold of its own events, and of nothing else (architecture, rule 2).

Keeps open orders, the use of limits within their windows, the ids of commands (`memory`), and the last counter of each FIDO2
key. Closed and confirmed orders are dropped. Left out: governance and prices, which come by value with each input.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.hash_chain import Link
from schemas.orders import Order, ReservedAmount
from schemas.values import DeskId, Instant, OrderId, PrincipalId, Sha256
from streams.rules.access.sender import Given
from streams.rules.limits.ledger import Ledger
from streams.rules.orders.command_ids import Memory
from streams.rules.orders.lifecycle import Stage, is_with_desk


@dataclass(slots=True)
class OpenOrder:
    """An order that has neither closed nor been confirmed."""

    order: Order
    link: Link
    """The last link that the desk itself wrote."""
    stage: Stage = "initiated"
    expires_at: Instant = 0
    requires: list[str] = field(default_factory=list)
    """Quorums that are not met yet."""
    approval_hash: Sha256 | None = None
    """The hash that an approval must name."""
    approvals: list[Given] = field(default_factory=list)
    cancelled_by: PrincipalId | None = None
    """The principal who requested its cancellation after it was handed to execution."""

    @property
    def with_desk(self) -> bool:
        """Return True if only the desk may append to the order now, so that it can be cancelled or split."""
        return is_with_desk(self.stage)


@dataclass(slots=True)
class Desk:
    """One desk's state apart from its orders."""

    ledger: Ledger = field(default_factory=Ledger)
    counters: dict[str, int] = field(default_factory=dict)
    """Per FIDO2 credential id, the highest counter it has shown to this desk."""


@dataclass(slots=True)
class DeskState:
    """All desks of one partition."""

    desks: dict[DeskId, Desk] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    orders: dict[OrderId, OpenOrder] = field(default_factory=dict)
    expiries: list[tuple[Instant, OrderId]] = field(default_factory=list)
    """A heap of expiries; its first entry is always of an order that can still expire."""

    def desk(self, desk_id: DeskId) -> Desk:
        """Return the desk's state; an empty one before its first event. Do not change it."""
        return self.desks.get(desk_id) or Desk()

    def expires(self, order_id: OrderId, at: Instant) -> bool:
        """Return True if the order can still expire at that instant."""
        found = self.orders.get(order_id)
        return found is not None and found.with_desk and found.expires_at == at

    def reserved(self, order: Order) -> list[ReservedAmount]:
        """Return the amounts of limits that an open order holds."""
        return self.desk(order.desk_id).ledger.held[order.order_id]
