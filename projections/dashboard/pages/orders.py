"""Orders, what waits for approval, and one order with every link of its chain."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from projections.api import keys, limits, orders, rejections
from projections.api.database import Reading
from projections.api.firm import breakers, proposals
from projections.dashboard import wording
from projections.dashboard.rendering import page, problem
from projections.folds.orders import AWAITING_APPROVAL

PAGE_ORDERS: Final = 50
WAITING_ORDERS_MAX: Final = 20

router = APIRouter()

Filter = Annotated[str, Query(max_length=orders.FILTER_CHARACTERS_MAX)]


@router.get("/")
async def overview(
    reading: Reading, desk: Filter = "", state: Filter = "", cursor: Annotated[str, Query(max_length=120)] = ""
) -> HTMLResponse:
    """Show tripped breakers, waiting orders and proposals, keys that are due, the fullest limits, orders and refusals."""
    try:
        shown = await orders.page(reading, desk=desk or None, state=state or None, limit=PAGE_ORDERS, cursor=cursor or None)
        waiting = await orders.page(reading, desk=desk or None, state=AWAITING_APPROVAL, limit=WAITING_ORDERS_MAX, cursor=None)
        used = await limits.limits(reading)
        stopped = await breakers.breakers(reading, every=False)
        proposed = await proposals.proposals(reading, state=proposals.OPEN)
        refused = await rejections.recent(reading)
        known = await keys.keys(reading)
    except HTTPException as found:
        return problem(found)
    return page(
        "overview.html",
        desk=desk,
        state=state,
        orders=shown.orders,
        next_cursor=shown.next_cursor,
        waiting=waiting.orders,
        breakers=stopped.breakers,
        proposals=proposed.proposals,
        due=[each for each in known.keys if each.rotation_due and each.rotate_at is not None],
        bars=wording.fullest(used.limits),
        limits=len(used.limits),
        rejections=refused,
    )


@router.get("/orders/{order_id}")
async def order_page(reading: Reading, order_id: UUID) -> HTMLResponse:
    """One order."""
    try:
        timeline = await orders.timeline(reading, str(order_id))
        order = await orders.order(reading, str(order_id))
    except HTTPException as found:
        return problem(found)
    return page("order.html", order=order, timeline=timeline)
