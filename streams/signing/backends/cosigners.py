"""Connects the enclave to cosigners: over Kafka, as itself, from the first order whose key is in shares."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException

from infra.settings.description import ClusterDescription
from schemas.sessions import SessionOpened
from schemas.topics import Principal
from schemas.values import Instant
from streams.engine.outage import Outage
from streams.sessions.transport import MESSAGES, Inbox, Outbox
from streams.signing.backends.mpc import Channel


def over_kafka(description: ClusterDescription, principal: Principal) -> Channel:
    """Return a channel over Kafka that connects at its first use: most enclaves wait long for their first such order."""
    outage, boxes = Outage(), list[Outbox]()

    def listen(since: Instant) -> Inbox:
        return Inbox(description, principal, outage, [MESSAGES], since)

    def send(opened: Iterable[SessionOpened]) -> None:
        if outage.seen:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))  # noqa: SLF001 - the library's public constant
        if not boxes:
            boxes.append(Outbox(description, principal, outage))
        boxes[0].send(opened)

    return Channel(listen, send)
