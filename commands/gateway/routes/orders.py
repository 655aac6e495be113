"""Commands to a desk over HTTP: submit or try an order, approve, withdraw an approval, decline, cancel, split."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from commands.answers import Answer, OrderAnswer, TrialAnswer
from commands.gateway.delivery import PENDING, PROBLEMS, CommandHeaders, Headers, carry
from commands.gateway.strict_route import StrictRoute
from commands.intake.requests import AboutOrder, Approve, Cancel, Decline, Split, SubmitOrder, Withdraw
from commands.outcomes import sent_command
from schemas.commands import Command, TryOrder

router = APIRouter(prefix="/v1/orders", tags=["commands"], route_class=StrictRoute, responses={**PENDING, **PROBLEMS})


@router.post(
    "",
    status_code=201,
    response_model=OrderAnswer | TrialAnswer,
    response_model_exclude_none=True,
    responses={200: {"model": TrialAnswer, "description": "Of a dry run: what would be decided."}},
    summary="Submit an order, or try one",
)
async def submit_order(
    content: SubmitOrder,
    sent: Headers,
    response: Response,
    *,
    dry_run: Annotated[
        bool, Query(description="Ask only what would be decided: nothing is reserved. What is signed is a `try_order`.")
    ] = False,
) -> Answer | Response:
    """The order, once policy has spoken: allowed, waiting for approvals, or refused with every reason."""
    command = Command(
        command_id=sent.command_id,
        desk_id=content.desk_id,
        principal=sent.principal,
        issued_at=sent.issued_at,
        body=content.trial() if dry_run else content.body(),
        authorization=content.authorization,
    )
    if dry_run:
        response.status_code = 200
    return await _carry(command, sent.request, response)


@router.post(
    "/{order_id}/approvals",
    status_code=201,
    response_model=OrderAnswer,
    response_model_exclude_none=True,
    summary="Approve an order",
)
async def approve_order(order_id: UUID, content: Approve, sent: Headers, response: Response) -> Answer | Response:
    """The order after the approval: handed over, or waiting for others."""
    return await _about(order_id, content, sent, response)


@router.post(
    "/{order_id}/approvals/withdraw",
    response_model=OrderAnswer,
    response_model_exclude_none=True,
    summary="Take one's own approval back",
)
async def withdraw_approval(order_id: UUID, content: Withdraw, sent: Headers, response: Response) -> Answer | Response:
    """The order without that approval. If it was handed over already, the signer no longer counts the approval."""
    return await _about(order_id, content, sent, response)


@router.post(
    "/{order_id}/decline", response_model=OrderAnswer, response_model_exclude_none=True, summary="Refuse to approve an order"
)
async def decline_order(order_id: UUID, content: Decline, sent: Headers, response: Response) -> Answer | Response:
    """The order, closed."""
    return await _about(order_id, content, sent, response)


@router.post("/{order_id}/cancel", response_model=OrderAnswer, response_model_exclude_none=True, summary="Take an order back")
async def cancel_order(order_id: UUID, content: Cancel, sent: Headers, response: Response) -> Answer | Response:
    """The order, closed; `cancellation-requested` if it was handed over already, so that the signer refuses it."""
    return await _about(order_id, content, sent, response)


@router.post(
    "/{order_id}/split", status_code=201, response_model=OrderAnswer, response_model_exclude_none=True, summary="Split an order"
)
async def split_order(order_id: UUID, content: Split, sent: Headers, response: Response) -> Answer | Response:
    """The order, superseded, with its parts as `children`, each judged on its own."""
    return await _about(order_id, content, sent, response)


async def _about(order_id: UUID, content: AboutOrder, sent: CommandHeaders, response: Response) -> Answer | Response:
    command = Command(
        command_id=sent.command_id,
        desk_id=content.desk_id,
        principal=sent.principal,
        issued_at=sent.issued_at,
        body=content.body(str(order_id)),
        authorization=content.authorization,
    )
    return await _carry(command, sent.request, response)


async def _carry(command: Command, request: Request, response: Response) -> Answer | Response:
    question = sent_command(command)
    about = "" if isinstance(command.body, TryOrder) else f"/{question.order_id}"
    return await carry(question, request, response, f"/v1/orders{about}")
