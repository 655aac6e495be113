"""Is the process alive, is it of use, what has it counted. Ready means: a command sent now would be taken in and answered."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from commands.gateway.parts import Parts, parts_of
from infra.postgres.reading import DatabaseAway
from infra.telemetry import metrics
from schemas.values import Record

BROKER_SECONDS_MAX: Final = 1.0
KEPT_SECONDS: Final = 0.5
"""The lifetime of a finding: more frequent probes get the same one."""

router = APIRouter(tags=["health"])


class Alive(Record):
    """The process answers."""

    status: str = "alive"


class Readiness(Record):
    """Reports each dependency of a command: `ok`, or its fault."""

    ready: bool
    kafka: str
    answers: str
    """`ok` if the answers to commands are read as they come."""
    postgres: str


@dataclass(slots=True)
class _Kept:
    at: float
    found: Readiness


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> Alive:
    """Always, while it answers at all."""
    return Alive()


@router.get("/readyz", summary="Would a command be answered", responses={503: {"model": Readiness}})
async def readyz(request: Request) -> Readiness:
    """200 if everything a command needs is there, else 503; each part is named."""
    found = await _found(request)
    if found.ready:
        return found
    return Response(found.model_dump_json(), 503, {"Retry-After": "1"}, "application/json")  # type: ignore[return-value] # served as it is


@router.get("/metrics", summary="Metrics of all processes, in Prometheus' text form", response_class=Response)
async def show_metrics() -> Response:
    """Counts over all processes of the cluster."""
    return Response(await asyncio.to_thread(metrics.exposition), media_type=metrics.CONTENT_TYPE)


async def _found(request: Request) -> Readiness:
    kept: _Kept | None = getattr(request.app.state, "readiness", None)
    if kept is None or time.monotonic() - kept.at > KEPT_SECONDS:
        kept = _Kept(time.monotonic(), await _look(parts_of(request)))
        request.app.state.readiness = kept
    return kept.found


async def _look(parts: Parts) -> Readiness:
    broker, postgres = await asyncio.gather(
        asyncio.to_thread(parts.publisher.reaches_broker, BROKER_SECONDS_MAX), _postgres(parts)
    )
    kafka = "ok" if broker else "no broker answers"
    answers = "ok" if parts.tail.caught_up else "still reading what was there"
    return Readiness(ready={kafka, answers, postgres} == {"ok"}, kafka=kafka, answers=answers, postgres=postgres)


async def _postgres(parts: Parts) -> str:
    try:
        await parts.reading.ready()
    except DatabaseAway as error:
        return str(error)
    return "ok"
