"""`SimulatedLog`: Kafka as far as the engine relies on it, in memory, driven by a seed. The deciders run on it unchanged.

What it keeps true, as Kafka does: order within a partition, transactions that show all or nothing, committed offsets that move
with them, and fencing of a worker whose partitions were given to another (KIP-447). What it makes happen, from the seed:
crashes before and after a transaction, workers that were taken for dead and wake up, duplicates of commands, any interleaving
of topics, and delays. After TigerBeetle's VOPR: a failing seed is a test.

Left out: brokers that die and markers that arrive late; for these there is `make chaos` on real brokers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from schemas import wire
from schemas.hash_chain import digest_of
from schemas.partitioning import desk_partition
from schemas.topics import DESK_PARTITIONS, TOPIC_OF, TOPICS
from schemas.values import Instant, Record
from streams.engine.headers import source_header, source_of
from streams.engine.partition import Partition
from streams.engine.reading import UNTRUSTED_TOPICS
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Processor, Received, Recorded

BATCH_INPUTS_MAX: Final = 7
STEP_MICROS_MAX: Final = 50_000


class Fenced(Exception):
    """A worker tried to commit for partitions that were assigned to another."""


class NeverQuiet(AssertionError):
    """The simulation did not come to rest within its steps."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record on the simulated log."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The events that one input (None: the passing of time) led to on one partition."""

    number: int
    received: Received | None
    chained: list[ChainedEvent]


@dataclass(slots=True)
class Worker:
    """One life of a worker: from an assignment to its crash."""

    processor: Processor[Any, Any]
    generation: int
    partitions: dict[int, Partition[Any, Any]]
    positions: dict[tuple[str, int], int]


@dataclass(slots=True)
class SimulatedLog:
    """A log, its workers, and the faults that befall them."""

    seed: int
    crash_rate: float = 0.05
    duplicate_rate: float = 0.05
    zombie_rate: float = 0.02
    now: Instant = 1_760_000_000_000_000
    faults: Counter[str] = field(default_factory=Counter)
    entries: dict[tuple[str, int], list[Entry]] = field(default_factory=lambda: defaultdict(list))
    _random: Random = field(init=False)
    _committed: dict[tuple[str, str, int], int] = field(default_factory=dict)
    _generation: Counter[str] = field(default_factory=Counter)
    _factories: list[Callable[[], Processor[Any, Any]]] = field(default_factory=list)
    _workers: list[Worker] = field(default_factory=list)
    _zombies: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - a repeatable simulation, not a secret

    def run(self, factory: Callable[[], Processor[Any, Any]]) -> None:
        """Put a processor to work; `factory` is called again for every life, so that nothing survives a crash."""
        self._factories.append(factory)
        self._workers.append(self._assign(factory()))

    def publish(self, record: Record, key: str) -> None:
        """Write a record from outside (a command, an event under test), now and then twice."""
        topic = TOPIC_OF[type(record)].name
        entry = Entry(key.encode(), wire.encode(record))
        self.publish_bytes(topic, entry)
        if topic in UNTRUSTED_TOPICS and self._random.random() < self.duplicate_rate:
            self.faults["duplicate"] += 1
            self.publish_bytes(topic, entry)

    def publish_bytes(self, topic: str, entry: Entry) -> None:
        """Write raw bytes from outside."""
        number = desk_partition(entry.key) if TOPICS[topic].partitions > 1 else 0
        self.entries[topic, number].append(entry)

    def settle(self, steps_max: int = 10_000) -> None:
        """Step until every input is answered.

        Raises:
            NeverQuiet: it does not come to rest; the message names the seed.
        """
        quiet = 0
        for _ in range(steps_max):
            quiet = 0 if self.step() else quiet + 1
            if quiet > 3 * len(self._workers) and not self._waiting():
                return
        message = f"seed {self.seed}: not quiet after {steps_max} steps"
        raise NeverQuiet(message)

    def step(self) -> bool:
        """Let one worker take one batch, and perhaps die over it. Return True if anything was written."""
        self.now += self._random.randrange(1, STEP_MICROS_MAX)
        index = self._random.randrange(len(self._workers))
        self._wake_a_zombie()
        worker, fate = self._workers[index], self._random.random()
        answers = self._decide(worker)
        if fate < self.crash_rate:
            self.faults["crash before commit"] += 1
            self._restart(index)
            return True
        self._transact(worker, answers)
        if fate < 2 * self.crash_rate:
            self.faults["crash after commit"] += 1
            self._restart(index)
        elif fate < 2 * self.crash_rate + self.zombie_rate:
            self.faults["zombie"] += 1
            self._zombies.append(worker)
            self._restart(index)
        return bool(answers)

    def events(self, *topics: str) -> list[Recorded]:
        """Return all records on `topics`, partition by partition, in each writer's order of position."""
        found: list[tuple[int, int, Recorded]] = []
        for (topic, number), entries in self.entries.items():
            for entry in entries if topic in topics else ():
                event: Any = wire.decode(topic, entry.value)
                found.append((number, event.position, Recorded(topic, event, digest_of(entry.value))))
        return [recorded for _, _, recorded in sorted(found, key=lambda item: item[:2])]

    def is_current(self, worker: Worker) -> bool:
        """Return True if the worker still owns its partitions; a real broker knows this from the group's generation."""
        return worker.generation == self._generation[worker.processor.principal]

    def _assign(self, processor: Processor[Any, Any]) -> Worker:
        group = processor.principal
        self._generation[group] += 1
        worker = Worker(processor, self._generation[group], {}, {})
        for number in range(DESK_PARTITIONS):
            partition: Partition[Any, Any] = Partition(processor, number)
            for topic in self._random.sample(processor.outputs, len(processor.outputs)):
                for entry in self.entries[topic, number]:
                    recorded = Recorded(topic, wire.decode(topic, entry.value), digest_of(entry.value))  # type: ignore[arg-type]
                    partition.replay(recorded, *source_of(entry.headers))
            partition.replayed()
            starts = {topic: self._committed.get((group, topic, number), 0) for topic in processor.inputs}
            partition.start_at(starts)
            worker.partitions[number] = partition
            worker.positions |= {(topic, number): offset for topic, offset in starts.items()}
        return worker

    def _restart(self, index: int) -> None:
        self._workers[index] = self._assign(self._factories[index]())

    def _wake_a_zombie(self) -> None:
        """Let a worker that was taken for dead go on where it was. Fencing must stop all its writes."""
        if not self._zombies or self._random.random() > self.zombie_rate:
            return
        zombie = self._zombies.pop()
        answers = self._decide(zombie)
        if not answers:
            return
        try:
            self._transact(zombie, answers)
        except Fenced:
            self.faults["fenced"] += 1
            return
        message = f"seed {self.seed}: a worker wrote after its partitions were given away"
        raise AssertionError(message)

    def _decide(self, worker: Worker) -> list[Answer]:
        worker.processor.refresh(self.now)
        parked = [received for partition in worker.partitions.values() for received in partition.parked()]
        answers = [
            Answer(received.partition, received, worker.partitions[received.partition].offer(received, self.now))
            for received in parked + self._inputs(worker)
        ]
        answers += [Answer(number, None, each.tick(self.now)) for number, each in worker.partitions.items()]
        return [answer for answer in answers if answer.chained]

    def _inputs(self, worker: Worker) -> list[Received]:
        """Return a batch in any interleaving of topics and partitions, in order within each."""
        batch: list[Received] = []
        for _ in range(self._random.randrange(1, BATCH_INPUTS_MAX + 1)):
            ready = [place for place, offset in worker.positions.items() if offset < len(self.entries[place])]
            if not ready:
                break
            place = self._random.choice(sorted(ready))
            batch.append(self._received(*place, worker.positions[place]))
            worker.positions[place] += 1
        return batch

    def _received(self, topic: str, number: int, offset: int) -> Received:
        entry = self.entries[topic, number][offset]
        given = (topic, number, offset, entry.key, entry.value, digest_of(entry.value))
        try:
            return Received(*given, wire.decode(topic, entry.value))
        except wire.Unreadable as error:
            if topic not in UNTRUSTED_TOPICS:
                raise
            return Received(*given, None, str(error), error.content)

    def _transact(self, worker: Worker, answers: Sequence[Answer]) -> None:
        """Events and offsets, together or not at all."""
        group = worker.processor.principal
        if not self.is_current(worker):
            raise Fenced(group)
        for answer in answers:
            source = answer.received
            headers = () if source is None else (source_header(source.topic, source.offset),)
            for chained in answer.chained:
                self.entries[chained.topic, answer.number].append(Entry(chained.key, chained.value, headers))
        for number, partition in worker.partitions.items():
            for topic, offset in partition.offsets().items():
                self._committed[group, topic, number] = offset

    def _waiting(self) -> bool:
        """Return True if an input is parked, or was not read by the worker that owns it."""
        return any(
            worker.positions[place] < len(self.entries[place]) or worker.partitions[place[1]].parked()
            for worker in self._workers
            for place in worker.positions
        )
