"""A partition's state from the log: snapshot, then its own events from there, up to an end that no longer moves.

The order of calls is what makes it right (architecture, rule 3). The offsets topic may already show a transaction whose
markers are still on their way to the output partitions: folding before they arrive gives a state that is too low, and a
limit could be passed. So it waits until each own partition's last stable offset equals its high watermark, and only then folds.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic

import structlog
from confluent_kafka import Consumer, IsolationLevel, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import snapshots
from streams.engine.decider import I, Processor, S
from streams.engine.headers import source_of
from streams.engine.partition import Partition
from streams.engine.reading import check, headers_of, recorded_of
from streams.engine.snapshots import SnapshotCodec

STABLE_WAIT_SECONDS_MAX: Final = 60
STABLE_POLL_SECONDS: Final = 0.05
RESTORE_SECONDS_MAX: Final = 600
REQUEST_SECONDS_MAX: Final = 10
READ_RECORDS_MAX: Final = 5_000
READ_WAIT_SECONDS: Final = 0.02

Place = tuple[str, int]
"""A topic and a partition."""

log = structlog.get_logger(__name__)


class NotStable(Exception):
    """An own partition still has an open transaction after the longest wait: exit, and be restarted."""


@dataclass(frozen=True, slots=True)
class Restored(Generic[S, I]):
    """A partition ready to run, and from where each own topic is to be read after it."""

    partition: Partition[S, I]
    offsets: dict[str, int]


class Restorer(Generic[S, I]):
    """Restores the partitions of one processor. Owns a consumer that never commits."""

    def __init__(self, processor: Processor[S, I], consumer: Consumer, admin: AdminClient, codec: SnapshotCodec[S]) -> None:
        self._processor = processor
        self._consumer = consumer
        self._admin = admin
        self._codec = codec
        self._snapshots = snapshots(processor.principal).name

    def restore(self, numbers: Collection[int]) -> dict[int, Restored[S, I]]:
        """The partitions `numbers`, folded to the stable end of their own log.

        Raises:
            NotStable: a transaction stays open.
            LogDamaged: own events are missing or doubled.
        """
        if not numbers:
            return {}
        own = (*self._processor.outputs, self._snapshots)
        ends = self._stable_ends([TopicPartition(topic, number) for topic in own for number in numbers])
        restored = {number: Restored(Partition(self._processor, number), {}) for number in numbers}
        self._load_snapshots(restored, {n: ends[self._snapshots, n] for n in numbers})
        self._fold(restored, {place: end for place, end in ends.items() if place[0] != self._snapshots})
        for each in restored.values():
            each.partition.replayed()
        return restored

    def _stable_ends(self, places: list[TopicPartition]) -> dict[tuple[str, int], int]:
        deadline = time.monotonic() + STABLE_WAIT_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                stable = self._latest(places, IsolationLevel.READ_COMMITTED)
                if stable == self._latest(places, IsolationLevel.READ_UNCOMMITTED):
                    return stable
            except KafkaException as error:
                log.warning("offsets not to be had yet", error=error.args[0].str())
                self._admin.list_topics(timeout=REQUEST_SECONDS_MAX)  # refreshes a stale leader epoch
            time.sleep(STABLE_POLL_SECONDS)
        message = f"own partitions of {self._processor.principal} have an open transaction after {STABLE_WAIT_SECONDS_MAX} s"
        raise NotStable(message)

    def _latest(self, places: list[TopicPartition], isolation: IsolationLevel) -> dict[tuple[str, int], int]:
        asked = self._admin.list_offsets(
            {place: OffsetSpec.latest() for place in places},  # type: ignore[no-untyped-call]
            isolation_level=isolation,
            request_timeout=REQUEST_SECONDS_MAX,
        )
        return {(place.topic, place.partition): answer.result().offset for place, answer in asked.items()}

    def _load_snapshots(self, restored: dict[int, Restored[S, I]], ends: dict[int, int]) -> None:
        newest: dict[int, bytes] = {}
        starts = {(self._snapshots, number): 0 for number in ends}
        for message in self._read(starts, {(self._snapshots, n): end for n, end in ends.items()}):
            newest[int(message.partition() or 0)] = message.value() or b""
        for number, value in newest.items():
            snapshot = self._codec.read(value)
            if snapshot is None:
                log.warning("snapshot of another shape ignored; folding from the beginning", partition=number)
                continue
            each = restored[number]
            each.partition.resume(snapshot.state, snapshot.position, snapshot.clock, snapshot.answered)
            each.offsets.update(snapshot.offsets)

    def _fold(self, restored: dict[int, Restored[S, I]], ends: dict[tuple[str, int], int]) -> None:
        starts = {(topic, number): restored[number].offsets.get(topic, 0) for topic, number in ends}
        for message in self._read(starts, ends):
            each = restored[int(message.partition() or 0)]
            each.partition.replay(recorded_of(message), *source_of(headers_of(message)))
        for (topic, number), end in ends.items():
            restored[number].offsets[topic] = end

    def _read(self, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[Message]:
        """Every committed message from `starts` to `ends`; markers count as read when the position has passed them."""
        open_places = {place for place, end in ends.items() if starts[place] < end}
        if not open_places:
            return
        deadline = time.monotonic() + RESTORE_SECONDS_MAX
        self._consumer.assign([TopicPartition(*place, starts[place]) for place in open_places])
        try:
            while open_places:
                if time.monotonic() > deadline:
                    raise NotStable(f"reading the own log took more than {RESTORE_SECONDS_MAX} s")
                for message in self._consumer.consume(READ_RECORDS_MAX, READ_WAIT_SECONDS):
                    if check(message) is not None:
                        yield message
                asked = [TopicPartition(*place) for place in open_places]
                for reached in self._consumer.position(asked):
                    if reached.offset >= ends[reached.topic, reached.partition]:
                        open_places.discard((reached.topic, reached.partition))
        finally:
            self._consumer.unassign()
