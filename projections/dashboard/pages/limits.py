"""Every limit in force, what is left of it, and what will be free when."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from projections.api import limits
from projections.api.database import Reading
from projections.dashboard import wording
from projections.dashboard.rendering import page, problem

router = APIRouter()


@router.get("/limits")
async def limits_page(reading: Reading) -> HTMLResponse:
    """All limits, as the policy names them."""
    try:
        used = await limits.limits(reading)
    except HTTPException as found:
        return problem(found)
    return page("limits.html", bars=[wording.Bar.of(each) for each in used.limits])
