"""Every answer that is a problem, in one form: RFC 9457, with what is wrong, where, and what to do about it.

Also what the framework and the read routes raise, and what is a bug: of that, nobody is told more than where to look it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from starlette.exceptions import HTTPException
from starlette.responses import Response

from commands.answers import Problem
from commands.gateway.recording import record_refusal
from commands.intake.faults import faults_of
from commands.intake.refusals import Refused, malformed

MEDIA_TYPE: Final = "application/problem+json"

_REMEDIES: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not-found", "see /openapi.json for what is there, or check the id"),
    405: ("method-not-allowed", "use a method that the Allow header names"),
    422: ("request-malformed", "correct the request"),
    503: ("not-available", "ask again in a moment"),
}
_OTHERWISE: Final = ("request-refused", "see /openapi.json for what can be asked")

log = structlog.get_logger(__name__)


def respond(refused: Refused) -> Response:
    """The problem as a response."""
    return _response(refused.problem(), refused.headers)


def install(app: FastAPI) -> None:
    """Answer every exception with a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _bug)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - the framework chose by it
    record_refusal(request, error)
    return respond(error)


async def _framework(_: Request, error: Exception) -> Response:
    """Answer an error of the framework or of a read route; add the check and the remedy that it lacks."""
    assert isinstance(error, HTTPException)  # noqa: S101 - the framework chose by it
    check, remedy = _REMEDIES.get(error.status_code, _OTHERWISE)
    said = str(error.detail)
    plain = said == HTTPStatus(error.status_code).phrase
    message = "there is nothing here by that name" if plain and error.status_code == HTTPStatus.NOT_FOUND else said
    return respond(Refused(error.status_code, check, message, remedy, headers=error.headers))


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the framework chose by it
    refused = _of_faults(error.errors())
    record_refusal(request, refused)
    return respond(refused)


async def _bug(request: Request, error: Exception) -> Response:
    """Something that must not happen. The log line has the trace; the caller gets its number."""
    context = trace.get_current_span().get_span_context()
    number = trace.format_trace_id(context.trace_id) if context.is_valid else request.headers.get("traceparent", "")[3:35]
    log.error("request failed", path=request.url.path, trace_number=number, exc_info=error)
    named = f" (trace {number})" if number else ""
    return respond(
        Refused(500, "fault", f"something failed here that should not{named}", "send it again; if it fails again, report it")
    )


def _of_faults(errors: Sequence[Any]) -> Refused:
    """Refuse a request with wrong fields; an unsigned request is refused as unauthenticated first."""
    missing = {tuple(error["loc"]) for error in errors if error["type"] == "missing"}
    if ("header", "Proofdesk-Principal") in missing or ("body", "authorization") in missing:
        return Refused(
            401,
            "request-unsigned",
            "the request does not say who sends it, or is not signed",
            "name the principal in Proofdesk-Principal and put the signature of the command digest into `authorization`",
            errors=list(faults_of(errors)),
        )
    return malformed(list(faults_of(errors)))


def _response(problem: Problem, headers: Mapping[str, str] | None) -> Response:
    content = problem.model_dump_json(exclude_none=True).encode()
    return Response(content, problem.status, dict(headers or {}), MEDIA_TYPE)
