"""One chaos run: load throughout, faults from a seed, then silence, then the verdict on the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from infra.cluster.description import ClusterDescription
from infra.kafka import clients
from schemas import wire
from schemas.commands import Command
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.lifecycle import OrderInitiated
from schemas.topics import DESK_PARTITIONS, written_by
from streams.engine.reading import check
from tests.chaos.firm import LoadSystem
from tests.chaos.verdict import Stored, Verdict, audit
from tests.chaos.workers import Fault, Workers

COMMANDS_A_SECOND: Final = 150
DUPLICATE_RATE: Final = 0.05
SETTLE_SECONDS: Final = 4.0
"""Before the first fault: all workers have their partitions."""
DRAIN_SECONDS_MAX: Final = 120.0
LOOK_SECONDS: Final = 0.05


@dataclass(slots=True)
class Watch:
    """Reads the desk's log as it grows: what stands there, and how soon after each fault every partition answered again."""

    description: ClusterDescription
    stored: list[Stored] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    sent_at: dict[str, float] = field(default_factory=dict)
    recoveries: list[float] = field(default_factory=list)
    _open: list[tuple[Fault, set[int]]] = field(default_factory=list)
    _consumer: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self._consumer = clients.consumer(self.description, "client")
        topics = [topic.name for topic in written_by("desk")]
        self._consumer.assign([TopicPartition(topic, n, 0) for topic in topics for n in range(DESK_PARTITIONS)])

    def struck(self, fault: Fault) -> None:
        """From now on each partition owes an answer to a command that is sent after the fault."""
        self._open.append((fault, set(range(DESK_PARTITIONS))))

    def look(self, seconds: float = 0.0) -> int:
        """Take in what has been committed; how many records that was."""
        messages = [each for each in self._consumer.consume(5_000, seconds) if check(each) is not None]
        for message in messages:
            event = wire.decode(str(message.topic()), message.value() or b"")
            assert isinstance(event, Event), "the desk's topics hold events"
            partition = int(message.partition() or 0)
            self.stored.append(Stored(partition, event, message.value() or b""))
            if isinstance(event, OrderInitiated | CommandRejected):
                command_id = event.command_id if isinstance(event, CommandRejected) else event.command.command_id
                self.answered.add(command_id)
                self._recover(partition, self.sent_at.get(command_id, 0.0))
        return len(messages)

    def _recover(self, partition: int, sent_at: float) -> None:
        for fault, owing in self._open:
            if sent_at > fault.at:
                owing.discard(partition)
                if not owing:
                    self.recoveries.append((time.monotonic() - fault.at) * 1_000)
        self._open = [(fault, owing) for fault, owing in self._open if owing]


@dataclass(slots=True)
class Load:
    """Commands at a steady rate, a few of them twice, straight onto the topic."""

    system: LoadSystem
    random: Random
    watch: Watch
    producer: Producer
    sent: set[str] = field(default_factory=set)

    def send(self, count: int) -> None:
        """Send so many commands."""
        for _ in range(count):
            command = self.system.command(self.random)
            self._put(command)
            if self.random.random() < DUPLICATE_RATE:
                self._put(command)
        self.producer.poll(0)

    def _put(self, command: Command) -> None:
        self.sent.add(command.command_id)
        self.watch.sent_at.setdefault(command.command_id, time.monotonic())
        self.producer.produce("commands", wire.encode(command), command.desk_id.encode())


def run(  # noqa: PLR0913 - by name
    description: ClusterDescription,
    system: LoadSystem,
    *,
    seed: int,
    seconds: float,
    faults_min: int,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Run for `seconds`, and on until `faults_min` faults have struck; the findings, ready for JSON."""
    random, workers, watch = Random(seed), Workers(description.runtime), Watch(description)
    load = Load(system, random, watch, clients.producer(description, "system"))
    workers.start()
    try:
        begun = time.monotonic()
        for _ in _ticks(begun, load, workers, watch):
            elapsed = time.monotonic() - begun
            if elapsed > seconds and len(workers.faults) >= faults_min:
                break
            if elapsed > SETTLE_SECONDS and _is_time(random, workers, seconds, faults_min):
                fault = workers.strike(random)
                watch.struck(fault)
                progress(f"{elapsed:6.1f} s  {fault.kind:5}  sent {len(load.sent)}, answered {len(watch.answered)}")
        _drain(load, workers, watch)
    finally:
        workers.stop()
    return _report(seed, workers, load, watch)


def _ticks(begun: float, load: Load, workers: Workers, watch: Watch) -> Iterator[None]:
    """Steady load, whatever else takes time."""
    while True:
        due = int((time.monotonic() - begun) * COMMANDS_A_SECOND) - len(load.sent)
        load.send(max(0, min(due, COMMANDS_A_SECOND)))
        watch.look(LOOK_SECONDS)
        workers.tend()
        yield


def _is_time(random: Random, workers: Workers, seconds: float, faults_min: int) -> bool:
    """Faults come at random moments, so many a second that the run has enough of them."""
    a_second = max(faults_min / seconds * 1.3, 0.25)
    last = workers.faults[-1].at if workers.faults else 0.0
    return time.monotonic() - last > 0.3 / a_second and random.random() < a_second * LOOK_SECONDS * 1.5


def _drain(load: Load, workers: Workers, watch: Watch) -> None:
    """No more commands: wait until every one is answered, and the log has been quiet for a while."""
    load.producer.flush(DRAIN_SECONDS_MAX)
    deadline, quiet = time.monotonic() + DRAIN_SECONDS_MAX, 0
    while time.monotonic() < deadline and quiet < 10:
        workers.tend()
        quiet = 0 if watch.look(0.2) or load.sent - watch.answered else quiet + 1


def _report(seed: int, workers: Workers, load: Load, watch: Watch) -> dict[str, Any]:
    verdict: Verdict = audit(watch.stored, load.sent)
    recoveries = sorted(watch.recoveries)
    return {
        "seed": seed,
        "commands": len(load.sent),
        "faults": workers.counts(),
        **asdict(verdict),
        "refused_by_signer": 0,
        "recovery_ms": {
            "p50": round(recoveries[len(recoveries) // 2]) if recoveries else None,
            "max": round(recoveries[-1]) if recoveries else None,
        },
        "events": len(watch.stored),
    }
