"""Reads the log again from its first record, independently of its writers."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, Message, TopicPartition

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas.events.base import Event
from schemas.events.observations import PriceObserved
from schemas.topics import GOVERNANCE_TOPICS, TOPIC_OF, written_by
from streams.engine.headers import source_of
from streams.engine.reading import check, headers_of, received_of, recorded_of
from streams.rules.decider import Received

READ_RECORDS_MAX: Final = 5_000
READ_WAIT_SECONDS: Final = 0.5
OWN_TOPICS: Final = tuple(topic.name for topic in written_by("desk"))
PRICES: Final = TOPIC_OF[PriceObserved].name

Source = tuple[str, int]
"""The input that an event answers: its topic and offset; an empty topic when only time passed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One event of the desk's, as it stands on its topic."""

    topic: str
    partition: int
    offset: int
    event: Event
    value: bytes
    digest: str
    source: Source


class LogReader:
    """Reads whole topics of one cluster, committed records only."""

    def __init__(self, description: ClusterDescription) -> None:
        self._description = description

    def own(self, number: int) -> tuple[frozenset[Source], Iterator[Stored]]:
        """All that the desk wrote on one partition, in the order of its positions, and which inputs it answered."""
        topics = [self._read([TopicPartition(topic, number, 0)]) for topic in OWN_TOPICS]
        sources = frozenset(source_of(headers_of(message)) for messages in topics for message in messages)
        in_order = heapq.merge(*(map(_stored, messages) for messages in topics), key=lambda each: each.event.position)
        return sources, in_order

    def inputs(self, number: int, topics: Sequence[str]) -> dict[Source, Received]:
        """Every record of some input topics on one partition, in order of each."""
        messages = self._read([TopicPartition(topic, number, 0) for topic in topics])
        received = (received_of(message) for message in messages)
        return {(each.topic, each.offset): each for each in received}

    def governance(self) -> list[Received]:
        """All that governance said."""
        return [received_of(message) for message in self._read([TopicPartition(topic, 0, 0) for topic in GOVERNANCE_TOPICS])]

    def prices(self) -> list[Received]:
        """Every observation of a price."""
        return [received_of(message) for message in self._read([TopicPartition(PRICES, 0, 0)])]

    def _read(self, places: list[TopicPartition]) -> list[Message]:
        consumer = clients.consumer(self._description, "client", {"enable.partition.eof": True, "fetch.wait.max.ms": 20})
        consumer.assign(places)
        found: list[Message] = []
        open_places = {(place.topic, place.partition) for place in places}
        while open_places:
            for message in consumer.consume(READ_RECORDS_MAX, READ_WAIT_SECONDS):
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    open_places.discard((message.topic(), message.partition()))
                elif check(message) is not None:
                    found.append(message)
        consumer.close()
        return found


def _stored(message: Message) -> Stored:
    recorded = recorded_of(message)
    return Stored(
        topic=recorded.topic,
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        event=recorded.event,
        value=message.value() or b"",
        digest=recorded.digest,
        source=source_of(headers_of(message)),
    )
