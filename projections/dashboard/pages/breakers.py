"""Renders current and past breakers; lets a person trip a breaker and propose its reset."""

from __future__ import annotations

from typing import Final, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from projections.api.database import Reading
from projections.api.firm import breakers
from projections.dashboard.rendering import page, problem
from schemas.firm import BreakerScope

SCOPES: Final = get_args(BreakerScope)

router = APIRouter()


@router.get("/breakers")
async def breakers_page(reading: Reading) -> HTMLResponse:
    """All breakers that ever were tripped."""
    try:
        found = await breakers.breakers(reading, every=True)
    except HTTPException as missing:
        return problem(missing)
    return page("breakers.html", breakers=found.breakers, scopes=SCOPES)
