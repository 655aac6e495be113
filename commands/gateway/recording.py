"""A refused request of the command routes becomes an event: who claimed to send it, why it was refused, the hash of its body.

What a refusal leaves out: the body itself, which may hold anything, and reading requests, which change nothing.
"""

from __future__ import annotations

import hashlib
import re
import time
from http import HTTPStatus
from typing import Final

from fastapi import Request

from commands.gateway.parts import parts_of
from commands.intake.refusals import Refused
from schemas.events.answers import RequestRefused
from schemas.values import TEXT_CHARACTERS_MAX

PRINCIPAL_HEADER: Final = "Proofdesk-Principal"
PRINCIPAL_CHARACTERS_MAX: Final = 100

_UNSHOWN: Final = re.compile(r"[^\x20-\x7e]")


def receiving(request: Request) -> None:
    """Note that a command route has begun on this request: from now on a refusal of it is recorded."""
    request.state.received_at = time.time_ns() // 1_000
    request.state.content = b""


def received(request: Request, content: bytes) -> None:
    """Note the body."""
    request.state.content = content


def record_refusal(request: Request, refused: Refused) -> None:
    """Write the event, unless the request was none for a command, we are at fault, or the desk has refused it on the log."""
    received_at = getattr(request.state, "received_at", None)
    if received_at is None or refused.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or refused.rejected is not None:
        return
    content: bytes = request.state.content
    body_sha256 = hashlib.sha256(content).hexdigest()
    parts_of(request).refused_requests.record(
        RequestRefused(
            decided_at=time.time_ns() // 1_000,
            causation_id=body_sha256,
            received_at=received_at,
            method=request.method[:10],
            path=_UNSHOWN.sub("?", request.url.path)[:TEXT_CHARACTERS_MAX],
            claimed_principal=_UNSHOWN.sub("?", request.headers.get(PRINCIPAL_HEADER, ""))[:PRINCIPAL_CHARACTERS_MAX],
            refusal=refused.record(),
            body_sha256=body_sha256,
        )
    )
