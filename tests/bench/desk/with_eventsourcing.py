"""The desk on eventsourcing and PostgreSQL: each command's order and its reservation are saved together, or not at all.

It is spared what our engine does besides: nobody reads its state back, since the desk's state lies in memory, and it commits no
offsets. The last line it prints is how many commands it answered in a second.
"""

from __future__ import annotations

import base64
import os
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Final

import psycopg
from confluent_kafka import Message, TopicPartition
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from projections.storage.roles import PROJECTOR, conninfo
from schemas.topics import DESK_PARTITIONS
from tests.bench.desk.entrants import TOLD_WARM_UP
from tests.bench.desk.peer import PRINCIPAL, Peer

QUIET_SECONDS: Final = 3.0
"""Without another command for so long, all have been read."""


class Order(Aggregate):  # type: ignore[misc] # the library is not installed where types are checked
    """An order's own events."""

    @event("Initiated")
    def __init__(self, value: str) -> None:
        self.events = [value]

    @event("Told")
    def tell(self, value: str) -> None:
        """Add the next one."""
        self.events.append(value)


class Ledger(Aggregate):  # type: ignore[misc] # as above
    """A desk's reservations."""

    @event("Opened")
    def __init__(self, desk: str) -> None:
        self.desk = desk
        self.reservations = 0

    @event("Reserved")
    def reserve(self, value: str) -> None:  # noqa: ARG002 - it becomes a field of the event
        """Count a reservation."""
        self.reservations += 1


class Desk:
    """The pure desk, its answers kept by the library."""

    def __init__(self) -> None:
        self._peer = Peer()
        schema = f"eventsourcing_{os.getpid()}"
        with psycopg.connect(conninfo(self._peer.description, PROJECTOR), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        self._application = Application(env=_settings(self._peer.description, schema))
        self._ledgers: dict[bytes, Ledger] = {}

    def run(self) -> float:
        """Answer all commands that there are; how many a second, after the warm-up."""
        answered = []
        for message in _commands(self._peer.description):
            self._answer(message)
            answered.append(time.perf_counter())
        return (len(answered) - TOLD_WARM_UP) / (answered[-1] - answered[TOLD_WARM_UP - 1])

    def _answer(self, message: Message) -> None:
        key = message.key() or b""
        sealed = self._peer.answer(message.partition() or 0, message.offset() or 0, key, message.value() or b"")
        initiated, reserved, *rest = [base64.b64encode(each.value).decode() for each in sealed]
        ledger = self._ledgers.get(key)
        if ledger is None:
            ledger = self._ledgers[key] = Ledger(desk=f"{key.decode()}-{uuid.uuid4()}")
        order = Order(value=initiated)
        for value in rest:
            order.tell(value=value)
        ledger.reserve(value=reserved)
        self._application.save(order, ledger)


def _settings(description: ClusterDescription, schema: str) -> dict[str, str]:
    """Tuned: connections are not tried before each use."""
    place = conninfo_to_dict(conninfo(description, PROJECTOR))
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(place["dbname"]),
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_PORT": str(place["port"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": str(place["password"]),
        "POSTGRES_PRE_PING": "no",
        "POSTGRES_SCHEMA": schema,
    }


def _commands(description: ClusterDescription) -> Iterator[Message]:
    consumer = clients.consumer(description, PRINCIPAL)
    consumer.assign([TopicPartition("commands", number, 0) for number in range(DESK_PARTITIONS)])
    while (message := consumer.poll(QUIET_SECONDS)) is not None:
        yield message


if __name__ == "__main__":
    rate = Desk().run()
    sys.stdout.write(f"{rate}\n")
