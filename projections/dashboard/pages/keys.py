"""Keys: where each is, how it stands, who holds shares of it; and proposing what is to be done with one."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Path as PathPart
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from projections.api import keys
from projections.api.database import Reading
from projections.dashboard.rendering import page, problem

THRESHOLD: Final = 3
ROTATE_AFTER_DAYS: Final = 365

router = APIRouter()


@router.get("/keys")
async def keys_page(reading: Reading) -> HTMLResponse:
    """All keys, all holders of shares, and a form to have a key made."""
    try:
        found = await keys.keys(reading)
    except HTTPException as missing:
        return problem(missing)
    return page("keys.html", keys=found.keys, cosigners=found.cosigners, threshold=THRESHOLD, days=ROTATE_AFTER_DAYS)


@router.get("/keys/{key_id:path}")
async def key_page(reading: Reading, key_id: Annotated[str, PathPart(max_length=keys.KEY_ID_CHARACTERS_MAX)]) -> HTMLResponse:
    """Show one key, its history, and the possible proposals."""
    try:
        found = await keys.key(reading, key_id)
    except HTTPException as missing:
        return problem(missing)
    return page("key.html", key=found)
