"""Remembers the orders that a processor has answered, so that a repeated input changes nothing. Pure.

The loop already skips an input whose offset was answered; this is for the same order under another offset. Memory and
snapshots stay small: the oldest orders are forgotten, and a repetition after so many others is refused by the hash chain,
whose next link it no longer is (architecture, rule 6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from schemas.values import OrderId

ORDERS_REMEMBERED_MAX: Final = 20_000
"""Per partition. About half a megabyte of a snapshot, which has to fit into one record."""


@dataclass(slots=True)
class AnsweredOrders:
    """The orders that were answered, oldest first."""

    orders: dict[OrderId, None] = field(default_factory=dict)

    def __contains__(self, order_id: OrderId) -> bool:
        """Return True if the order was answered."""
        return order_id in self.orders

    def add(self, order_id: OrderId) -> None:
        """Remember an order; forget the oldest beyond the bound."""
        self.orders[order_id] = None
        while len(self.orders) > ORDERS_REMEMBERED_MAX:
            del self.orders[next(iter(self.orders))]
