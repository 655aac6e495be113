"""The dashboard's pages. What a person decides on them is signed in their browser with their own key (`assets/deciding.js`)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Path as PathPart
from fastapi.responses import FileResponse

from projections.dashboard import rendering
from projections.dashboard.pages import breakers, keys, limits, orders, policies, proposals

_NAME: Final = "^(" + "|".join(rendering.ASSETS) + ")$"

router = APIRouter(include_in_schema=False)
for room in (orders, limits, breakers, policies, keys, proposals):
    router.include_router(room.router)


@router.get("/assets/{name}")
async def asset(name: Annotated[str, PathPart(pattern=_NAME)]) -> FileResponse:
    """The pages' style and scripts."""
    return rendering.asset(name)


__all__ = ["router"]
