"""Writes a story to a real log: each record by the principal that may write its topic, in transactions."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Sequence

from confluent_kafka import Producer

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas.topics import TOPICS
from tests.world.firm.story import HEADERS, Written

TRANSACTION_SECONDS_MAX = 30
TRANSACTION_EVENTS = 500


def publish(description: ClusterDescription, written: Sequence[Written]) -> None:
    """Write records in order: what one principal writes in a row is one transaction."""
    producers: dict[str, Producer] = {}
    for writer, records in itertools.groupby(written, key=lambda each: TOPICS[each.place.topic].writers[0]):
        if writer not in producers:
            producers[writer] = _producer(description, writer)
        for chunk in _chunks(records):
            _write(producers[writer], chunk)


def publish_fast(description: ClusterDescription, written: Sequence[Written]) -> None:
    """Write records with each principal's in its own order and large transactions: for amounts, not for interleavings."""
    for writer in dict.fromkeys(TOPICS[each.place.topic].writers[0] for each in written):
        producer = _producer(description, writer)
        for chunk in _chunks(each for each in written if TOPICS[each.place.topic].writers[0] == writer):
            _write(producer, chunk)


def _producer(description: ClusterDescription, writer: str) -> Producer:
    name = f"proofdesk-{writer}-story-{uuid.uuid4()}"
    producer = clients.producer(description, writer, {"transactional.id": name, "linger.ms": 5})
    producer.init_transactions(TRANSACTION_SECONDS_MAX)
    return producer


def abort(description: ClusterDescription, written: Sequence[Written]) -> None:
    """Write records and abort: they stand on the log and never happened."""
    for writer, records in itertools.groupby(written, key=lambda each: TOPICS[each.place.topic].writers[0]):
        producer = _producer(description, writer)
        _produce(producer, records)
        producer.flush(TRANSACTION_SECONDS_MAX)
        producer.abort_transaction(TRANSACTION_SECONDS_MAX)


def _write(producer: Producer, records: Iterable[Written]) -> None:
    _produce(producer, records)
    producer.commit_transaction(TRANSACTION_SECONDS_MAX)


def _produce(producer: Producer, records: Iterable[Written]) -> None:
    producer.begin_transaction()
    for each in records:
        place, timestamp = each.place, each.at // 1_000
        producer.produce(
            place.topic, each.value, each.key, partition=place.partition, timestamp=timestamp, headers=list(HEADERS)
        )


def _chunks(records: Iterable[Written]) -> Iterable[list[Written]]:
    iterator = iter(records)
    while chunk := list(itertools.islice(iterator, TRANSACTION_EVENTS)):
        yield chunk
