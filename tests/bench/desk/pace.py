"""Measures how long a decision takes when commands come at a steady pace: from writing one to reading its answer back.

Commands of a run are signed just before it, so that none is too old however slow the machine is. A run waits as long as answers
keep coming, and fails when none has come for `QUIET_SECONDS_MAX`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.commands import Command
from schemas.events.base import Event
from schemas.topics import DESK_PARTITIONS
from tests.bench.desk import workload
from tests.bench.racing.contenders import Contender, ContenderFailed, running
from tests.bench.racing.course import Course, last_of
from tests.bench.racing.keyed import Keyed

COMMANDS_PER_SECOND: Final = 200
WARM_UP_COMMANDS: Final = 400
RUNS: Final = 3
RUN_COMMANDS: Final = 2_000
QUIET_SECONDS_MAX: Final = 60
"""The longest without any answer; the first one comes after the worker's start."""
LOOK_SECONDS: Final = 0.0005
MS_PER_SECOND: Final = 1_000


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that half, and that all but one in a hundred, of the answers took at most."""

    p50: float
    p99: float


def latencies(course: Course, contender: Contender, description: ClusterDescription) -> Iterator[Latency]:
    """One worker under `COMMANDS_PER_SECOND`, `RUNS` times; gives each run's figures as soon as it is over.

    Raises:
        ContenderFailed: answers stopped coming.
    """
    course.lay([])
    answer = "policy-evaluated" if "policy-evaluated" in contender.events else contender.events[0]
    log = description.runtime / "logs" / f"{contender.name}-at-a-pace.log"
    with running(contender, description, log):
        pacing = _Pacing(description, answer)
        try:
            pacing.run(_commands(0, WARM_UP_COMMANDS))
            for number in range(RUNS):
                yield _latency(pacing.run(_commands(WARM_UP_COMMANDS + number * RUN_COMMANDS, RUN_COMMANDS)))
        except ContenderFailed as failure:
            raise ContenderFailed(f"{contender.name}: {failure}:\n{last_of(log)}") from None


def _commands(first: int, count: int) -> Sequence[Keyed]:
    return list(workload.commands(count, time.time_ns() // 1_000, first))


class _Pacing:
    """One sender and one reader, connected once."""

    def __init__(self, description: ClusterDescription, answer: str) -> None:
        self._producer: Producer = clients.producer(description, "system")
        self._answers: Consumer = clients.consumer(description, "client")
        self._answers.assign([TopicPartition(answer, number, 0) for number in range(DESK_PARTITIONS)])

    def run(self, commands: Sequence[Keyed]) -> list[float]:
        """Milliseconds from writing each command to its answer.

        Raises:
            ContenderFailed: no answer came for `QUIET_SECONDS_MAX`, and some are missing.
        """
        ids = [_id_of(command) for command in commands]
        sent: dict[str, float] = {}
        took: list[float] = []
        begun = heard = time.perf_counter()
        while len(took) < len(commands):
            now = time.perf_counter()
            while len(sent) < len(commands) and now - begun >= len(sent) / COMMANDS_PER_SECOND:
                command = commands[len(sent)]
                sent[ids[len(sent)]] = time.perf_counter()
                self._producer.produce("commands", command.value, command.key, on_delivery=_written)
            self._producer.poll(0)
            for cause, at in self._answered():
                took.append((at - sent[cause]) * MS_PER_SECOND)
                heard = at
            if now - heard > QUIET_SECONDS_MAX:
                raise ContenderFailed(
                    f"{len(took)} of {len(commands)} commands were answered, and none for {QUIET_SECONDS_MAX} s"
                )
        return took

    def _answered(self) -> Iterator[tuple[str, float]]:
        message = self._answers.poll(LOOK_SECONDS)
        if message is not None and message.error() is None:
            at = time.perf_counter()
            event = wire.decode(str(message.topic()), message.value() or b"")
            assert isinstance(event, Event), "these topics hold events"
            yield event.causation_id, at


def _written(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise ContenderFailed(f"a command was not written: {error}")


def _id_of(command: Keyed) -> str:
    record = wire.decode("commands", command.value)
    assert isinstance(record, Command), "this topic holds commands"
    return record.command_id


def _latency(took: Sequence[float]) -> Latency:
    ranked = sorted(took)
    return Latency(ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100])
