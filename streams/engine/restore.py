"""A partition's state from the log: snapshot, then its own events from there, up to an end that no longer moves.

The order of calls is what makes it right (architecture, rule 3): the committed offsets first, then the stable ends of its own
log (`streams.engine.stable`), and only then the fold.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic

import structlog
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import snapshots
from streams.engine.headers import source_of
from streams.engine.partition import Partition
from streams.engine.reading import check, headers_of, recorded_of
from streams.engine.snapshots import SnapshotCodec
from streams.engine.stable import NotStable, Place, stable_ends
from streams.rules.decider import I, Processor, S
from streams.rules.pages import Page

RESTORE_SECONDS_MAX: Final = 600
READ_RECORDS_MAX: Final = 5_000
READ_WAIT_SECONDS: Final = 0.02

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Restored(Generic[S, I]):
    """A partition ready to run, and from where each own topic is to be read after it."""

    partition: Partition[S, I]
    offsets: dict[str, int]
    pages: set[str] = field(default_factory=set)
    """The names of the pages that stand on the snapshots topic."""


class Restorer(Generic[S, I]):
    """Restores the partitions of one processor. Owns a consumer that never commits."""

    def __init__(self, processor: Processor[S, I], consumer: Consumer, admin: AdminClient, codec: SnapshotCodec[S]) -> None:
        self._processor = processor
        self._consumer = consumer
        self._admin = admin
        self._codec = codec
        self._snapshots = snapshots(processor.principal).name

    def restore(self, numbers: Collection[int]) -> dict[int, Restored[S, I]]:
        """Return the partitions `numbers`, folded to the stable end of their own log.

        Raises:
            NotStable: a transaction stays open, or reading takes too long.
            LogDamaged: own events are missing or doubled.
        """
        if not numbers:
            return {}
        own = (*self._processor.outputs, self._snapshots)
        ends = stable_ends(self._admin, [(topic, number) for topic in own for number in numbers])
        restored = {number: Restored(Partition(self._processor, number), {}) for number in numbers}
        self._load_snapshots(restored, {n: ends[self._snapshots, n] for n in numbers})
        self._fold(restored, {place: end for place, end in ends.items() if place[0] != self._snapshots})
        for each in restored.values():
            each.partition.replayed()
        return restored

    def _load_snapshots(self, restored: dict[int, Restored[S, I]], ends: dict[int, int]) -> None:
        heads: dict[int, bytes] = {}
        pages: dict[int, dict[str, Page]] = {number: {} for number in ends}
        starts = {(self._snapshots, number): 0 for number in ends}
        for message in self._read(starts, {(self._snapshots, n): end for n, end in ends.items()}):
            number, key, value = int(message.partition() or 0), (message.key() or b"").decode(), message.value()
            if key == str(number):
                heads[number] = value or b""
            elif value is None:
                pages[number].pop(key, None)
            else:
                pages[number][key] = Page(value)
        for number, each in restored.items():
            each.pages.update(pages[number])
        for number, head in heads.items():
            snapshot = self._codec.read(head, pages[number])
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
