"""The course that contenders run: fresh topics with the commands on them, a clock, and a look at what was written.

The clock is the broker's (`LogAppendTime`), the same for everybody. A command counts when its reservation stands on the
log in a committed transaction; the first `warm_up` of them do not, since processes and the broker are still getting warm.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Sequence
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
from tests.bench.desk.contenders import Contender, ContenderFailed, running
from tests.bench.desk.workload import Keyed

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


class Course:
    """One cluster on which contenders run, one after another."""

    def __init__(self, description: ClusterDescription, firm: Sequence[FirmEvent]) -> None:
        self._description = description
        self._admin = clients.admin(description, "admin")
        producer = self._producer()
        for event in firm:
            producer.produce(TOPIC_OF[type(event)].name, wire.encode(event), FIRM_KEY.encode(), partition=0)
        producer.flush(REQUEST_SECONDS_MAX)

    def run(self, contender: Contender, commands: Sequence[Keyed]) -> float:
        """Commands per second.

        Raises:
            ContenderFailed: it stopped, took too long, or did not write exactly what it should.
        """
        self._renew()
        self._preload(commands)
        log = self._description.runtime / "logs" / f"{contender.name}.log"
        with running(contender, self._description, log) as process:
            counted = self._counted(contender, process, len(commands), log)
        self._check(contender, len(commands))
        return (len(commands) - contender.warm_up) / (counted[-1] - counted[contender.warm_up - 1])

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

    def _counted(self, contender: Contender, process: subprocess.Popen[bytes], count: int, log: Path) -> list[float]:
        """When each command was answered, in seconds, in order."""
        appended: list[float] = []
        deadline = time.monotonic() + RUN_SECONDS_MAX
        consumer = self._consumer((COUNTED,))
        while len(appended) < count:
            seen = _look(consumer)
            appended += [message.timestamp()[1] / MS_PER_SECOND for message in seen]
            if not seen and (process.poll() is not None or time.monotonic() > deadline):
                last = log.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace")
                raise ContenderFailed(f"{contender.name} stopped, or hung, after {len(appended)} of {count} commands:\n{last}")
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
