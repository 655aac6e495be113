"""Compares PostgreSQL with the log: every link, every order's tail, every rejection, every reservation."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

import psycopg

from infra.local_cluster.deadline import Deadline
from infra.settings.description import ClusterDescription
from projections.storage.roles import READER, conninfo
from schemas.events.answers import CommandRejected
from schemas.events.base import OrderEvent
from schemas.events.limits import LimitReserved
from tests.chaos.verdict.log import Stored

CAUGHT_UP_SECONDS_MAX: Final = 120
LOOK_SECONDS: Final = 0.2

_LINKS: Final[LiteralString] = (
    "SELECT topic, partition, log_offset, order_id::text, sequence, digest FROM projection.order_events"
)
_TAILS: Final[LiteralString] = (
    "SELECT order_id::text, tail_sequence, tail_digest FROM projection.orders WHERE chain_broken IS NULL"
)
_REJECTED: Final[LiteralString] = (
    "SELECT partition, log_offset, command_id::text FROM projection.rejected_commands WHERE topic = 'command-rejected'"
)
_HELD: Final[LiteralString] = "SELECT order_id::text, limit_id, scope_key, amount_usd FROM projection.reservations"


@dataclass(slots=True)
class ExpectedTables:
    """The rows that the log gives, as sets; nothing ends an order here, so a reservation stays as it was made."""

    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    links: set[Hashable] = field(default_factory=set)
    tails: dict[str, tuple[int, str]] = field(default_factory=dict)
    rejected: set[Hashable] = field(default_factory=set)
    held: set[Hashable] = field(default_factory=set)

    def take(self, stored: Stored) -> None:
        """Take in the next event of its partition."""
        self.next_offsets[stored.topic, stored.partition] = stored.offset + 1
        event = stored.event
        if isinstance(event, OrderEvent):
            place = (stored.topic, stored.partition, stored.offset)
            self.links.add((*place, event.order_id, event.sequence, stored.digest))
            self.tails[event.order_id] = (event.sequence, stored.digest)
        if isinstance(event, CommandRejected):
            self.rejected.add((stored.partition, stored.offset, event.command_id))
        if isinstance(event, LimitReserved):
            self.held |= {(event.order_id, each.limit_id, each.scope_key, each.amount_usd) for each in event.reserved}

    def differences(self, description: ClusterDescription) -> int:
        """Rows that only the tables or only the log has, once the tables are as far as the log.

        Raises:
            TimeoutError: they do not get there.
        """
        with psycopg.connect(conninfo(description, READER), autocommit=True) as connection:
            self._await(connection)
            tails = {(order_id, *tail) for order_id, tail in self.tails.items()}
            expected: list[tuple[LiteralString, set[Any]]] = [
                (_LINKS, self.links),
                (_TAILS, tails),
                (_REJECTED, self.rejected),
                (_HELD, self.held),
            ]
            return sum(len(rows ^ set(connection.execute(query))) for query, rows in expected)

    def _await(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        deadline = Deadline(CAUGHT_UP_SECONDS_MAX)
        while behind := self._behind(connection):
            if deadline.passed:
                raise TimeoutError(f"the tables are behind the log on {behind} partitions after {CAUGHT_UP_SECONDS_MAX} s")
            time.sleep(LOOK_SECONDS)

    def _behind(self, connection: psycopg.Connection[tuple[Any, ...]]) -> int:
        rows = connection.execute("SELECT topic, partition, next_offset FROM projection.offsets")
        reached = {(topic, partition): next_offset for topic, partition, next_offset in rows}
        return sum(reached.get(place, 0) < offset for place, offset in self.next_offsets.items())
