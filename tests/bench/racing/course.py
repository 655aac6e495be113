"""The course that contenders run: fresh topics with the commands on them, a clock, and a look at what was written.

The clock is the broker's (`LogAppendTime`), the same for everybody. A command counts when its reservation stands on the
log in a committed transaction; the first `warm_up` of them do not, since processes and the broker are still getting warm.
Who writes elsewhere than to Kafka times itself in the same way, and says what it found as the last line it prints.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.cluster.description import ClusterDescription
from infra.kafka import clients, topics
from schemas import wire
from schemas.events.base import FirmEvent
from schemas.topics import DESK_PARTITIONS, FIRM_KEY, TOPIC_OF, snapshots, written_by
from streams.engine.reading import check
from tests.bench.racing.contenders import Contender, ContenderFailed, running

COUNTED: Final = "limit-reserved"
"""The one small event that every contender writes for every command."""
OUTPUTS: Final = tuple(topic.name for topic in written_by("desk"))
RUN_SECONDS_MAX: Final = 180
REQUEST_SECONDS_MAX: Final = 30
LOOK_RECORDS_MAX: Final = 20_000
LOOK_SECONDS: Final = 0.5
"""How often the log is looked at: seldom, since looking costs the contender some of the machine."""
FETCH_BYTES_MIN: Final = 100_000
MS_PER_SECOND: Final = 1_000
LOG_BYTES_SHOWN: Final = 2_000


@dataclass(frozen=True, slots=True)
class Keyed:
    """A record with its key."""

    key: bytes
    value: bytes


class Course:
    """One cluster on which contenders run, one after another."""

    def __init__(self, description: ClusterDescription, firm: Sequence[FirmEvent] = ()) -> None:
        """`firm`: what governance has said, once for all."""
        self._description = description
        self._admin = clients.admin(description, "admin")
        producer = self._producer()
        for event in firm:
            producer.produce(TOPIC_OF[type(event)].name, wire.encode(event), FIRM_KEY.encode(), partition=0)
        producer.flush(REQUEST_SECONDS_MAX)

    def rounds(self, contenders: Sequence[Contender], commands: Sequence[Keyed], rounds: int) -> dict[str, list[float]]:
        """Commands per second of each contender in each round; nobody is always first, when the broker is least warm."""
        rates: dict[str, list[float]] = {each.name: [] for each in contenders}
        for round_ in range(rounds):
            first = round_ % len(contenders)
            for each in (*contenders[first:], *contenders[:first]):
                rates[each.name].append(self.run(each, commands[: each.records]))
        return rates

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
        """Topics anew; with them go the offsets that groups have committed on them."""
        names = ["commands", *OUTPUTS, snapshots("desk").name]
        for answer in self._admin.delete_topics(names, request_timeout=REQUEST_SECONDS_MAX).values():
            answer.result(REQUEST_SECONDS_MAX)
        topics.create(self._admin)
        clock = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
        stamped = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[clock]) for name in OUTPUTS]
        for answer in self._admin.incremental_alter_configs(stamped).values():
            answer.result(REQUEST_SECONDS_MAX)

    def _preload(self, commands: Iterable[Keyed]) -> None:
        producer = self._producer()
        for command in commands:
            producer.produce("commands", command.value, command.key)
        producer.flush(REQUEST_SECONDS_MAX)

    def _producer(self) -> Producer:
        return clients.producer(self._description, "admin", {"linger.ms": 20, "queue.buffering.max.messages": 1_000_000})

    def _counted(self, contender: Contender, processes: list[subprocess.Popen[bytes]], count: int, log: Path) -> list[float]:
        """When each command was answered, in seconds, in order."""
        appended: list[float] = []
        deadline = time.monotonic() + RUN_SECONDS_MAX
        consumer = self._consumer((COUNTED,))
        while len(appended) < count:
            seen = _look(consumer)
            appended += [message.timestamp()[1] / MS_PER_SECOND for message in seen]
            if not seen and (any(each.poll() is not None for each in processes) or time.monotonic() > deadline):
                raise ContenderFailed(
                    f"{contender.name} stopped, or hung, after {len(appended)} of {count} commands:\n{_last(log)}"
                )
        consumer.close()
        return sorted(appended)

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
        """What a reader of committed records sees of some topics, from the beginning."""
        patient = {"fetch.min.bytes": FETCH_BYTES_MIN, "fetch.wait.max.ms": int(LOOK_SECONDS * MS_PER_SECOND)}
        consumer = clients.consumer(self._description, "client", patient)
        consumer.assign([TopicPartition(name, number, 0) for name in names for number in range(DESK_PARTITIONS)])
        return consumer


def _look(consumer: Consumer) -> list[Message]:
    messages = consumer.consume(LOOK_RECORDS_MAX, LOOK_SECONDS)
    return [message for message in messages if check(message) is not None]


def _told(contender: Contender, processes: list[subprocess.Popen[bytes]], log: Path) -> float:
    """What a contender found that times itself."""
    try:
        for process in processes:
            process.wait(RUN_SECONDS_MAX)
        return float(_last(log).splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ContenderFailed(f"{contender.name} told nothing:\n{_last(log)}") from error


def _last(log: Path) -> str:
    return log.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace")
