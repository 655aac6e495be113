"""Serves the refusals that senders received."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from projections.api.database import Database, Reading
from projections.api.shapes import Rejection

RECENT_REJECTIONS_MAX = 20

router = APIRouter(prefix="/v1/rejections", tags=["rejections"])


@router.get("/{command_id}", summary="Why a command was rejected")
async def show_rejection(
    reading: Reading,
    command_id: UUID,
    command_hash: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
) -> Rejection:
    """The newest rejection of a command id, or of exactly the command with this hash; 404 if it was not rejected."""
    found = await reading.records(
        Rejection,
        """
        SELECT * FROM rejected_commands
        WHERE command_id = %(command_id)s AND (%(hash)s::text IS NULL OR command_hash = %(hash)s)
        ORDER BY rejected_at DESC, log_offset DESC LIMIT 1
        """,
        {"command_id": str(command_id), "hash": command_hash},
    )
    if not found:
        raise HTTPException(404, f"command {command_id} was not rejected, as far as is known here")
    return found[0]


async def recent(reading: Database) -> list[Rejection]:
    """The newest rejections."""
    query = "SELECT * FROM rejected_commands ORDER BY rejected_at DESC, partition, log_offset DESC LIMIT %s"
    return await reading.records(Rejection, query, (RECENT_REJECTIONS_MAX,))
