"""Kafka messages as values: inputs for a decider, own events for its fold."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, Message

from schemas import wire
from schemas.events.base import Event
from schemas.hash_chain import digest_of
from streams.rules.decider import Received, Recorded

UNTRUSTED_TOPICS = frozenset({"commands", "firm-commands"})
"""The only inputs that others than our own processors write: their bytes may be anything."""


def check(message: Message) -> Message | None:
    """Return the message, or None at a partition's end.

    Raises:
        KafkaException: the consumer met an error that it does not mend by itself.
    """
    error = message.error()
    if error is None:
        return message
    if error.code() == KafkaError._PARTITION_EOF or error.retriable():  # noqa: SLF001 - the library's public constant
        return None
    raise KafkaException(error)


def received_of(message: Message) -> Received:
    """Return an input. An unreadable record passes on topics that others write, too; on any other topic it stops the processor.

    Raises:
        wire.Unreadable: a record on a topic of ours is not an event.
    """
    topic, value, key = str(message.topic()), message.value() or b"", message.key() or b""
    partition, offset = int(message.partition() or 0), int(message.offset() or 0)
    digest, headers = digest_of(value), headers_of(message)
    try:
        record = wire.decode(topic, value)
    except wire.Unreadable as error:
        if topic not in UNTRUSTED_TOPICS:
            raise
        return Received(topic, partition, offset, key, value, digest, None, str(error), error.content, headers)
    return Received(topic, partition, offset, key, value, digest, record, headers=headers)


def headers_of(message: Message) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that have a value; the library gives them as text or bytes."""
    found = dict(message.headers() or ())
    return tuple((name, value) for name, value in found.items() if isinstance(value, bytes))


def recorded_of(message: Message) -> Recorded:
    """Return an own event as it stands on the log.

    Raises:
        wire.Unreadable: it is no event.
    """
    topic, value = str(message.topic()), message.value() or b""
    record = wire.decode(topic, value)
    if not isinstance(record, Event):
        reason = f"{topic} holds no events"
        raise wire.Unreadable(reason)
    return Recorded(topic, record, digest_of(value))
