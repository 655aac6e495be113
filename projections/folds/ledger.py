"""Folds orders' use of their limits: reserve, then post or release (architecture, rule 7).

The ledger keeps each hold's last state and since when; how much of a limit is used now is a question to the table (a window
moves on by itself), answered by the view `limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, assert_never

from schemas.events.base import OrderEvent
from schemas.events.limits import LedgerEvent, LimitPosted, LimitReleased, LimitReserved
from schemas.orders import ReservedAmount
from schemas.values import Instant


class HoldKey(NamedTuple):
    """Whose part of which limit."""

    order_id: str
    limit_id: str
    scope_key: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A row of `reservations`. Fields are its columns, in their order."""

    order_id: str
    limit_id: str
    scope_key: str
    amount_usd: Decimal
    orders: int
    """Of a limit that counts orders; else 0."""
    state: Literal["reserved", "posted", "released"]
    since: Instant

    @property
    def key(self) -> HoldKey:
        """The row's primary key."""
        return HoldKey(self.order_id, self.limit_id, self.scope_key)


def holds_of(event: OrderEvent) -> tuple[Hold, ...]:
    """The holds as `event` leaves them; none when it is no event of the ledger."""
    if not isinstance(event, LedgerEvent):
        return ()
    match event:
        case LimitReserved():
            return _holds(event, event.reserved, "reserved")
        case LimitPosted():
            return _holds(event, event.posted, "posted")
        case LimitReleased():
            return _holds(event, event.released, "released")
        case _ as unknown:
            assert_never(unknown)


def _holds(
    event: OrderEvent, amounts: list[ReservedAmount], state: Literal["reserved", "posted", "released"]
) -> tuple[Hold, ...]:
    return tuple(
        Hold(event.order_id, each.limit_id, each.scope_key, each.amount_usd, each.count, state, event.decided_at)
        for each in amounts
    )
