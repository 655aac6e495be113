"""The dashboard's pages.

Everything that is shown may come from outside (a memo, a refused request's words), so every value is escaped by the templates
and the Content-Security-Policy lets a page run this origin's script and nothing else. Left out: acting. Approvals are given
with a person's own key (see `proofdesk approval give`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from projections.api import limits, orders, rejections
from projections.api.database import Reading
from projections.dashboard import wording
from projections.folds.orders import AWAITING_APPROVAL

FOLDER: Final = Path(__file__).parent
PAGE_ORDERS: Final = 50
WAITING_ORDERS_MAX: Final = 20
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= wording.FILTERS

router = APIRouter(include_in_schema=False)

Filter = Annotated[str, Query(max_length=orders.FILTER_CHARACTERS_MAX)]


@router.get("/")
async def overview(
    reading: Reading, desk: Filter = "", state: Filter = "", cursor: Annotated[str, Query(max_length=120)] = ""
) -> HTMLResponse:
    """Orders, approvals that are waited for, limits and refusals."""
    try:
        shown = await orders.page(reading, desk=desk or None, state=state or None, limit=PAGE_ORDERS, cursor=cursor or None)
        waiting = await orders.page(reading, desk=desk or None, state=AWAITING_APPROVAL, limit=WAITING_ORDERS_MAX, cursor=None)
        used = await limits.limits(reading)
        refused = await rejections.recent(reading)
    except HTTPException as problem:
        return _problem(problem)
    return _page(
        "overview.html",
        desk=desk,
        state=state,
        orders=shown.orders,
        next_cursor=shown.next_cursor,
        waiting=waiting.orders,
        limits=[wording.Bar.of(each) for each in used.limits],
        rejections=refused,
    )


@router.get("/orders/{order_id}")
async def order_page(reading: Reading, order_id: UUID) -> HTMLResponse:
    """One order with every link of its chain."""
    try:
        timeline = await orders.timeline(reading, str(order_id))
        order = await orders.order(reading, str(order_id))
    except HTTPException as problem:
        return _problem(problem)
    return _page("order.html", order=order, timeline=timeline)


@router.get("/assets/dashboard.css")
async def style() -> FileResponse:
    """The pages' style."""
    return FileResponse(FOLDER / "assets" / "dashboard.css", media_type="text/css", headers=HEADERS)


@router.get("/assets/dashboard.js")
async def script() -> FileResponse:
    """What refreshes the pages."""
    return FileResponse(FOLDER / "assets" / "dashboard.js", media_type="text/javascript", headers=HEADERS)


@router.get("/assets/mark.svg")
async def mark() -> FileResponse:
    """What a browser's tab shows."""
    return FileResponse(FOLDER / "assets" / "mark.svg", media_type="image/svg+xml", headers=HEADERS)


def _page(template: str, **values: Any) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), values.get("status", 200), HEADERS)


def _problem(problem: HTTPException) -> HTMLResponse:
    return _page("problem.html", status=problem.status_code, detail=problem.detail)
