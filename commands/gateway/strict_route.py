"""A route whose body is strict JSON, whose own headers stand once, and whose refusals are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from commands.answers import FieldFault
from commands.gateway import recording
from commands.intake import strict_json
from commands.intake.refusals import Refused, malformed

BODY_SECONDS_MAX: Final = 5
ONCE: Final = ("Idempotency-Key", "Proofdesk-Principal", "Proofdesk-Issued-At", "Content-Type", "Content-Length")


class StrictRequest(Request):
    """A request whose JSON has one meaning."""

    async def json(self) -> Any:
        """The body's value. Raises Refused."""
        try:
            return strict_json.parse(await self.body())
        except strict_json.NotStrictJson as error:
            raise malformed(error.faults) from None


class StrictRoute(APIRoute):
    """For routes that take commands."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's own handler, given a strict request."""
        serve = super().get_route_handler()

        async def strict(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            recording.receiving(request)
            recording.received(request, await _body(request))
            _check_headers(request)
            return await serve(request)

        return strict


async def _body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await request.body()
    except TimeoutError:
        raise Refused(
            408, "body-late", f"the body did not arrive within {BODY_SECONDS_MAX} s", "send it at once", errors=[]
        ) from None


def _check_headers(request: Request) -> None:
    faults = [
        FieldFault(field=f"header {name}", message="stands more than once; say it once")
        for name in ONCE
        if len(request.headers.getlist(name)) > 1
    ]
    if faults:
        raise malformed(faults)
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    if message.get_content_type() != "application/json":
        raise Refused(415, "media-type", "the body is not said to be JSON", "send it with Content-Type: application/json")
