"""Wires the gateway's parts once, by hand. Routes take them from the application's state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI, Request

from commands.intake.earlier import ReadSide
from commands.log import publishing, tail
from commands.log.publishing import Publisher
from commands.log.refused import RefusedRequests
from commands.log.tail import Stories, Tail
from infra.kafka import clients
from infra.settings.description import ClusterDescription

PRINCIPAL = "gateway"


@dataclass(frozen=True, slots=True)
class Parts:
    """The outside, as the routes use it."""

    publisher: Publisher
    refused_requests: RefusedRequests
    stories: Stories
    tail: Tail
    reading: ReadSide


def wired(description: ClusterDescription, reading: ReadSide) -> Parts:
    """Build the parts of a cluster's gateway. Reads the secrets now, before the first request; connects to nothing yet."""
    stories = Stories()
    publisher = Publisher(clients.producer(description, PRINCIPAL, publishing.SETTINGS))
    return Parts(
        publisher=publisher,
        refused_requests=RefusedRequests(publisher),
        stories=stories,
        tail=Tail(lambda: clients.consumer(description, PRINCIPAL, tail.SETTINGS), stories),
        reading=reading,
    )


@asynccontextmanager
async def running(app: FastAPI, parts: Parts) -> AsyncIterator[None]:
    """Run the parts while the application serves. Starts also while Kafka or PostgreSQL is unreachable."""
    app.state.parts = parts
    parts.tail.start()
    await parts.reading.open()
    try:
        yield
    finally:
        await parts.reading.close()
        parts.tail.close()
        parts.publisher.close()


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves `request`."""
    return cast("Parts", request.app.state.parts)
