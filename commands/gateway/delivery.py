"""One way for every command: verify who sends, write to the log, answer with what was decided.

The request became a command; its sender is verified, what was answered before is answered again, else it is published and the
answer awaited from Kafka itself. 2xx: it is on the log and was decided; 202: it is on the log.
Left out: every decision. Whatever the door lets through, the desk or governance judges anew.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, Response

from commands.answers import Answer, FieldFault, PendingAnswer
from commands.gateway.parts import Parts, parts_of
from commands.idempotency import KEY_CHARACTERS_MAX, command_id_of
from commands.intake import earlier
from commands.intake.authentication import authenticate
from commands.intake.refusals import Refused, malformed, rejection
from commands.log.publishing import LogAway
from commands.outcomes import Outcome, Question, Rejected, SentFirmCommand, outcome_of, spent_otherwise
from infra.postgres.reading import DatabaseAway
from infra.telemetry import tracing
from schemas.values import INSTANT_MICROS_MAX, Slug

DECISION_SECONDS_MAX: Final = 2.0
"""After which a command that is on the log is answered 202."""
REPLAYED: Final = "Idempotency-Replayed"

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        401: "Nobody known signed it.",
        403: "Who signed it may not do this.",
        404: "There is nothing open of that id.",
        409: "The key was used for another command, or things are no longer as this asks.",
        413: "The body is too large.",
        422: "Malformed, or it cannot be done as it was asked.",
        503: "Kafka or PostgreSQL is away. Whether it was taken in is said; sending the same again is safe.",
    }.items()
}
PENDING: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": PendingAnswer, "description": "On the log, not decided yet: see Location."}
}


class CommandHeaders:
    """Holds the sender, the time and the command's id, as the headers give them."""

    def __init__(
        self,
        request: Request,
        principal: Annotated[Slug, Header(alias="Proofdesk-Principal")],
        issued_at: Annotated[
            str,
            Header(alias="Proofdesk-Issued-At", pattern="^[0-9]{1,18}$", description="Microseconds since the Unix epoch, UTC."),
        ],
        key: Annotated[
            str,
            Header(
                alias="Idempotency-Key",
                max_length=KEY_CHARACTERS_MAX + 2,
                description="A UUID is the command's id; any other key becomes UUIDv5(3f0c2b57-5f1e-5c64-9a55-0d1f6f7c4b21, "
                '"<principal>/<key>"). The id is part of what is signed.',
            ),
        ],
    ) -> None:
        try:
            self.command_id = command_id_of(principal, key)
        except ValueError as error:
            raise malformed([FieldFault(field="header Idempotency-Key", message=str(error))]) from None
        if int(issued_at) > INSTANT_MICROS_MAX:
            raise malformed([FieldFault(field="header Proofdesk-Issued-At", message="is after the year 9999")])
        self.request = request
        self.principal = principal
        self.issued_at = int(issued_at)


Headers = Annotated[CommandHeaders, Depends()]


async def carry(question: Question, request: Request, response: Response, location: str) -> Answer | Response:
    """Carry a command to its answer; `location` is the path that shows its result. Raises Refused."""
    parts = parts_of(request)
    response.headers["Location"] = location
    with tracing.span(f"gateway {request.method}", _trace_headers(request)) as outgoing:
        outcome = await _answered_before(question, parts)
        if outcome is not None:
            response.headers[REPLAYED] = "true"
        else:
            outcome = await _decided(question, parts, outgoing)
    if isinstance(outcome, Rejected):
        raise rejection(outcome)
    return _pending(question, location) if outcome is None else outcome


async def _answered_before(question: Question, parts: Parts) -> Outcome | None:
    """The answer that exactly this command was given, once its sender is known. Raises Refused."""
    try:
        holder, events = await asyncio.gather(
            parts.reading.registered(question.command.principal), earlier.events_of(question, parts.reading)
        )
        authenticate(question.command, holder)
        outcome, spent = parts.stories.known(question)
        if outcome is None and not spent:
            outcome, spent = outcome_of(question, events), spent_otherwise(question, events)
    except DatabaseAway as error:
        raise Refused(
            503, "database-away", f"{error}: the sender cannot be verified now", "nothing was taken in; send it again shortly"
        ) from error
    if outcome is None and spent:
        raise Refused(
            409,
            "idempotency-conflict",
            f"the id {question.command.command_id} was already used for a command with another content",
            "look up what the first command led to; for another request, use a new key. A repetition is the same to the byte, "
            "with the same time of issue",
        )
    return outcome


async def _decided(question: Question, parts: Parts, headers: list[tuple[str, bytes]]) -> Outcome | None:
    """The answer to a command that is now written to the log; None: not yet. Raises Refused."""
    with parts.stories.following(question) as heard:
        try:
            await asyncio.wrap_future(parts.publisher.command(question, headers))
        except LogAway as error:
            raise Refused(
                503,
                "log-away",
                f"Kafka did not take the command in time ({error}), and may or may not have it",
                "send exactly the same again under the same key: it is carried out at most once",
            ) from error
        try:
            async with asyncio.timeout(DECISION_SECONDS_MAX):
                return await asyncio.wrap_future(heard)
        except TimeoutError:
            return await _rejected_before(question, parts)


async def _rejected_before(question: Question, parts: Parts) -> Outcome | None:
    """Silence can mean that it was rejected before; else there is no answer yet."""
    try:
        return await earlier.rejection_of(question, parts.reading)
    except DatabaseAway:
        return None


def _pending(question: Question, location: str) -> Response:
    command_id = question.command.command_id
    answer = (
        PendingAnswer(command_id=command_id, proposal_id=question.proposal_id)
        if isinstance(question, SentFirmCommand)
        else PendingAnswer(command_id=command_id, order_id=question.order_id, desk_id=question.command.desk_id)
    )
    headers = {"Location": location, "Retry-After": "1"}
    return Response(answer.model_dump_json(exclude_none=True), 202, headers, "application/json")


def _trace_headers(request: Request) -> list[tuple[str, bytes]]:
    """The framework's own span of this request, which is under the caller's; where it records none, the caller's."""
    own = tracing.current()
    if own:
        return own
    names = (tracing.TRACEPARENT, tracing.TRACESTATE)
    return [(name, value.encode("latin-1")) for name in names for value in request.headers.getlist(name)]
