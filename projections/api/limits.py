"""Limits and what is used of them at this moment."""

from __future__ import annotations

from fastapi import APIRouter

from projections.api.database import Database, Reading
from projections.api.shapes import Limits, LimitUse

router = APIRouter(prefix="/v1/limits", tags=["limits"])


@router.get("", summary="Limits in force and their use now")
async def list_limits(reading: Reading) -> Limits:
    """Every limit of the policy in force, for each whose it is."""
    return await limits(reading)


async def limits(reading: Database) -> Limits:
    """All limits in force."""
    return Limits(limits=await reading.records(LimitUse, "SELECT * FROM limits ORDER BY limit_id, scope_key"))
