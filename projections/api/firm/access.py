"""Serves access rights."""

from __future__ import annotations

from fastapi import APIRouter

from projections.api.database import Reading
from projections.api.firm.shapes import Principal, Principals

router = APIRouter(prefix="/access")


@router.get("", summary="People and systems, with all their rights")
async def list_access(reading: Reading) -> Principals:
    """Everybody that governance knows, by name."""
    return Principals(principals=await reading.records(Principal, "SELECT * FROM principals ORDER BY principal"))
