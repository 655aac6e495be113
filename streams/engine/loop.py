"""The exactly-once loop (KIP-98, KIP-447): consume a batch, decide, write events, snapshots and offsets in one transaction.

Crash-only: any error in a transaction, any fencing, any wait beyond its bound ends the process; the supervisor starts it
again and the state is folded from the log. Nothing is repaired in place. Source: architecture, rule 3.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.telemetry import tracing
from infra.telemetry.metrics import ProcessorMetrics
from schemas.topics import snapshots
from schemas.values import Instant
from streams.engine.headers import source_header
from streams.engine.partition import Partition
from streams.engine.reading import check, received_of
from streams.engine.restore import Restorer
from streams.engine.snapshots import SNAPSHOT_EVENTS, SnapshotCodec
from streams.engine.watchdog import Watchdog
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import I, Processor, Received, S

BATCH_INPUTS_MAX: Final = 500
"""Inputs of one transaction: beyond 500 throughput gains nothing, and a crash repeats more."""
TICK_MS_MAX: Final = 100
"""The longest a loop waits for input before it looks at the time."""
PARKED_RETRY_MS: Final = 5
"""The interval between offers of a parked input."""
OFFSETS_IDLE_MS: Final = 1_000
"""The interval between commits of offsets while inputs lead to no events."""
WAIT_MENTIONED_SECONDS: Final = 10
"""The interval at which the process's own log mentions an input that waits."""
TRANSACTION_SECONDS_MAX: Final = 10
COMMITTED_SECONDS_MAX: Final = 60
NANOS_PER_MICRO: Final = 1_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Assigned(Generic[S, I]):
    """A partition this worker owns, and what it must know to write its next snapshot."""

    partition: Partition[S, I]
    own_offsets: dict[str, int]
    committed: dict[str, int]
    pages: set[str]
    """The names of the pages that stand on the snapshots topic."""
    events_since_snapshot: int = 0


@dataclass(frozen=True, slots=True)
class Answer(Generic[S, I]):
    """The events that one input, or the passing of time, led to, with the headers that they carry."""

    owner: Assigned[S, I]
    chained: list[ChainedEvent]
    headers: list[tuple[str, str | bytes | None]]


class Loop(Generic[S, I]):
    """One worker of a processor."""

    def __init__(  # noqa: PLR0913 - wired once, by name, in `process`
        self,
        *,
        processor: Processor[S, I],
        consumer: Consumer,
        producer: Producer,
        restorer: Restorer[S, I],
        codec: SnapshotCodec[S],
        clock: Callable[[], Instant],
        watchdog: Watchdog,
    ) -> None:
        self._processor = processor
        self._consumer = consumer
        self._producer = producer
        self._restorer = restorer
        self._codec = codec
        self._clock = clock
        self._watchdog = watchdog
        self._snapshots = snapshots(processor.principal).name
        self._metrics = ProcessorMetrics(processor.principal)
        self._assigned: dict[int, Assigned[S, I]] = {}
        self._offsets_due = 0.0
        self._waits: dict[tuple[str, int, int], float] = {}

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work until `stopping` is set; raises anything unexpected."""
        self._producer.init_transactions(COMMITTED_SECONDS_MAX)
        self._consumer.subscribe(
            list(self._processor.inputs), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
        )
        while not stopping():
            self._step(self._take())

    def _take(self) -> list[Received]:
        """Return the first input as soon as it is there, with all others that have come; never wait for a full batch."""
        parked = any(each.partition.parked() for each in self._assigned.values())
        first = self._consumer.poll((PARKED_RETRY_MS if parked else TICK_MS_MAX) / 1_000)
        messages = [] if first is None else [first, *self._consumer.consume(BATCH_INPUTS_MAX - 1, 0)]
        return [received_of(message) for message in messages if check(message) is not None]

    def _step(self, inputs: list[Received]) -> None:
        """Process one batch: parked inputs, new inputs, due decisions; then commit one transaction if there are events."""
        if not self._assigned:
            return
        now = self._clock()
        self._processor.refresh(now)
        now = self._clock()
        parked = [received for each in self._assigned.values() for received in each.partition.parked()]
        answers = [self._offer_again(received, now) for received in parked]
        answers += [self._offer(received, now) for received in inputs]
        answers += [Answer(each, each.partition.tick(now), []) for each in self._assigned.values()]
        said = [answer for answer in answers if answer.chained]
        self._mention_waits()
        self._count(inputs, said)
        if said or time.monotonic() >= self._offsets_due:
            self._transact(said)

    def _offer(self, received: Received, now: Instant) -> Answer[S, I]:
        owner = self._assigned[received.partition]
        with tracing.span(f"{self._processor.principal} {received.topic}", received.headers) as outgoing:
            chained = owner.partition.offer(received, now)
        return Answer(owner, chained, [source_header(received.topic, received.offset), *outgoing])

    def _offer_again(self, received: Received, now: Instant) -> Answer[S, I]:
        """Do as `_offer`, with a span only if it is answered now: hundreds of tries a second would flood any collector."""
        owner = self._assigned[received.partition]
        chained = owner.partition.offer(received, now)
        if not chained:
            return Answer(owner, [], [])
        begun_ns = now * NANOS_PER_MICRO
        with tracing.span(f"{self._processor.principal} {received.topic}", received.headers, begun_ns) as outgoing:
            return Answer(owner, chained, [source_header(received.topic, received.offset), *outgoing])

    def _transact(self, answers: list[Answer[S, I]]) -> None:
        """Events, snapshots and offsets, together or not at all. Errors are raised: the process ends."""
        self._offsets_due = time.monotonic() + OFFSETS_IDLE_MS / 1_000
        offsets = {number: each.partition.offsets() for number, each in self._assigned.items()}
        if not answers and all(offsets[number] == each.committed for number, each in self._assigned.items()):
            return
        with self._watchdog.watched(), self._metrics.transaction():
            self._producer.begin_transaction()
            self._write(answers)
            self._write_snapshots()
            self._producer.send_offsets_to_transaction(
                [TopicPartition(topic, number, at) for number, topics in offsets.items() for topic, at in topics.items()],
                self._consumer.consumer_group_metadata(),
                TRANSACTION_SECONDS_MAX,
            )
            self._producer.commit_transaction(TRANSACTION_SECONDS_MAX)
        for number, each in self._assigned.items():
            each.committed = offsets[number]

    def _mention_waits(self) -> None:
        """Say now and then which inputs have held their topic back for long, and why."""
        waiting = [each for owner in self._assigned.values() for each in owner.partition.waiting()]
        since = {(each.topic, each.partition, each.offset): time.monotonic() for each, _ in waiting}
        self._waits = {place: self._waits.get(place, now) for place, now in since.items()}
        for received, reason in waiting:
            place = (received.topic, received.partition, received.offset)
            if time.monotonic() - self._waits[place] > WAIT_MENTIONED_SECONDS:
                log.warning("an input waits", topic=received.topic, offset=received.offset, reason=reason)
                self._waits[place] = time.monotonic()

    def _count(self, inputs: list[Received], said: list[Answer[S, I]]) -> None:
        for topic, count in Counter(received.topic for received in inputs).items():
            self._metrics.took(topic, count)
        for topic, count in Counter(chained.topic for answer in said for chained in answer.chained).items():
            self._metrics.wrote(topic, count)
        self._metrics.parked(sum(len(each.partition.parked()) for each in self._assigned.values()))

    def _write(self, answers: list[Answer[S, I]]) -> None:
        """Write all events in order. Only each partition's last offset is noted: a callback for each event costs too much."""
        last = {(answer.owner.partition.number, chained.topic): chained for answer in answers for chained in answer.chained}
        for answer in answers:
            owner, number = answer.owner, answer.owner.partition.number
            for chained in answer.chained:
                noting = _noting(owner.own_offsets, chained.topic) if last[number, chained.topic] is chained else None
                self._producer.produce(
                    chained.topic, chained.value, chained.key, number, on_delivery=noting, headers=answer.headers
                )
            owner.events_since_snapshot += len(answer.chained)

    def _write_snapshots(self) -> None:
        """Snapshots that are due, inside the open transaction; flushed first, so that all offsets are known."""
        due = [each for each in self._assigned.values() if each.events_since_snapshot >= SNAPSHOT_EVENTS]
        if due:
            self._producer.flush(TRANSACTION_SECONDS_MAX)
        for each in due:
            self._write_snapshot(each)

    def _write_snapshot(self, owner: Assigned[S, I]) -> None:
        """Write the records of the snapshot that its topic does not have yet."""
        number = owner.partition.number
        written = self._codec.write(owner.partition, owner.own_offsets)
        for key, value in written.records(number, owner.pages):
            self._producer.produce(self._snapshots, value, key, number)
        owner.pages = set(written.pages)
        owner.events_since_snapshot = 0

    def _assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Stable committed offsets first, then the fold: the order that architecture rule 3 asks for."""
        committed = consumer.committed(places, timeout=COMMITTED_SECONDS_MAX)
        starts: dict[int, dict[str, int]] = {}
        for place in committed:
            if place.error is not None:
                raise KafkaException(place.error)
            place.offset = max(place.offset, 0)
            starts.setdefault(place.partition, {})[place.topic] = place.offset
        for number, restored in self._restorer.restore(starts).items():
            restored.partition.start_at(starts[number])
            self._assigned[number] = Assigned(restored.partition, restored.offsets, dict(starts[number]), restored.pages)
            log.info("partition restored", partition=number, position=restored.partition.position)
        consumer.assign(committed)

    def _revoke(self, _: Consumer, places: list[TopicPartition]) -> None:
        for number in {place.partition for place in places}:
            self._assigned.pop(number, None)


def _noting(offsets: dict[str, int], topic: str) -> Callable[[KafkaError | None, Message], None]:
    """Return a callback that notes the offset after the record on `topic`, once it is written."""

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:  # an error fails the transaction, and committing raises
            offsets[topic] = int(message.offset() or 0) + 1

    return delivered
