"""Protects every request: size bounds, deadlines, security headers for browsers, a request number.

Bounded are requests at once, streams at once, the body, and the time. The Host header must be one of ours, so that a web page
elsewhere cannot reach a loopback listener under a name of its own (DNS rebinding); there is no CORS, so that no page elsewhere
reads an answer. Source: OWASP REST Security Cheat Sheet; RFC 9110, section 7.4 (421).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commands.gateway.problems import respond
from commands.intake.refusals import Refused
from infra.telemetry import metrics

REQUESTS_AT_ONCE_MAX: Final = 256
STREAMS_AT_ONCE_MAX: Final = 64
BODY_BYTES_MAX: Final = 65_536
POLICY_BYTES_MAX: Final = 800_000
"""The bound of a request with a whole policy: it fits into a record of the log with the command around it."""
POLICY_PATHS: Final = "/v1/policies"
REQUEST_SECONDS_MAX: Final = 15
EVENT_STREAM: Final = "text/event-stream"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Set where a route has not set its own."""

log = structlog.get_logger(__name__)


class Protection:
    """Wrap the application. `hosts` are the host names that requests may name, without ports."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._at_once = {False: 0, True: 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within the bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answer = time.perf_counter(), _Answer(send)
        try:
            await self._serve(scope, receive, answer)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            metrics.observe_request(_route(scope), method, answer.status or 500, time.perf_counter() - begun)

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        headers = Headers(scope=scope)
        streaming = EVENT_STREAM in headers.get("accept", "")
        try:
            most = POLICY_BYTES_MAX if scope["path"].startswith(POLICY_PATHS) else BODY_BYTES_MAX
            self._check(headers, most)
            with self._place(streaming=streaming):
                async with asyncio.timeout(None if streaming else REQUEST_SECONDS_MAX):
                    await self._app(scope, _bounded(receive, most), answer)
        except Refused as refused:
            await answer.refuse(refused, scope, receive)
        except TimeoutError:
            late = Refused(503, "too-slow", f"no answer within {REQUEST_SECONDS_MAX} s", "send exactly the same again shortly")
            await answer.refuse(late, scope, receive)
        except Exception:
            # The application has answered with a problem and raised the error again for the server.
            log.exception("request failed", path=scope["path"])
            fault = Refused(500, "fault", "something failed here that should not", "send it again; report it if it fails again")
            await answer.refuse(fault, scope, receive)

    def _check(self, headers: Headers, body_bytes_max: int) -> None:
        if _name(headers.get("host", "")) not in self._hosts:
            raise Refused(421, "host-unknown", "this is not the host that was asked for", "use the gateway's own URL")
        length = headers.get("content-length", "0")
        if (
            not length.isascii()
            or not length.isdigit()
            or len(length) > len(str(body_bytes_max))
            or int(length) > body_bytes_max
        ):
            raise _too_large(body_bytes_max)

    @contextmanager
    def _place(self, *, streaming: bool) -> Iterator[None]:
        most = STREAMS_AT_ONCE_MAX if streaming else REQUESTS_AT_ONCE_MAX
        if self._at_once[streaming] >= most:
            raise Refused(503, "busy", f"{most} requests are being served", "nothing was taken in; send it again shortly")
        self._at_once[streaming] += 1
        try:
            yield
        finally:
            self._at_once[streaming] -= 1


class _Answer:
    """Sends the answer with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, refused: Refused, scope: Scope, receive: Receive) -> None:
        """Answer with a problem, unless an answer has begun."""
        if self.status is None:
            await respond(refused)(scope, receive, self)


def _bounded(receive: Receive, body_bytes_max: int) -> Receive:
    """Pass on the body up to the bound, since a request need not declare its length."""
    arrived = 0

    async def bounded() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > body_bytes_max:
            raise _too_large(body_bytes_max)
        return message

    return bounded


def _too_large(body_bytes_max: int) -> Refused:
    # The rest of the body is not read, so the connection cannot be used for a next request.
    return Refused(
        413,
        "body-too-large",
        f"the body is larger than {body_bytes_max} bytes",
        "send one command with its signature and nothing else",
        headers={"Connection": "close"},
    )


def _name(host: str) -> str:
    """The name in a Host header, without its port; an IPv6 address without brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _route(scope: Scope) -> str:
    """The pattern that was matched: never the path, each value of which would be counted for ever."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
