"""Sessions over Kafka: what was opened and said, as it comes, and what is said, on its way at once.

A reader starts at a given time and commits nothing. Bytes that are not a record are dropped (several principals write these
topics, and only signatures are believed). A writer does not wait for delivery: a record that was not delivered ends the
process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.topics import TOPIC_OF
from schemas.values import MICROS_PER_MS, Instant
from streams.engine.outage import Outage
from streams.engine.reading import check

SESSIONS: Final = TOPIC_OF[SessionOpened].name
MESSAGES: Final = TOPIC_OF[CosignerMessage].name
TAKEN_MAX: Final = 500
REQUEST_SECONDS_MAX: Final = 10
DELIVERY_SECONDS_MAX: Final = 10
QUEUED_KBYTES_MAX: Final = 32_768

SessionRecord = SessionOpened | CosignerMessage
log = structlog.get_logger(__name__)


class Inbox:
    """A reader of one or both topics."""

    def __init__(
        self,
        description: ClusterDescription,
        principal: str,
        outage: Outage,
        topics: Sequence[str] = (SESSIONS, MESSAGES),
        since: Instant | None = None,
    ) -> None:
        """`since`: from the first record of that time; None: only new records. Raises KafkaException."""
        more = {"error_cb": outage, "auto.offset.reset": "earliest", "queued.max.messages.kbytes": QUEUED_KBYTES_MAX}
        self._consumer = clients.consumer(description, principal, more)
        places = [TopicPartition(topic, 0, OFFSET_END) for topic in topics]
        self._ends = {place.topic: self._end(place) for place in places}
        if since is not None:
            places = _since(self._consumer, topics, since)
        else:
            places = [TopicPartition(topic, 0, self._ends[topic]) for topic in topics]
        self._read = {place.topic: max(place.offset, 0) for place in places}
        self._consumer.assign(places)

    def take(self, seconds: float) -> list[SessionRecord]:
        """Return the first record as soon as it is there, with all others that have come; nothing after `seconds`."""
        first = self._consumer.poll(seconds)
        messages = [] if first is None else [first, *self._consumer.consume(TAKEN_MAX - 1, 0)]
        return [record for message in messages if (record := self._record(message)) is not None]

    @property
    def has_caught_up(self) -> bool:
        """Return True if all records that were there at the beginning have been taken."""
        return all(self._read[topic] >= end for topic, end in self._ends.items())

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _end(self, place: TopicPartition) -> int:
        return int(self._consumer.get_watermark_offsets(place, timeout=REQUEST_SECONDS_MAX)[1])

    def _record(self, message: Message) -> SessionRecord | None:
        if check(message) is None:
            return None
        topic = str(message.topic())
        self._read[topic] = int(message.offset() or 0) + 1
        try:
            record = wire.decode(topic, message.value() or b"")
        except wire.Unreadable as reason:
            log.warning("record dropped", topic=topic, offset=message.offset(), reason=str(reason))
            return None
        return record if isinstance(record, SessionOpened | CosignerMessage) else None


def _since(consumer: Consumer, topics: Sequence[str], since: Instant) -> list[TopicPartition]:
    asked = [TopicPartition(topic, 0, since // MICROS_PER_MS) for topic in topics]
    found = consumer.offsets_for_times(asked, timeout=REQUEST_SECONDS_MAX)
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
    return [TopicPartition(each.topic, 0, each.offset if each.offset >= 0 else OFFSET_END) for each in found]


class Outbox:
    """A writer of sessions or messages."""

    def __init__(self, description: ClusterDescription, principal: str, outage: Outage) -> None:
        more = {"error_cb": outage, "delivery.timeout.ms": DELIVERY_SECONDS_MAX * 1_000}
        self._producer = clients.producer(description, principal, more)
        self._failures: list[KafkaError] = []

    def send(self, records: Iterable[SessionRecord]) -> None:
        """Put records on their way, in order. Raises KafkaException: something sent earlier never arrived."""
        for record in records:
            topic = TOPIC_OF[type(record)].name
            self._producer.produce(topic, wire.encode(record), record.session_id.encode(), 0, on_delivery=self._delivered)
        self._producer.poll(0)
        if self._failures:
            raise KafkaException(self._failures[0])

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)
