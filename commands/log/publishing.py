"""Records onto the log: acknowledged by all replicas, once each (idempotent producer), within a named time or not at all.

A record whose time ran out may still have been written: its sender is told so, and sends the same again under the same id.
Left out: what is written. One thread serves the delivery reports of all senders.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from commands.outcomes import Question
from schemas.commands import Command
from schemas.topics import TOPIC_OF

DELIVERY_MS_MAX: Final = 1_500
"""Shorter than the wait for a decision, so that an unreachable broker is reported as such."""
QUEUED_RECORDS_MAX: Final = 10_000
POLL_SECONDS: Final = 0.2
CLOSE_SECONDS_MAX: Final = 3

SETTINGS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "delivery.timeout.ms": DELIVERY_MS_MAX,
        "queue.buffering.max.messages": QUEUED_RECORDS_MAX,
    }
)
"""Settings of a producer of commands, beside those that all our producers share."""

_COMMANDS: Final = TOPIC_OF[Command].name


class LogAway(Exception):
    """Kafka did not take a record in time; whether it was written all the same is not known."""


class Publisher:
    """Writes through one producer, for any thread."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-deliveries", daemon=True)
        self._thread.start()

    def command(self, asked: Question, headers: Sequence[tuple[str, bytes]]) -> Future[None]:
        """Write a command onto its topic, under its key; done once it is on the log. The result may be LogAway."""
        return self.write(asked.topic, asked.value, asked.key, headers)

    def write(self, topic: str, value: bytes, key: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Future[None]:
        """Write one record; done once it is on the log. The result may be LogAway."""
        written: Future[None] = Future()
        written.set_running_or_notify_cancel()  # a record that may already be written cannot be cancelled

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(LogAway(error.str()))

        try:
            self._producer.produce(topic, value, key, headers=list(headers), on_delivery=delivered)
        except BufferError:
            written.set_exception(LogAway(f"{QUEUED_RECORDS_MAX} records wait to be written"))
        except KafkaException as error:
            written.set_exception(LogAway(error.args[0].str()))
        return written

    def reaches_broker(self, seconds: float) -> bool:
        """Return True if a broker answers within `seconds`."""
        try:
            self._producer.list_topics(_COMMANDS, timeout=seconds)
        except KafkaException:
            return False
        return True

    def close(self) -> None:
        """Wait a bounded time for records not yet delivered."""
        self._producer.flush(CLOSE_SECONDS_MAX)
        self._closing.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(POLL_SECONDS)
