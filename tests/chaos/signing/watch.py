"""Follows orders' events as they are committed, and measures how soon after each fault every wallet signs again.

A wallet has recovered from a fault when an order that was sent after it is signed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.events.base import Event
from schemas.events.lifecycle import Confirmed, OrderClosed, Signed
from schemas.partitioning import desk_partition
from schemas.topics import TOPICS
from schemas.values import OrderId, WalletId
from streams.engine.reading import check
from streams.samples.institution import DESK
from tests.chaos.signing.faults import Fault
from tests.chaos.signing.load import SentOrder

FOLLOWED: Final = tuple(
    topic.name for topic in TOPICS.values() if topic.record and issubclass(topic.record, Event) and topic.key == "desk_id"
)
LOOK_RECORDS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as it stands on its topic."""

    event: Event
    value: bytes


@dataclass(slots=True)
class Recovery:
    """The recoveries that a fault still owes, and the seconds after it at which each came."""

    fault: Fault
    unsigned: set[WalletId]
    seconds: float | None = None

    def signed(self, sent: SentOrder) -> None:
        """An order was signed."""
        if sent.at > self.fault.at and sent.wallet_id in self.unsigned:
            self.unsigned.discard(sent.wallet_id)
            if not self.unsigned:
                self.seconds = time.monotonic() - self.fault.at


@dataclass
class Watch:
    """Reads the desk's partition from its first record on."""

    description: ClusterDescription
    sent: Mapping[OrderId, SentOrder]
    stored: list[Stored] = field(default_factory=list)
    signed: set[OrderId] = field(default_factory=set)
    ended: set[OrderId] = field(default_factory=set)
    recoveries: list[Recovery] = field(default_factory=list)

    @cached_property
    def _consumer(self) -> Consumer:
        consumer = clients.consumer(self.description, "client")
        number = desk_partition(DESK.encode())
        consumer.assign([TopicPartition(topic, number, 0) for topic in FOLLOWED])
        return consumer

    @property
    def is_done(self) -> bool:
        """True once every order has ended."""
        return self.sent.keys() <= self.ended

    def struck(self, fault: Fault) -> None:
        """From now on each wallet owes a signature."""
        self.recoveries.append(Recovery(fault, {each.wallet_id for each in self.sent.values()}))

    def look(self, seconds: float) -> int:
        """Take in what has been committed; how many records that was."""
        messages = [each for each in self._consumer.consume(LOOK_RECORDS_MAX, seconds) if check(each) is not None]
        for message in messages:
            value = message.value() or b""
            event = wire.decode(str(message.topic()), value)
            assert isinstance(event, Event), "these topics hold events"
            self.stored.append(Stored(event, value))
            self._take(event)
        return len(messages)

    def _take(self, event: Event) -> None:
        match event:
            case Signed() if event.order_id in self.sent:
                self.signed.add(event.order_id)
                for recovery in self.recoveries:
                    recovery.signed(self.sent[event.order_id])
            case Confirmed() | OrderClosed():
                self.ended.add(event.order_id)
            case _:
                pass
