"""The limit ledger: reserve before anything else, then post or release, once (architecture, rule 7)."""

from __future__ import annotations

from typing import Literal

from schemas.events.base import OrderEvent
from schemas.orders import ReservedAmount


class LimitReserved(OrderEvent):
    """All of an order's limits, held together."""

    reserved: list[ReservedAmount]


class LimitPosted(OrderEvent):
    """The order was confirmed: what it reserved counts in its windows from `decided_at` on."""

    posted: list[ReservedAmount]


class LimitReleased(OrderEvent):
    """The order ended without effect: what it reserved is free again."""

    released: list[ReservedAmount]
    reason: Literal["closed", "superseded"]


LedgerEvent = LimitReserved | LimitPosted | LimitReleased
"""Every change of a reservation."""
