"""The policy in force, rule by rule as a risk officer reads it, and those before it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from projections.api.database import Reading
from projections.api.firm import policies
from projections.dashboard.rendering import page, problem
from streams.rules.policy.ruleset import PolicyInvalid, Rule, ready

router = APIRouter()


@router.get("/policies")
async def policies_page(reading: Reading) -> HTMLResponse:
    """The policy in force, and every version."""
    try:
        found = (await policies.policies(reading)).policies
    except HTTPException as missing:
        return problem(missing)
    return page("policies.html", policies=found, rules=_rules(found[0].cedar) if found else [])


def _rules(cedar: str) -> list[Rule]:
    """The rules of a policy in its own order; none if it cannot be read, which the text below then shows."""
    try:
        return list(ready(cedar).rules.values())
    except PolicyInvalid:
        return []
