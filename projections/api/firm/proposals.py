"""Changes that a quorum must agree to."""

from __future__ import annotations

from typing import Annotated, Final, LiteralString
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from projections.api.database import Database, Reading
from projections.api.firm.shapes import Proposal, Proposals

LISTED_PROPOSALS_MAX: Final = 100
OPEN: Final = "awaiting-approval"

router = APIRouter(prefix="/proposals")

_NEWEST: Final[LiteralString] = """
    SELECT * FROM proposals WHERE %(state)s::text IS NULL OR state = %(state)s ORDER BY position DESC LIMIT %(most)s
"""


@router.get("", summary="Proposals, newest first")
async def list_proposals(reading: Reading, state: Annotated[str | None, Query(max_length=63)] = None) -> Proposals:
    """The newest proposals, in one state if asked, such as `awaiting-approval`."""
    return await proposals(reading, state=state)


@router.get("/{proposal_id}", summary="One proposal")
async def show_proposal(reading: Reading, proposal_id: UUID) -> Proposal:
    """A proposal as its events have left it; 404 if none has arrived."""
    return await proposal(reading, str(proposal_id))


async def proposals(reading: Database, *, state: str | None) -> Proposals:
    """The newest proposals."""
    found = await reading.records(Proposal, _NEWEST, {"state": state, "most": LISTED_PROPOSALS_MAX})
    return Proposals(proposals=found)


async def proposal(reading: Database, proposal_id: str) -> Proposal:
    """One proposal.

    Raises:
        HTTPException: 404, there is none of this id.
    """
    found = await reading.records(Proposal, "SELECT * FROM proposals WHERE proposal_id = %s", (proposal_id,))
    if not found:
        raise HTTPException(404, f"no proposal {proposal_id} is known here; one that was just made appears within a second")
    return found[0]
