"""`order-latency`: times one order at a time that needs no approval, on an idle system with instant mining, from its command.

Ours is the time to `confirmed`; beside it the time to `policy-evaluated`, and as the floor a record that is written and read
back without any transaction. Milliseconds: lower is better. A whole system is expected.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from statistics import median
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from commands.client import Ed25519KeyFile
from commands.client.signing import signed
from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.commands import InitiateOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.lifecycle import Confirmed, OrderHeld, PolicyEvaluated, SigningRefused
from schemas.orders import Transfer
from schemas.topics import DESK_PARTITIONS, TOPIC_OF
from streams.samples.institution import DESK, PAYEE, SYSTEM, SYSTEM_KEY, WALLET, institution_of
from tests.bench.report import Result

WARM_UP_ORDERS: Final = 20
ORDERS_A_RUN: Final = 60
RUNS: Final = 3
ORDER_SECONDS_MAX: Final = 20.0
_WATCHED: Final = (PolicyEvaluated, Confirmed, CommandRejected, OrderHeld, SigningRefused)


class OrderFailed(Exception):
    """An order did not reach confirmation: there is nothing to measure."""


def run(description: ClusterDescription) -> list[Result]:
    """Orders one after the other; medians of each run."""
    course = Course(description)
    for _ in range(WARM_UP_ORDERS):
        course.order()
        course.record()
    runs: dict[str, list[float]] = {"ours": [], "floor": [], "to policy-evaluated": []}
    for _ in range(RUNS):
        timed = [course.order() for _ in range(ORDERS_A_RUN)]
        runs["ours"].append(median(confirmed for _, confirmed in timed))
        runs["to policy-evaluated"].append(median(evaluated for evaluated, _ in timed))
        runs["floor"].append(median(course.record() for _ in range(ORDERS_A_RUN)))
    return [Result.of("order-latency", "ms p50", runs, "ours: command to confirmed; floor: a record written and read back")]


class Course:
    """One sender and one reader, connected once."""

    def __init__(self, description: ClusterDescription) -> None:
        self._signer = Ed25519KeyFile(institution_of(description).system_key_file, SYSTEM_KEY)
        self._producer: Producer = clients.producer(description, "system")
        self._events = _at_end(description, [TOPIC_OF[each].name for each in _WATCHED])
        self._commands = _at_end(description, ["commands"])

    def order(self) -> tuple[float, float]:
        """Milliseconds from writing a command to its `policy-evaluated` and to its `confirmed`.

        Raises:
            OrderFailed: it did not get there.
        """
        action = Transfer(asset_id="USDC", amount=Decimal("1.25"), destination=PAYEE)
        command = signed(
            self._signer,
            command_id=str(uuid.uuid4()),
            desk_id=DESK,
            principal=SYSTEM,
            issued_at=time.time_ns() // 1_000,
            body=InitiateOrder(wallet_id=WALLET, action=action),
        )
        begun = time.perf_counter()
        self._producer.produce("commands", wire.encode(command), DESK.encode())
        self._producer.poll(0)
        evaluated = 0.0
        for event, at in self._arriving():
            match event:
                case PolicyEvaluated():
                    evaluated = (at - begun) * 1_000
                case Confirmed():
                    return evaluated, (at - begun) * 1_000
                case _:
                    raise OrderFailed(f"{type(event).__name__}: {event!s:.300}")
        raise OrderFailed(f"no confirmation within {ORDER_SECONDS_MAX} s")

    def record(self) -> float:
        """Milliseconds from writing a record to reading it back: bytes that no desk can read, so that nothing else moves."""
        while self._commands.poll(0) is not None:
            pass
        begun = time.perf_counter()
        self._producer.produce("commands", b"floor", DESK.encode())
        self._producer.poll(0)
        message = self._commands.poll(ORDER_SECONDS_MAX)
        if message is None or message.error() is not None:
            raise OrderFailed("the record was not read back")
        return (time.perf_counter() - begun) * 1_000

    def _arriving(self) -> Iterator[tuple[Event, float]]:
        deadline = time.monotonic() + ORDER_SECONDS_MAX
        while time.monotonic() < deadline:
            message = self._events.poll(0.5)
            at = time.perf_counter()
            if message is not None and message.error() is None:
                event = wire.decode(str(message.topic()), message.value() or b"")
                assert isinstance(event, Event), "these topics hold events"
                yield event, at


def _at_end(description: ClusterDescription, topics: list[str]) -> Consumer:
    """A reader that begins after what is there."""
    consumer = clients.consumer(description, "client")
    places = [TopicPartition(topic, number) for topic in topics for number in range(DESK_PARTITIONS)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=ORDER_SECONDS_MAX)[1]
    consumer.assign(places)
    return consumer
