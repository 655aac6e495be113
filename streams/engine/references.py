"""Reads records that a decision uses without answering them: governance, prices, another processor's evidence.

Read from the first offset by every worker, committed by none. Facts taken from here are recorded by value in the event, with
the position or offset they came from, so that anyone can derive them again (architecture, rule 5).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from confluent_kafka import KafkaException, TopicPartition
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas.topics import TOPICS
from streams.engine.reading import check, received_of
from streams.rules.decider import Received

CATCH_UP_SECONDS_MAX: Final = 120
REQUEST_SECONDS_MAX: Final = 2
"""Short: a request that waits for a leader that died is not sent to its successor."""
POLL_RECORDS_MAX: Final = 1_000
CATCH_UP_WAIT_SECONDS: Final = 0.02
BROKER_WAIT_SECONDS_MAX: Final = 120
"""The longest that a start waits for a broker that leads all topics; repeated restarts would take a core from it."""
BROKER_POLL_SECONDS: Final = 0.1

log = structlog.get_logger(__name__)


class References:
    """A reader of whole topics, from their beginning."""

    def __init__(self, description: ClusterDescription, principal: str, topics: Sequence[str]) -> None:
        self._consumer = clients.consumer(description, principal, {"enable.partition.eof": False})
        self._places = [TopicPartition(t, n, 0) for t in topics for n in range(TOPICS[t].partitions)]
        # Asked before the first fetch: a request behind an open long poll waits for it.
        self._ends = {(place.topic, place.partition): self._end(place) for place in self._places}
        self._consumer.assign(self._places)
        self._caught_up = False

    def _end(self, place: TopicPartition) -> int:
        """Return the end offset of a partition. Raises KafkaException: no broker answered within `BROKER_WAIT_SECONDS_MAX`."""
        asking = Retrying(
            retry=retry_if_exception_type(KafkaException),
            stop=stop_after_delay(BROKER_WAIT_SECONDS_MAX),
            wait=wait_fixed(BROKER_POLL_SECONDS),
            before_sleep=_say_waiting,
            reraise=True,
        )
        return asking(lambda: int(self._consumer.get_watermark_offsets(place, timeout=REQUEST_SECONDS_MAX)[1]))

    def catch_up(self) -> Iterator[Received]:
        """Yield all records that were there when this reader was made.

        Raises:
            TimeoutError: it could not be read within `CATCH_UP_SECONDS_MAX`.
        """
        self._caught_up = True
        waiting = {place for place, end in self._ends.items() if end > 0}
        deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
        while waiting:
            if time.monotonic() > deadline:
                message = f"references not read within {CATCH_UP_SECONDS_MAX} s: {sorted(waiting)}"
                raise TimeoutError(message)
            yield from self._consume(CATCH_UP_WAIT_SECONDS)
            for place in self._consumer.position([TopicPartition(*place) for place in waiting]):
                if place.offset >= self._ends[place.topic, place.partition]:
                    waiting.discard((place.topic, place.partition))

    def poll(self) -> Iterator[Received]:
        """Yield at the first call all records as `catch_up` does; from then on the new ones, without waiting."""
        yield from self._consume(0) if self._caught_up else self.catch_up()

    def _consume(self, seconds: float) -> Iterator[Received]:
        for message in self._consumer.consume(POLL_RECORDS_MAX, seconds):
            if check(message) is not None:
                yield received_of(message)


def _say_waiting(attempt: RetryCallState) -> None:
    """Log once: there are many tries before a broker leads its topics again."""
    if attempt.attempt_number == 1 and attempt.outcome is not None:
        log.warning("references: waiting for Kafka", error=str(attempt.outcome.exception()))
