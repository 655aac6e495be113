"""`restart`: from starting the desk's process to its first answer, with a million past orders on one partition and with none.

The past is thirty days of orders that were all confirmed, so that their ids are still remembered and their amounts have just
left or are still in the windows; after its last snapshot almost as many events follow as could, before the next would be due.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Final

import psutil
from confluent_kafka import Consumer, TopicPartition

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.commands import Command
from schemas.events.limits import LimitReserved
from schemas.partitioning import desk_partition
from schemas.topics import DESK_PARTITIONS
from streams.engine.snapshots import SNAPSHOT_EVENTS
from streams.engine.stable import stable_ends
from tests.bench.desk import workload
from tests.bench.desk.entrants import OURS
from tests.bench.racing.contenders import ContenderFailed, running
from tests.bench.racing.course import Course, last_of
from tests.bench.racing.keyed import Keyed
from tests.bench.report import Result
from tests.bench.restart.past import DAYS, ORDERS, Past

RUNS: Final = 3
COVERED_DAYS: Final = DAYS + 1
"""How long ago the past begins."""
TAIL_COMMANDS: Final = SNAPSHOT_EVENTS // len(workload.EVENTS_PER_COMMAND) - 1
COMMANDS: Final = DESK_PARTITIONS * (TAIL_COMMANDS + 2 * RUNS)
"""Of all partitions: as many on each."""
ANSWER: Final = "limit-reserved"
READY_SECONDS_MAX: Final = 120
REQUEST_SECONDS_MAX: Final = 30
BYTES_PER_MB: Final = 1_000_000


def run(description: ClusterDescription) -> list[Result]:
    """Starts on an empty log and on a long one, each of them a process of its own.

    Raises:
        ContenderFailed: one did not answer.
    """
    now = time.time_ns() // 1_000
    begun = now - COVERED_DAYS * 86_400 * 1_000_000
    firm, (sample,) = workload.firm(begun), workload.commands(1, begun)
    number = desk_partition(sample.key)
    commands = (each for each in workload.commands(COMMANDS, now) if desk_partition(each.key) == number)
    tail = list(islice(commands, TAIL_COMMANDS))
    course = Course(description, firm)
    course.lay([])
    starts = _Starts(description, number)
    empty = [starts.start(probe) for probe in islice(commands, RUNS)]
    course.lay([])
    past, producer = Past.of(firm, number), clients.producer(description, "admin", {"linger.ms": 20})
    past.live(sample, begun, producer)
    for sealed in past.decide(tail, now):
        producer.produce(sealed.topic, sealed.value, sealed.key, number)
    producer.flush(REQUEST_SECONDS_MAX)
    long = [starts.start(probe) for probe in islice(commands, RUNS)]
    runs = {"ours": [seconds for seconds, _ in long], "floor": [seconds for seconds, _ in empty]}
    memory = ", ".join(f"{who} {max(mb for _, mb in found):.0f}" for who, found in (("ours", long), ("floor", empty)))
    note = (
        f"from the process's start to its first answer; floor: on an empty log. {ORDERS:,} orders over {DAYS} days on one "
        f"partition, {len(tail)} more after the last snapshot. Resident memory then, MB: {memory}"
    )
    return [Result.of("restart", "s", runs, note)]


class _Starts:
    """Starts of the desk's process, and a reader of what it answers."""

    def __init__(self, description: ClusterDescription, number: int) -> None:
        self._description = description
        self._admin = clients.admin(description, "admin")
        self._number = number

    def start(self, probe: Keyed) -> tuple[float, float]:
        """Seconds until a command was answered that had been waiting, and the process's resident memory in MB."""
        command = wire.decode("commands", probe.value)
        assert isinstance(command, Command), "this topic holds commands"
        sender = clients.producer(self._description, "system")
        sender.produce("commands", probe.value, probe.key)
        sender.flush(REQUEST_SECONDS_MAX)
        answers = self._at_end()
        begun = time.perf_counter()
        log = self._description.runtime / "logs" / "restart.log"
        with running(OURS, self._description, log) as processes:
            while command.command_id not in _answered(answers):
                if time.perf_counter() - begun > READY_SECONDS_MAX:
                    raise ContenderFailed(f"no answer within {READY_SECONDS_MAX} s:\n{last_of(log)}")
            seconds = time.perf_counter() - begun
            return seconds, psutil.Process(processes[0].pid).memory_info().rss / BYTES_PER_MB

    def _at_end(self) -> Consumer:
        ends = stable_ends(self._admin, [(ANSWER, self._number)])
        consumer = clients.consumer(self._description, "client")
        consumer.assign([TopicPartition(ANSWER, self._number, ends[ANSWER, self._number])])
        return consumer


def _answered(answers: Consumer) -> Sequence[str]:
    """The commands that are answered by what has just come."""
    message = answers.poll(0.1)
    if message is None or message.error() is not None:
        return ()
    event = wire.decode(ANSWER, message.value() or b"")
    assert isinstance(event, LimitReserved), "this topic holds reservations"
    return (event.causation_id,)
