"""Commands to governance over HTTP: trip a breaker; propose a reset, a policy, rights, a key's change; decide on a proposal.

Who may ask and whether a quorum agrees is governance's own decision. Left out: reading (`projections.api`).
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Response

from commands.answers import Answer, FirmAnswer
from commands.gateway.delivery import PENDING, PROBLEMS, CommandHeaders, Headers, carry
from commands.gateway.strict_route import StrictRoute
from commands.intake.firm_requests import (
    AboutProposal,
    Agree,
    Change,
    ChangeAccess,
    ChangeKey,
    ChangePolicy,
    Disagree,
    Reset,
    TakeBack,
    Trip,
)
from commands.outcomes import asked_of_firm
from schemas.firm_commands import FirmBody, FirmCommand

_ANSWERED: Final[dict[str, Any]] = {"response_model": FirmAnswer, "response_model_exclude_none": True}
_BREAKERS: Final = "/v1/breakers"
_PROPOSALS: Final = "/v1/proposals"

router = APIRouter(prefix="/v1", tags=["governance"], route_class=StrictRoute, responses={**PENDING, **PROBLEMS})


@router.post("/breakers", status_code=201, summary="Trip a breaker", **_ANSWERED)
async def trip_breaker(content: Trip, sent: Headers, response: Response) -> Answer | Response:
    """Stops the subject at once, if policy lets the sender do so alone."""
    return await _carry(content, content.body(), sent, response)


@router.post("/breakers/reset", status_code=201, summary="Propose to reset a breaker", **_ANSWERED)
async def propose_reset(content: Reset, sent: Headers, response: Response) -> Answer | Response:
    """The proposal, which a quorum of others must agree to."""
    return await _carry(content, content.body(), sent, response)


@router.post("/policies", status_code=201, summary="Propose a policy, limits and settings", **_ANSWERED)
async def propose_policy(content: ChangePolicy, sent: Headers, response: Response) -> Answer | Response:
    """The proposal, once it was found fit to be put in force: a quorum of others must agree to it."""
    return await _carry(content, content.body(), sent, response)


@router.post("/access", status_code=201, summary="Propose the rights of a person or a system", **_ANSWERED)
async def propose_access(content: ChangeAccess, sent: Headers, response: Response) -> Answer | Response:
    """The proposal, which a quorum of others must agree to."""
    return await _carry(content, content.body(), sent, response)


@router.post("/keys", status_code=201, summary="Propose to make, use, change or destroy a key", **_ANSWERED)
async def propose_key(content: ChangeKey, sent: Headers, response: Response) -> Answer | Response:
    """The proposal: a quorum of others must agree before anything is done with a key."""
    return await _carry(content, content.body(), sent, response)


@router.post("/proposals/{proposal_id}/approvals", status_code=201, summary="Agree to a proposal", **_ANSWERED)
async def approve_proposal(proposal_id: UUID, content: Agree, sent: Headers, response: Response) -> Answer | Response:
    """Waiting for others, or in force."""
    return await _about(proposal_id, content, sent, response)


@router.post("/proposals/{proposal_id}/decline", summary="Say no to a proposal", **_ANSWERED)
async def decline_proposal(proposal_id: UUID, content: Disagree, sent: Headers, response: Response) -> Answer | Response:
    """The proposal, closed."""
    return await _about(proposal_id, content, sent, response)


@router.post("/proposals/{proposal_id}/withdraw", summary="Take one's own proposal back", **_ANSWERED)
async def withdraw_proposal(proposal_id: UUID, content: TakeBack, sent: Headers, response: Response) -> Answer | Response:
    """The proposal, closed."""
    return await _about(proposal_id, content, sent, response)


async def _about(proposal_id: UUID, content: AboutProposal, sent: CommandHeaders, response: Response) -> Answer | Response:
    return await _carry(content, content.body(str(proposal_id)), sent, response)


async def _carry(
    content: Change | AboutProposal, body: FirmBody, sent: CommandHeaders, response: Response
) -> Answer | Response:
    command = FirmCommand(
        command_id=sent.command_id,
        principal=sent.principal,
        issued_at=sent.issued_at,
        body=body,
        authorization=content.authorization,
    )
    question = asked_of_firm(command)
    location = _BREAKERS if question.proposal_id is None else f"{_PROPOSALS}/{question.proposal_id}"
    return await carry(question, sent.request, response, location)
