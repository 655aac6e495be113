"""Orders and their timelines."""

from __future__ import annotations

from typing import Annotated, Final, LiteralString
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from projections.api import cursors
from projections.api.database import Database, Reading
from projections.api.shapes import Link, Order, Orders, Timeline

PAGE_ORDERS: Final = 50
PAGE_ORDERS_MAX: Final = 200
FILTER_CHARACTERS_MAX: Final = 63

router = APIRouter(prefix="/v1/orders", tags=["orders"])

Filter = Annotated[str | None, Query(max_length=FILTER_CHARACTERS_MAX)]

_PAGE: Final[LiteralString] = """
    SELECT * FROM shown_orders
    WHERE (%(desk)s::text IS NULL OR desk_id = %(desk)s) AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (created_at, order_id) < (%(created_at)s, %(order_id)s::uuid)
    ORDER BY created_at DESC, order_id DESC LIMIT %(limit)s
"""
_TIMELINE: Final[LiteralString] = """
    SELECT e.*, e.sequence <= coalesce(o.tail_sequence, 0) AS verified, o.chain_broken
    FROM order_events AS e LEFT JOIN orders AS o USING (order_id)
    WHERE e.order_id = %s ORDER BY e.sequence, e.topic, e.log_offset
"""


@router.get("", summary="Orders, newest first")
async def list_orders(
    reading: Reading,
    desk: Filter = None,
    state: Filter = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_ORDERS_MAX)] = PAGE_ORDERS,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
) -> Orders:
    """A page of orders, of one desk or in one state if asked."""
    return await page(reading, desk=desk, state=state, limit=limit, cursor=cursor)


@router.get("/{order_id}", summary="One order")
async def show_order(reading: Reading, order_id: UUID) -> Order:
    """An order as its verified links leave it; 404 if none has arrived."""
    return await order(reading, str(order_id))


@router.get("/{order_id}/events", summary="An order's timeline, each event with its hash")
async def show_events(reading: Reading, order_id: UUID) -> Timeline:
    """Everything that the log holds of an order."""
    return await timeline(reading, str(order_id))


async def page(reading: Database, *, desk: str | None, state: str | None, limit: int, cursor: str | None) -> Orders:
    """A page of orders.

    Raises:
        HTTPException: 422, the cursor is none.
    """
    created_at, order_id = cursors.read(cursor) if cursor else cursors.BEFORE_ALL
    found = await reading.records(
        Order,
        _PAGE,
        {"desk": desk, "state": state, "created_at": created_at, "order_id": order_id, "limit": limit + 1},
    )
    orders = found[:limit]
    last = orders[-1] if len(found) > limit else None
    return Orders(orders=orders, next_cursor=None if last is None else cursors.write((last.created_at, last.order_id)))


async def order(reading: Database, order_id: str) -> Order:
    """One order.

    Raises:
        HTTPException: 404, there is none of this id.
    """
    found = await reading.records(Order, "SELECT * FROM shown_orders WHERE order_id = %s", (order_id,))
    if not found:
        raise HTTPException(404, f"no order {order_id} is known here; one that was just accepted appears within a second")
    return found[0]


async def timeline(reading: Database, order_id: str) -> Timeline:
    """All that the log holds of an order.

    Raises:
        HTTPException: 404, nothing.
    """
    rows = await reading.fetch(_TIMELINE, (order_id,))
    if not rows:
        raise HTTPException(404, f"no event of an order {order_id} is known here")
    links = [Link.model_validate(row) for row in rows]
    return Timeline(order_id=order_id, chain_broken=rows[0]["chain_broken"], links=links)
