"""Changes that a quorum must agree to, and what exactly each of them changes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from projections.api.database import Reading
from projections.api.firm import policies, proposals
from projections.api.firm.shapes import Policy
from projections.dashboard.rendering import page, problem
from schemas.firm_commands import ProposePolicy

_PARTS: Final = ("cedar", "cedar_schema", "limits", "settings")

router = APIRouter()


@router.get("/proposals")
async def proposals_page(reading: Reading) -> HTMLResponse:
    """The newest proposals."""
    try:
        found = await proposals.proposals(reading, state=None)
    except HTTPException as missing:
        return problem(missing)
    return page("proposals.html", proposals=found.proposals)


@router.get("/proposals/{proposal_id}")
async def proposal_page(reading: Reading, proposal_id: UUID) -> HTMLResponse:
    """One proposal; of a policy, how it differs from the one in force."""
    try:
        found = await proposals.proposal(reading, str(proposal_id))
        versions = (await policies.policies(reading)).policies
    except HTTPException as missing:
        return problem(missing)
    change = found.change
    before = next((each for each in versions if each.proposal_id != found.proposal_id), None)
    differs = list(_difference(before, change)) if isinstance(change, ProposePolicy) else []
    content = change.model_dump(mode="json", exclude={"kind", "cedar", "cedar_schema", "limits", "settings", "reason"})
    return page("proposal.html", proposal=found, difference=differs, content=content)


def _difference(before: Policy | None, after: ProposePolicy) -> Iterator[str]:
    """The lines in which a policy differs from the one before it, as `diff -u` writes them."""
    new = after.model_dump(mode="json")
    old = dict.fromkeys(_PARTS, "") if before is None else before.model_dump(mode="json")
    for part in _PARTS:
        yield from difflib.unified_diff(_lines(old[part]), _lines(new[part]), f"{part} before", f"{part} proposed", lineterm="")


def _lines(content: object) -> list[str]:
    text = content if isinstance(content, str) else json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    return text.splitlines()
