"""On a real Kafka: a restarted worker has its predecessor's state, and reads no more of the log than it must."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.kafka import clients
from infra.local_cluster.local import Cluster
from infra.local_cluster.runtime import ROOT
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.events.base import Event
from schemas.events.limits import LimitReserved
from schemas.hash_chain import Link
from schemas.partitioning import desk_partition
from schemas.topics import snapshots
from schemas.values import Instant, OrderId
from streams.engine import loop, stable
from streams.engine.outage import Outage
from streams.engine.process import loop_of
from streams.engine.restore import Restored, Restorer
from streams.engine.snapshots import SnapshotCodec
from streams.engine.stable import NotStable, stable_ends
from streams.rules.decider import Processor, Received, Recorded
from streams.rules.pages import Page
from tests.streams.engine.counting_desk import command

pytestmark = pytest.mark.cluster

DESK = "newswap"
PARTITION = desk_partition(DESK.encode())
IDS_A_PAGE = 4
PAGES_KEPT = 3
EVENTS_A_SNAPSHOT = 5
SECONDS_MAX = 20


@dataclass(slots=True)
class Ids:
    """The ids that were used: the newest as they are, older ones in pages, the oldest forgotten."""

    newest: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)


class RememberingDecider:
    """Answers every command, and remembers its id."""

    state_type = Ids

    def __init__(self) -> None:
        self.folded = 0

    def initial(self) -> Ids:
        return Ids()

    def decide(self, _state: Ids, message: Any, _now: Instant) -> tuple[Event, ...]:
        return (LimitReserved(desk_id=message.desk_id, order_id=message.command_id, reserved=[]),)

    def evolve(self, state: Ids, recorded: Recorded) -> Ids:
        assert isinstance(recorded.event, LimitReserved)
        self.folded += 1
        state.newest.append(recorded.event.order_id)
        if len(state.newest) == IDS_A_PAGE:
            state.pages = [*state.pages, Page("".join(state.newest).encode())][-PAGES_KEPT:]
            state.newest = []
        return state

    def due(self, _state: Ids, _now: Instant) -> tuple[Event, ...]:
        return ()

    def tail(self, _state: Ids, _order_id: OrderId) -> Link | None:
        return None


class HandsThrough:
    """Adds nothing to a command."""

    def refresh(self) -> None:
        """Nothing to take in."""

    def read(self, _state: Ids, received: Received, _now: Instant) -> Any:
        return received.record


def processor(decider: RememberingDecider) -> Processor[Ids, Any]:
    return Processor("desk", ("commands",), ("limit-reserved",), decider, HandsThrough())


@dataclass(slots=True)
class Desk:
    """A worker's parts, each life anew."""

    description: ClusterDescription
    sent: int = 0

    def send(self, count: int) -> None:
        producer = clients.producer(self.description, "system")
        for _ in range(count):
            producer.produce("commands", wire.encode(command(str(uuid.uuid4()), DESK, Decimal(1))), DESK.encode())
        producer.flush(SECONDS_MAX)
        self.sent += count

    def work(self) -> None:
        """One life: until everything is answered."""
        answered = 0

        class Counting(RememberingDecider):
            def evolve(self, state: Ids, recorded: Recorded) -> Ids:
                nonlocal answered
                answered = recorded.event.position
                return super().evolve(state, recorded)

        loop_of(processor(Counting()), self.description, Outage()).run(lambda: answered == self.sent)

    def restored(self) -> tuple[Restored[Ids, Any], int]:
        """A worker's state as it comes from the log, and how many events were folded for it."""
        decider = RememberingDecider()
        reader = clients.consumer(self.description, "desk", {"group.id": "proofdesk-desk-restore"})
        own = processor(decider)
        restorer = Restorer(own, reader, clients.admin(self.description, "desk"), SnapshotCodec(own))
        return restorer.restore([PARTITION])[PARTITION], decider.folded

    def ids(self) -> list[str]:
        return [event.order_id for event in map(reserved, self.records("limit-reserved"))]

    def records(self, topic: str) -> list[Any]:
        reader: Consumer = clients.consumer(self.description, "desk", {"enable.partition.eof": True})
        reader.assign([TopicPartition(topic, PARTITION, 0)])
        found = []
        while (message := reader.poll(SECONDS_MAX)) is not None and message.error() is None:
            found.append(message)
        reader.close()
        return found


def reserved(message: Any) -> LimitReserved:
    event = wire.decode("limit-reserved", message.value())
    assert isinstance(event, LimitReserved)
    return event


@pytest.fixture(scope="module")
def kafka() -> Iterator[ClusterDescription]:
    own = Cluster(ROOT / ".runtime" / f"test-{os.getpid()}-restore", ["kafka"], processes=[])
    try:
        yield own.start()
    finally:
        own.stop(delete=True)


def test_a_worker_that_starts_again_stands_where_the_last_one_stood(
    kafka: ClusterDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SNAPSHOT_EVENTS", EVENTS_A_SNAPSHOT)
    monkeypatch.setattr(loop, "BATCH_INPUTS_MAX", 3)
    desk = Desk(kafka)
    for count in (23, 14):
        desk.send(count)
        desk.work()
    found, folded = desk.restored()
    ids = desk.ids()
    assert found.partition.position == len(ids) == len(set(ids)) == desk.sent
    paged = [ids[start : start + IDS_A_PAGE] for start in range(0, len(ids) // IDS_A_PAGE * IDS_A_PAGE, IDS_A_PAGE)]
    assert [page.content.decode() for page in found.partition.state.pages] == ["".join(page) for page in paged[-PAGES_KEPT:]]
    assert found.partition.state.newest == ids[len(paged) * IDS_A_PAGE :]
    assert folded < EVENTS_A_SNAPSHOT + loop.BATCH_INPUTS_MAX

    written = desk.records(snapshots("desk").name)
    assert max(Counter(each.key() for each in written if each.value() and len(each.key()) == 64).values()) == 1
    alive = {each.key(): each.value() for each in written}
    assert {key.decode() for key, value in alive.items() if value and len(key) == 64} == found.pages
    assert len(found.pages) <= PAGES_KEPT + 1


def test_nothing_is_read_while_a_transaction_is_open(kafka: ClusterDescription, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stable, "STABLE_SECONDS_MAX", 0.5)
    admin, places = clients.admin(kafka, "desk"), [("order-closed", PARTITION)]
    producer = clients.producer(kafka, "desk", {"transactional.id": "proofdesk-desk-open"})
    producer.init_transactions(SECONDS_MAX)
    producer.begin_transaction()
    producer.produce("order-closed", b"not yet", DESK.encode(), partition=PARTITION)
    producer.flush(SECONDS_MAX)
    with pytest.raises(NotStable, match="order-closed"):
        stable_ends(admin, places)
    producer.abort_transaction(SECONDS_MAX)
    monkeypatch.setattr(stable, "STABLE_SECONDS_MAX", SECONDS_MAX)
    record_and_marker = 2
    assert stable_ends(admin, places) == {places[0]: record_and_marker}
