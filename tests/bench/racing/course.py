"""The course that contenders run: fresh topics that hold the commands, a clock, and a reader of the output.

The clock is the broker's (`LogAppendTime`), the same for everybody. A command counts when its reservation stands on the
log in a committed transaction; the first `warm_up` of them do not, since processes and the broker are still getting warm.
Who writes elsewhere than to Kafka times itself in the same way, and says what it found as the last line it prints.
Beside the rate stands the processor time that a contender's own processes took a command: on a machine that others use, too,
rates swing with what is left, and this hardly does.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import psutil
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.kafka import clients, topics
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.events.base import FirmEvent
from schemas.topics import DESK_PARTITIONS, FIRM_KEY, TOPIC_OF, snapshots, written_by
from schemas.values import MICROS_PER_SECOND
from streams.engine.reading import check
from tests.bench.racing.contenders import Contender, ContenderFailed, running
from tests.bench.racing.keyed import Keyed
from tests.bench.report import say

COUNTED: Final = "limit-reserved"
"""The one small event that every contender writes for every command."""
OUTPUTS: Final = tuple(topic.name for topic in written_by("desk"))
RUN_SECONDS_MAX: Final = 400
REQUEST_SECONDS_MAX: Final = 30
LOOK_RECORDS_MAX: Final = 20_000
LOOK_SECONDS: Final = 0.5
"""How often the log is looked at: seldom, since looking costs the contender some of the machine."""
TOPICS_POLL_SECONDS: Final = 0.05
FETCH_BYTES_MIN: Final = 100_000
MS_PER_SECOND: Final = 1_000
LOG_BYTES_SHOWN: Final = 2_000


class Course:
    """One cluster on which contenders run, one after another."""

    def __init__(self, description: ClusterDescription, firm: Sequence[FirmEvent] = ()) -> None:
        """`firm`: what governance has said, once for all."""
        self._description = description
        self._admin = clients.admin(description, "admin")
        self._spent: dict[str, list[float]] = {}
        producer = self._producer()
        for event in firm:
            producer.produce(TOPIC_OF[type(event)].name, wire.encode(event), FIRM_KEY.encode(), partition=0)
        producer.flush(REQUEST_SECONDS_MAX)

    def rounds(self, contenders: Sequence[Contender], commands: Sequence[Keyed], rounds: int) -> dict[str, list[float]]:
        """Commands per second of each contender in each round; nobody is always first, when the broker is least warm.

        A contender that fails is reported and runs no more; what it reached before counts.
        """
        rates: dict[str, list[float]] = {}
        running = list(contenders)
        for round_ in range(rounds):
            first = round_ % len(contenders)
            for each in (*contenders[first:], *contenders[:first]):
                if each not in running:
                    continue
                try:
                    rate = self.run(each, commands[: each.records])
                except ContenderFailed as failure:
                    say(f"round {round_ + 1}: {each.name} failed and runs no more: {failure}")
                    running.remove(each)
                    continue
                say(f"round {round_ + 1}: {each.name} {rate:,.0f} commands/s")
                rates.setdefault(each.name, []).append(rate)
        return rates

    def processor_time(self) -> str:
        """Processor time per command of each contender, in one line."""
        each = ", ".join(f"{name} {median(micros):.0f}" for name, micros in self._spent.items())
        return f"processor time of the contenders' own processes, µs a command, medians: {each}"

    def run(self, contender: Contender, commands: Sequence[Keyed]) -> float:
        """Commands per second.

        Raises:
            ContenderFailed: it stopped, took too long, or did not write exactly what it should.
        """
        self.lay(commands)
        log = self._description.runtime / "logs" / f"{contender.name}.log"
        with running(contender, self._description, log) as processes:
            if not contender.events:
                return _told(contender, processes, log)
            counted = self._counted(contender, processes, len(commands), log)
        self._check(contender, len(commands))
        return (len(commands) - contender.warm_up) / (counted[-1] - counted[contender.warm_up - 1])

    def lay(self, commands: Iterable[Keyed]) -> None:
        """Fresh topics, with `commands` on theirs."""
        self._renew()
        self._preload(commands)

    def _renew(self) -> None:
        """Topics anew; with them go the offsets that groups have committed on them.

        The controller answers before the broker follows, so this waits until the broker no longer shows the old topics, and
        then until it serves the new ones. While it does not, a producer's first records on a partition can be acknowledged and
        lost (seen: 2 to 8 of 400). Of two batches under way the first is refused; the second is taken, since a partition that
        does not know the producer takes any number; the first, sent again, is taken for a duplicate.
        """
        names = ["commands", *OUTPUTS, snapshots("desk").name]
        for answer in self._admin.delete_topics(names, request_timeout=REQUEST_SECONDS_MAX).values():
            answer.result(REQUEST_SECONDS_MAX)
        self._await_gone(names)
        topics.create(self._admin)
        topics.await_served(clients.admin(self._description, "client"))
        clock = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
        stamped = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[clock]) for name in OUTPUTS]
        for answer in self._admin.incremental_alter_configs(stamped).values():
            answer.result(REQUEST_SECONDS_MAX)

    def _await_gone(self, names: Collection[str]) -> None:
        deadline = time.monotonic() + RUN_SECONDS_MAX
        while not self._admin.list_topics(timeout=REQUEST_SECONDS_MAX).topics.keys().isdisjoint(names):
            if time.monotonic() > deadline:
                raise ContenderFailed(f"the broker still shows topics that were deleted {RUN_SECONDS_MAX} s ago")
            time.sleep(TOPICS_POLL_SECONDS)

    def _preload(self, commands: Iterable[Keyed]) -> None:
        producer = self._producer()
        for command in commands:
            producer.produce("commands", command.value, command.key)
        producer.flush(REQUEST_SECONDS_MAX)

    def _producer(self) -> Producer:
        return clients.producer(self._description, "admin", {"linger.ms": 20, "queue.buffering.max.messages": 1_000_000})

    def _counted(self, contender: Contender, processes: list[subprocess.Popen[bytes]], count: int, log: Path) -> list[float]:
        """The time of each answer, in seconds, in order."""
        appended: list[float] = []
        clock = _ProcessorClock(processes)
        deadline = time.monotonic() + RUN_SECONDS_MAX
        consumer = self._consumer((COUNTED,))
        while len(appended) < count:
            seen = _look(consumer)
            appended += [message.timestamp()[1] / MS_PER_SECOND for message in seen]
            clock.look()
            if not seen and (any(each.poll() is not None for each in processes) or time.monotonic() > deadline):
                raise ContenderFailed(
                    f"{contender.name} stopped, or hung, after {len(appended)} of {count} commands:\n{last_of(log)}"
                )
        consumer.close()
        appended.sort()
        spent = clock.at(appended[-1]) - clock.at(appended[contender.warm_up - 1])
        self._spent.setdefault(contender.name, []).append(spent / (count - contender.warm_up) * MICROS_PER_SECOND)
        return appended

    def _check(self, contender: Contender, commands: int) -> None:
        """One event of each kind for each command: nothing lost, nothing twice, nothing else."""
        expected = dict.fromkeys(contender.events, commands)
        written: Counter[str] = Counter()
        deadline = time.monotonic() + RUN_SECONDS_MAX
        consumer = self._consumer(OUTPUTS)
        seen: list[Message] = []
        while (seen or written.total() < sum(expected.values())) and time.monotonic() < deadline:
            seen = _look(consumer)
            written.update(str(message.topic()) for message in seen)
        consumer.close()
        if written != expected:
            raise ContenderFailed(f"{contender.name} wrote {dict(written)} for {commands} commands instead of {expected}")

    def _consumer(self, names: Sequence[str]) -> Consumer:
        """A reader of committed records of some topics, from the beginning."""
        patient = {"fetch.min.bytes": FETCH_BYTES_MIN, "fetch.wait.max.ms": int(LOOK_SECONDS * MS_PER_SECOND)}
        consumer = clients.consumer(self._description, "client", patient)
        consumer.assign([TopicPartition(name, number, 0) for name in names for number in range(DESK_PARTITIONS)])
        return consumer


def _look(consumer: Consumer) -> list[Message]:
    messages = consumer.consume(LOOK_RECORDS_MAX, LOOK_SECONDS)
    return [message for message in messages if check(message) is not None]


class _ProcessorClock:
    """Reads the processor time of some processes with all their threads, at any moment between two samples."""

    def __init__(self, processes: Iterable[subprocess.Popen[bytes]]) -> None:
        self._processes = [psutil.Process(each.pid) for each in processes]
        self._looks: list[tuple[float, float]] = []
        self.look()

    def look(self) -> None:
        """Note how much it is now."""
        times = [each.cpu_times() for each in self._processes]
        self._looks.append((time.time(), sum(each.user + each.system for each in times)))

    def at(self, moment: float) -> float:
        """Seconds of processor time at a moment on the broker's clock, which is this machine's."""
        before = [look for look in self._looks if look[0] <= moment] or self._looks[:1]
        after = [look for look in self._looks if look[0] > moment] or self._looks[-1:]
        (begun, low), (ended, high) = before[-1], after[0]
        return low if ended == begun else low + (high - low) * (moment - begun) / (ended - begun)


def _told(contender: Contender, processes: list[subprocess.Popen[bytes]], log: Path) -> float:
    """The result of a contender that times itself."""
    try:
        for process in processes:
            process.wait(RUN_SECONDS_MAX)
        return float(last_of(log).splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ContenderFailed(f"{contender.name} told nothing:\n{last_of(log)}") from error


def last_of(log: Path) -> str:
    """The last line that a process printed."""
    return log.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace")
