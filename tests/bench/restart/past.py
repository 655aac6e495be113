"""Makes a million past orders of one partition: the state they leave behind and the snapshots written on the way.

One order is decided for real, from its command to its confirmation; all others are its events again with ids and times of their
own, folded as a restart would fold them. Only the snapshots are written to Kafka: a restart reads no event that one covers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Producer

from schemas.events.base import FirmEvent, OrderEvent
from schemas.events.lifecycle import Confirmed, OrderInitiated
from schemas.examples import example
from schemas.hash_chain import digest_of
from schemas.topics import snapshots
from schemas.values import Instant
from schemas.wire import decode
from streams.desk.observer import DeskObserver, processor
from streams.engine.partition import Partition
from streams.engine.snapshots import SNAPSHOT_EVENTS, SnapshotCodec
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Received, Recorded
from streams.rules.orders.decider import Message
from streams.rules.orders.state import DeskState
from tests.bench.desk.parts import NoNews
from tests.bench.racing.keyed import Keyed

ORDERS: Final = 1_000_000
DAYS: Final = 30
"""Over so many days they are spread: as long as ids are remembered."""
SNAPSHOTS_KEPT: Final = 200
"""The last ones are written; those before have been compacted away."""
FLUSH_SECONDS_MAX: Final = 120


@dataclass(slots=True)
class Past:
    """One partition with its history."""

    partition: Partition[DeskState, Message]
    codec: SnapshotCodec[DeskState]

    @classmethod
    def of(cls, firm: Sequence[FirmEvent], number: int) -> Past:
        """A partition on which nothing has happened."""
        observer = DeskObserver(NoNews())
        for event in firm:
            observer.accept(Received("governance", 0, event.position, b"", b"", "", event))
        working = processor(observer)
        return cls(Partition(working, number), SnapshotCodec(working))

    def decide(self, commands: Sequence[Keyed], now: Instant) -> list[ChainedEvent]:
        """Decides real commands."""
        return [chained for offset, command in enumerate(commands) for chained in self._offer("commands", offset, command, now)]

    def live(self, sample: Keyed, begun: Instant, producer: Producer) -> None:
        """All of it: a million orders like the one that `sample` asks for."""
        events = [each.recorded for each in self.decide([sample], begun)]
        (initiated,) = [each.event for each in events if isinstance(each.event, OrderInitiated)]
        confirmed = example(Confirmed).model_copy(update={"desk_id": initiated.desk_id, "order_id": initiated.order_id})
        received = Received("confirmed", self.partition.number, 0, b"", b"", "0" * 64, confirmed)
        events += [each.recorded for each in self.partition.offer(received, begun)]
        self.partition.start_at({"commands": 1, "confirmed": 1})  # the topics are empty: no offset of theirs is answered
        standing: set[str] = set()
        total, due = ORDERS * len(events), SNAPSHOT_EVENTS
        for recorded in _again(events, begun):
            self.partition.replay(recorded, "", 0)
            if self.partition.position >= due:
                due += SNAPSHOT_EVENTS
                if total - self.partition.position < SNAPSHOTS_KEPT * SNAPSHOT_EVENTS:
                    standing = self._snapshot(producer, standing)
        self._snapshot(producer, standing)
        producer.flush(FLUSH_SECONDS_MAX)

    def _offer(self, topic: str, offset: int, command: Keyed, now: Instant) -> list[ChainedEvent]:
        record, digest = decode(topic, command.value), digest_of(command.value)
        received = Received(topic, self.partition.number, offset, command.key, command.value, digest, record)
        return self.partition.offer(received, now)

    def _snapshot(self, producer: Producer, standing: set[str]) -> set[str]:
        """As the loop writes it; none of the partition's own topics holds a record yet."""
        written = self.codec.write(self.partition, {})
        for key, value in written.records(self.partition.number, standing):
            producer.produce(snapshots("desk").name, value, key, self.partition.number)
        producer.poll(0)
        return set(written.pages)


def _again(events: Sequence[Recorded], begun: Instant) -> Iterator[Recorded]:
    """The same events of one order after another, evenly over the time; the first order has been."""
    step = DAYS * 86_400 * 1_000_000 // ORDERS
    position = len(events)
    for number in range(1, ORDERS):
        order_id, at = str(uuid.UUID(int=number << 64 | number)), begun + number * step
        for recorded in events:
            position += 1
            yield Recorded(recorded.topic, _retold(recorded.event, order_id, position, at), recorded.digest)


def _retold(event: object, order_id: str, position: int, at: Instant) -> OrderEvent:
    assert isinstance(event, OrderEvent), "an order's whole way is on its chain"
    changed: dict[str, object] = {"order_id": order_id, "position": position, "decided_at": at}
    if isinstance(event, OrderInitiated):
        changed["order"] = event.order.model_copy(update={"order_id": order_id})
        changed["command"] = event.command.model_copy(update={"command_id": order_id})
    return event.model_copy(update=changed)
