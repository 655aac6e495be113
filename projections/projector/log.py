"""All events of the log, from the offsets that PostgreSQL keeps, as nearly as they happened as can be had cheaply.

Each partition comes in order; between partitions the record with the earliest time goes first, as long as the others are
read as far, or have been read to their end once. That is no promise: an order's links are put in order by `sequence`
(`projections.folds.chains`), and whatever comes too early waits in the tables. It only keeps those few when years of events
are read at once. Reads committed transactions only and commits nothing to Kafka. Memory is bounded: a partition that is far
ahead is paused.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from projections.folds.arrivals import Arrived, LogPartition, UnreadableEvent, arrived

BATCH_EVENTS_MAX: Final = 5_000
"""Beyond it COPY gains nothing."""
BATCH_BYTES_MAX: Final = 8_000_000
BUFFERED_EVENTS_MAX: Final = 1_000
"""The bound of one partition; beyond it the partition is paused until a quarter is left."""
CONSUME_EVENTS_MAX: Final = 1_000
LAGGING_WAIT_MS_MAX: Final = 200
"""Other partitions wait at most this long for one that has not been read to its end."""
SLICE_MS: Final = 5

SETTINGS: Final[Mapping[str, Any]] = {
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "queued.min.messages": 2_000,
    "queued.max.messages.kbytes": 32_768,
    "max.partition.fetch.bytes": 262_144,
    "fetch.queue.backoff.ms": 5,
    "topic.metadata.refresh.interval.ms": 10_000,  # a broker that has just started may know no topics yet
    "log_level": 2,  # the projector logs an unreachable broker once, not at every try
}
UNTIL_END_SETTINGS: Final[Mapping[str, Any]] = {"fetch.wait.max.ms": 20}
"""Further settings of a reader that stops at the end: a broker reports the end only when a fetch times out."""


class LogLost(Exception):
    """Kafka no longer has the next event: the log was cut or replaced. The tables must be rebuilt."""


class LogAway(Exception):
    """Kafka cannot be reached or will not serve the log now.

    Begin again with a new reader: one that has lived through an outage may have been told by a broker that just started that
    its topics are gone, and believes it for minutes.
    """


class Log:
    """A reader of all places from given offsets on."""

    def __init__(
        self, connect: Callable[[dict[str, Any]], Consumer], starts: Mapping[LogPartition, int], *, until_end: bool
    ) -> None:
        """Read from `starts` on; with `until_end` the reader stops at the log's present end."""
        more = UNTIL_END_SETTINGS if until_end else {}
        self._consumer = connect({**SETTINGS, **more, "error_cb": self._failed})
        self._waiting: dict[LogPartition, deque[tuple[int, Message]]] = {place: deque() for place in starts}
        self._ended: set[LogPartition] = set()
        """The partitions that have been read to their end once; others no longer wait for them."""
        self._paused: set[LogPartition] = set()
        self._stopped_by: UnreadableEvent | None = None
        self._lagging_since: float | None = None
        self._away: str | None = None
        self._consumer.assign([TopicPartition(place.topic, place.partition, start) for place, start in starts.items()])

    @property
    def at_end(self) -> bool:
        """Every partition has been read to its end, as it was then, and all of it has been taken."""
        return len(self._ended) == len(self._waiting) and not any(self._waiting.values())

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

    def take(self, wait_seconds: float) -> Iterator[Arrived]:
        """Return at most `BATCH_EVENTS_MAX` events, decoded lazily; empty if none came within `wait_seconds`.

        Raises:
            UnreadableEvent: the next one is no event; all before it have been taken.
            LogLost: Kafka no longer has the next event.
            LogAway: Kafka cannot be reached or refuses; this reader is of no use any more.
        """
        if self._stopped_by is not None:
            raise self._stopped_by
        self._resume()
        self._receive(0 if any(self._waiting.values()) else wait_seconds)
        while self._must_wait_for_others():
            self._receive(SLICE_MS / 1_000)
        return self._decoded(self._merged())

    def _receive(self, wait_seconds: float) -> None:
        first = self._consumer.poll(wait_seconds)
        if self._away is not None:
            raise LogAway(self._away)
        if first is None:
            return
        for message in (first, *self._consumer.consume(CONSUME_EVENTS_MAX, 0)):
            place = LogPartition(str(message.topic()), int(message.partition() or 0))
            if self._holds_event(message, place):
                self._waiting[place].append((message.timestamp()[1], message))
        ahead = {place for place, events in self._waiting.items() if len(events) > BUFFERED_EVENTS_MAX} - self._paused
        if ahead:
            self._consumer.pause([TopicPartition(*place) for place in ahead])
            self._paused |= ahead

    def _holds_event(self, message: Message, place: LogPartition) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public constant
            self._ended.add(place)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - as above
            raise LogLost(
                f"{place.topic}[{place.partition}] has no record where the tables go on ({error.str()}): "
                "the log was cut or replaced; find out why, then run `python -m projections.rebuild`"
            )
        elif not error.retriable():
            raise LogAway(f"{place.topic}[{place.partition}]: {error.str()}")
        return False

    def _failed(self, error: KafkaError) -> None:
        """Note an error of the client's connections; the client calls it within `poll`."""
        if error.fatal() or error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION):  # noqa: SLF001 - public constants
            self._away = error.str()

    def _must_wait_for_others(self) -> bool:
        """Return True while a partition on its first reading has no event here and the rest have not waited too long."""
        lagging = any(not events and place not in self._ended for place, events in self._waiting.items())
        if not lagging or not any(self._waiting.values()):
            self._lagging_since = None
            return False
        now = time.monotonic()
        self._lagging_since = self._lagging_since or now
        if now - self._lagging_since < LAGGING_WAIT_MS_MAX / 1_000:
            return True
        self._lagging_since = None
        return False

    def _merged(self) -> Iterator[tuple[LogPartition, Message]]:
        """Yield waiting messages, earliest first. Stops when a partition still on its first reading has none left."""
        heads = [(events[0][0], place) for place, events in self._waiting.items() if events]
        heapq.heapify(heads)
        while heads:
            _, place = heads[0]
            events = self._waiting[place]
            yield place, events.popleft()[1]
            if events:
                heapq.heapreplace(heads, (events[0][0], place))
            elif place in self._ended:
                heapq.heappop(heads)
            else:
                return

    def _decoded(self, messages: Iterator[tuple[LogPartition, Message]]) -> Iterator[Arrived]:
        taken_bytes = 0
        for taken, (place, message) in enumerate(messages, start=1):
            value = message.value() or b""
            try:
                event = arrived(place, int(message.offset() or 0), value, _headers(message))
            except UnreadableEvent as error:
                self._stopped_by = error
                return
            yield event
            taken_bytes += len(value)
            if taken >= BATCH_EVENTS_MAX or taken_bytes >= BATCH_BYTES_MAX:
                return

    def _resume(self) -> None:
        caught_up = {place for place in self._paused if len(self._waiting[place]) * 4 <= BUFFERED_EVENTS_MAX}
        if caught_up:
            self._consumer.resume([TopicPartition(*place) for place in caught_up])
            self._paused -= caught_up


def _headers(message: Message) -> list[tuple[str, bytes]]:
    """A record's headers as the broker gave them; the client's types allow more than it returns."""
    headers = message.headers()
    return [(name, value) for name, value in headers if isinstance(value, bytes)] if isinstance(headers, list) else []
