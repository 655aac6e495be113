"""The answers to commands, straight from Kafka: one consumer thread for all who wait.

Reads only what is committed, from a minute before its start, so that an answer given just before is not missed; keeps the
events of the last commands, so that a repetition finds its answer. Nothing is decided here: what an event means for a command
is `commands.outcomes`. Left out: commands older than the memory, which the read side knows (`commands.intake.earlier`).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from commands.outcomes import ANSWER_TOPICS, Outcome, Question, Rejected, cause_of, outcome_of, spent_otherwise
from schemas import wire
from schemas.events.base import Event
from schemas.topics import TOPICS
from schemas.values import CommandId

REMEMBERED_COMMANDS_MAX: Final = 2_000
REMEMBERED_SECONDS: Final = 60
"""The first reading begins this long before now."""
BATCH_RECORDS_MAX: Final = 500
POLL_SECONDS: Final = 0.1
REQUEST_SECONDS_MAX: Final = 3
RETRY_SECONDS: Final = 0.5
SETTINGS: Final[Mapping[str, Any]] = MappingProxyType({"enable.partition.eof": True, "auto.offset.reset": "latest"})
"""Settings of the consumer, beside those that all our consumers share: it reports the end of each partition."""

log = structlog.get_logger(__name__)

Place = tuple[str, int]


@dataclass(slots=True)
class Story:
    """Holds the events that name one command's id as their cause, and the requests that wait for its outcome."""

    events: list[Event] = field(default_factory=list)
    waiting: dict[int, tuple[Question, Future[Outcome]]] = field(default_factory=dict)


class Stories:
    """Keeps the events read of each command, for any thread. Knows no Kafka."""

    def __init__(self) -> None:
        self._stories: OrderedDict[CommandId, Story] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def following(self, asked: Question) -> Iterator[Future[Outcome]]:
        """Yield a future of the outcome of a command that the block sends."""
        outcome: Future[Outcome] = Future()
        with self._lock:
            story = self._story(asked.command.command_id)
            story.waiting[id(outcome)] = (asked, outcome)
        try:
            yield outcome
        finally:
            with self._lock:
                story.waiting.pop(id(outcome), None)
                self._forget()

    def known(self, asked: Question) -> tuple[Outcome | None, bool]:
        """The outcome of a command that was sent before, and whether its id was spent on another content instead.

        A rejection that left the id free is not an outcome: the same command may succeed the next time.
        """
        with self._lock:
            story = self._stories.get(asked.command.command_id)
            lasting = [] if story is None else [event for event in story.events if _lasts(event)]
        return outcome_of(asked, lasting), spent_otherwise(asked, lasting)

    def hear(self, event: Event) -> None:
        """Add one event; complete the futures whose outcome it decides."""
        with self._lock:
            story = self._story(cause_of(event))
            story.events.append(event)
            for asked, outcome in story.waiting.values():
                found = None if outcome.done() else outcome_of(asked, story.events)
                if found is not None and outcome.set_running_or_notify_cancel():
                    outcome.set_result(found)
            self._forget()

    def _story(self, command_id: CommandId) -> Story:
        story = self._stories.setdefault(command_id, Story())
        self._stories.move_to_end(command_id)
        return story

    def _forget(self) -> None:
        """Drop the oldest stories beyond the bound; keep those with a waiting request."""
        excess = len(self._stories) - REMEMBERED_COMMANDS_MAX
        if excess > 0:
            idle = [name for name, story in self._stories.items() if not story.waiting][:excess]
            for name in idle:
                del self._stories[name]


class Tail:
    """The consumer thread that fills `stories`."""

    def __init__(self, connect: Callable[[], Consumer], stories: Stories) -> None:
        """`connect` makes a consumer of committed records, with `SETTINGS`."""
        self._connect = connect
        self._stories = stories
        self._next: dict[Place, int] = {}
        self._caught_up = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-tail", daemon=True)

    @property
    def caught_up(self) -> bool:
        """Return True once every event that stood on the log at the connection has been read."""
        return self._caught_up.is_set()

    def start(self) -> None:
        """Read from now on."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for it to catch up. Returns True if it has."""
        return self._caught_up.wait(seconds)

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            consumer = self._connect()
            try:
                self._read(consumer)
            except KafkaException as error:
                log.warning("tail: Kafka is away, connecting again", error=str(error.args[0]))
                self._caught_up.clear()
                self._closing.wait(RETRY_SECONDS)
            finally:
                consumer.close()

    def _read(self, consumer: Consumer) -> None:
        behind = self._assign(consumer)
        while not self._closing.is_set():
            first = consumer.poll(POLL_SECONDS)
            for message in [] if first is None else [first, *consumer.consume(BATCH_RECORDS_MAX - 1, 0)]:
                place = self._take(message)
                if behind:
                    behind.discard(place)
            if not behind:
                self._caught_up.set()

    def _assign(self, consumer: Consumer) -> set[Place | None]:
        """Resume where the last reading stopped, or a minute ago. Returns all partitions: none has reached its end yet."""
        places = [(topic, number) for topic in ANSWER_TOPICS for number in range(TOPICS[topic].partitions)]
        begin = time.time_ns() // 1_000_000 - REMEMBERED_SECONDS * 1_000
        since = consumer.offsets_for_times([TopicPartition(*place, begin) for place in places], timeout=REQUEST_SECONDS_MAX)
        starts = []
        for found in since:
            if found.error is not None:
                raise KafkaException(found.error)
            place = (found.topic, found.partition)
            # Without a record that young, `found.offset` means the end.
            starts.append(TopicPartition(*place, self._next.get(place, found.offset)))
        consumer.assign(starts)
        return set(places)

    def _take(self, message: Message) -> Place | None:
        """Process one message; return (topic, partition) for an end-of-partition marker."""
        topic, partition, offset = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public constant
                return topic, partition
            if error.retriable():
                return None
            raise KafkaException(error)
        self._next[topic, partition] = offset + 1
        try:
            record = wire.decode(topic, message.value() or b"")
        except wire.Unreadable as unreadable:
            # Desks and governance stop at it; the gateway goes on serving other commands.
            log.warning("tail: an unreadable event is passed over", topic=topic, offset=offset, reason=str(unreadable))
            return None
        if isinstance(record, Event):
            self._stories.hear(record)
        return None


def _lasts(event: Event) -> bool:
    return not isinstance(event, Rejected) or event.content_hash is not None
