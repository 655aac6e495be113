"""Serves tripped breakers."""

from __future__ import annotations

from typing import Annotated, Final, LiteralString

from fastapi import APIRouter, Query

from projections.api.database import Database, Reading
from projections.api.firm.shapes import Breaker, Breakers

router = APIRouter(prefix="/breakers")

_BREAKERS: Final[LiteralString] = """
    SELECT * FROM breakers WHERE %s OR state <> 'closed'
    ORDER BY array_position(ARRAY['open', 'reducing', 'closed'], state), changed_at DESC, scope, subject
"""


@router.get("", summary="Breakers that are tripped")
async def list_breakers(
    reading: Reading, *, every: Annotated[bool, Query(alias="all", description="Also those that were reset.")] = False
) -> Breakers:
    """Anything that is not listed is not stopped."""
    return await breakers(reading, every=every)


async def breakers(reading: Database, *, every: bool) -> Breakers:
    """Breakers that are tripped; `every`: also those that were."""
    return Breakers(breakers=await reading.records(Breaker, _BREAKERS, (every,)))
