"""Measures recovery after each fault: on every partition, a command sent since is answered and can be read.

Two moments of each fault: when the last partition's answer is committed (`decided`), and when it stands in PostgreSQL
(`shown`). A fault of the read side has no first moment of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import psycopg
from confluent_kafka import Consumer, Message, TopicPartition

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from projections.storage.roles import READER, conninfo
from schemas import wire
from schemas.events.answers import CommandRejected
from schemas.events.lifecycle import OrderInitiated
from schemas.topics import DESK_PARTITIONS
from streams.engine.reading import check
from tests.chaos.faults import READ_SIDE, Fault

ANSWERS: Final = ("order-initiated", "command-rejected")
SHOWN_LOOK_SECONDS: Final = 0.1
Partition = tuple[str, int]


@dataclass(slots=True)
class Recovery:
    """The recoveries that a fault still owes, and the seconds after it at which each came."""

    fault: Fault
    unanswered: set[int] = field(default_factory=lambda: set(range(DESK_PARTITIONS)))
    unshown: dict[Partition, int] = field(default_factory=dict)
    """Of answers that are committed: the offset that the tables must pass."""
    decided: float | None = None
    shown: float | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds until the part hit by the fault worked again; None: not yet."""
        return self.shown if self.fault.kind in READ_SIDE else self.decided

    def answered(self, sent_at: float, part: Partition, offset: int) -> None:
        """A command was answered there."""
        if sent_at > self.fault.at and part[1] in self.unanswered:
            self.unanswered.discard(part[1])
            self.unshown[part] = max(offset, self.unshown.get(part, 0))
            if not self.unanswered:
                self.decided = time.monotonic() - self.fault.at

    def projected(self, next_offsets: Mapping[Partition, int]) -> None:
        """The tables are that far."""
        self.unshown = {part: offset for part, offset in self.unshown.items() if next_offsets.get(part, 0) <= offset}
        if not self.unanswered and not self.unshown and self.shown is None:
            self.shown = time.monotonic() - self.fault.at


@dataclass
class Watch:
    """Reads answers as they are committed, and how far the tables are."""

    description: ClusterDescription
    sent: Mapping[str, float]
    answered: dict[str, int] = field(default_factory=dict)
    """Answered commands, with the partition of each."""
    recoveries: list[Recovery] = field(default_factory=list)
    _tables: psycopg.Connection[tuple[str, int, int]] | None = None
    _shown_due: float = 0.0

    @cached_property
    def _consumer(self) -> Consumer:
        consumer = clients.consumer(self.description, "client")
        consumer.assign([TopicPartition(topic, number, 0) for topic in ANSWERS for number in range(DESK_PARTITIONS)])
        return consumer

    @property
    def everywhere(self) -> bool:
        """True if every partition has answered a command."""
        return len(set(self.answered.values())) == DESK_PARTITIONS

    def struck(self, fault: Fault) -> None:
        """From now on each partition owes an answer to a command that is sent after the fault."""
        self.recoveries.append(Recovery(fault))

    def look(self, seconds: float = 0.0) -> int:
        """Take in what has been committed, and what is shown; how many answers that was."""
        messages = [each for each in self._consumer.consume(5_000, seconds) if check(each) is not None]
        for message in messages:
            self._take(message)
        if time.monotonic() >= self._shown_due:
            self._shown_due = time.monotonic() + SHOWN_LOOK_SECONDS
            self._look_at_tables()
        return len(messages)

    def _take(self, message: Message) -> None:
        event = wire.decode(str(message.topic()), message.value() or b"")
        assert isinstance(event, OrderInitiated | CommandRejected)
        command_id = event.command_id if isinstance(event, CommandRejected) else event.command.command_id
        part = str(message.topic()), int(message.partition() or 0)
        self.answered[command_id] = part[1]
        for recovery in self._open():
            recovery.answered(self.sent.get(command_id, 0.0), part, int(message.offset() or 0))

    def _look_at_tables(self) -> None:
        waiting = [recovery for recovery in self._open() if recovery.unshown or recovery.shown is None]
        if not waiting:
            return
        try:
            if self._tables is None:
                self._tables = psycopg.connect(conninfo(self.description, READER), autocommit=True)
            rows = self._tables.execute("SELECT topic, partition, next_offset FROM projection.offsets").fetchall()
        except psycopg.Error:
            self._tables = None  # it is away, or its tables are not made yet
            return
        reached = {(topic, partition): next_offset for topic, partition, next_offset in rows}
        for recovery in waiting:
            recovery.projected(reached)

    def _open(self) -> list[Recovery]:
        return [recovery for recovery in self.recoveries if recovery.shown is None]
