"""One version of the tables, open for writing: a batch's rows and offsets become visible together or not at all.

The offsets are moved by compare-and-set in the transaction that writes the rows, so that what was projected is projected
once whatever crashes, and a second projector that was started by mistake can change nothing (architecture, rule 3, for a
sink that is not Kafka). Left out: where the events come from (`projections.projector.log`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, LiteralString

import psycopg
import structlog
from psycopg.rows import class_row
from psycopg.types.string import TextLoader

from projections.folds.answers import RejectedRow, RemarkRow, answer_row
from projections.folds.arrivals import Arrived, LogPartition
from projections.folds.chains import ChainLink, Folded, extend, refold
from projections.folds.firm import firm_rows
from projections.folds.orders import OrderRow
from projections.storage import announcements, tables, versions
from projections.storage.tables import Writer
from projections.storage.versions import Version
from schemas.events.base import FirmEvent, OrderEvent
from schemas.topics import TOPICS

log = structlog.get_logger(__name__)

_ALL: Final[LiteralString] = "SELECT order_id, topic, event, digest FROM order_events WHERE order_id = ANY(%s::uuid[])"
_HELD: Final[LiteralString] = """
    SELECT order_id, topic, event, digest FROM held_events JOIN offsets USING (topic, partition)
    WHERE order_id = ANY(%s::uuid[]) AND log_offset < next_offset
"""
"""Links that wait since before this batch, whose own are in the timeline but not in the offsets yet."""
_ORDER_COLUMNS: Final = ", ".join(tables.ORDERS.columns)


class OffsetsMoved(Exception):
    """Another process has projected meanwhile: nothing was written; begin again from the present offsets."""


class VersionRetired(Exception):
    """Another version serves now: nothing was written, go on with that one."""


class Projection:
    """Writes batches into one version. One connection, one thread."""

    def __init__(self, connection: Writer, version: Version, *, served: bool) -> None:
        """Open `version`. With `served`, readers see it: each batch locks it and is announced."""
        connection.adapters.register_loader("uuid", TextLoader)
        versions.use(connection, version)
        self._connection = connection
        self._version = version
        self._served = served
        self._next = versions.offsets(connection, version)

    @property
    def offsets(self) -> dict[LogPartition, int]:
        """The next offset to be projected of every partition."""
        return dict(self._next)

    def apply(self, batch: Iterable[Arrived]) -> int:
        """Write the new events of `batch`, each partition in order of offset. Returns their number.

        `batch` may decode its events as they are asked for: the database takes in the ones before meanwhile.

        Raises:
            OffsetsMoved: this is not where the tables are.
            VersionRetired: another version serves.
            psycopg.Error: the database failed; what became of the batch is known only to it.
        """
        new = (each for each in batch if each.offset >= self._next[LogPartition(each.topic, each.partition)])
        first = next(new, None)
        if first is None:
            return 0
        try:
            with self._connection.transaction():
                self._hold_version()
                events = self._append(itertools.chain([first], new))
                self._fold(events)
                reached = {LogPartition(each.topic, each.partition): each.offset + 1 for each in events}
                self._move_offsets(reached)
        except psycopg.errors.UniqueViolation as error:
            raise OffsetsMoved("these events have been projected by somebody else") from error
        self._next |= reached
        return len(events)

    def _append(self, new: Iterable[Arrived]) -> list[Arrived]:
        """Put every link into the timeline; all of `new`."""
        events: list[Arrived] = []

        def rows() -> Iterator[tuple[Any, ...]]:
            for each in new:
                events.append(each)
                if isinstance(each.event, OrderEvent):
                    yield _timeline_row(each, each.event)

        tables.append(self._connection, tables.ORDER_EVENTS, rows())
        return events

    def _hold_version(self) -> None:
        if not self._served:
            return
        row = self._connection.execute(
            "SELECT state FROM projection.versions WHERE version = %s FOR SHARE", (self._version.number,)
        ).fetchone()
        if row != ("serving",):
            raise VersionRetired(f"version {self._version.number} serves no more")

    def _move_offsets(self, reached: dict[LogPartition, int]) -> None:
        moved = self._connection.execute(
            """
            UPDATE offsets SET next_offset = moved.reached
            FROM unnest(%s::text[], %s::integer[], %s::bigint[], %s::bigint[]) AS moved (topic, partition, expected, reached)
            WHERE offsets.topic = moved.topic AND offsets.partition = moved.partition AND next_offset = moved.expected
            """,
            (
                [place.topic for place in reached],
                [place.partition for place in reached],
                [self._next[place] for place in reached],
                list(reached.values()),
            ),
        )
        if moved.rowcount != len(reached):
            raise OffsetsMoved(f"{len(reached) - moved.rowcount} partitions have been projected by somebody else")

    def _fold(self, new: Sequence[Arrived]) -> None:
        arriving: dict[str, list[ChainLink]] = {}
        for each in new:
            if isinstance(each.event, OrderEvent):
                arriving.setdefault(each.event.order_id, []).append(ChainLink(each.event, each.digest))
        folded = self._fold_orders(arriving) if arriving else []
        firm = [row for each in new if isinstance(each.event, FirmEvent) for row in firm_rows(each, each.event)]
        answers = [answer_row(each) for each in new if not isinstance(each.event, OrderEvent | FirmEvent)]
        rows = [*firm, *answers]
        for row_type, table in tables.TABLE_OF.items():
            tables.upsert(self._connection, table, _newest(table, [row for row in rows if isinstance(row, row_type)]))
        if self._served:
            rejected = [row.command_id for row in rows if isinstance(row, RejectedRow)]
            orders = {each.row.order_id for each in folded if each.row is not None}
            orders |= {row.order_id for row in answers if isinstance(row, RemarkRow)}
            announcements.announce(self._connection, sorted(orders), rejected, governance=bool(firm))

    def _fold_orders(self, arriving: dict[str, list[ChainLink]]) -> list[Folded]:
        known, held = self._rows(list(arriving)), self._links(_HELD, list(arriving))
        tried = {
            order_id: extend(known.get(order_id), [*links, *held.get(order_id, ())]) for order_id, links in arriving.items()
        }
        contradicting = [order_id for order_id, folded in tried.items() if folded is None]
        results = [folded for folded in tried.values() if folded is not None] + self._refold(contradicting, known)
        tables.upsert(self._connection, tables.ORDERS, [each.row for each in results if each.row is not None])
        tables.upsert(self._connection, tables.RESERVATIONS, [hold for each in results for hold in each.holds.values()])
        return results

    def _refold(self, order_ids: list[str], known: Mapping[str, OrderRow]) -> list[Folded]:
        """Fold orders with contradicting links again, from all their links. Rare; each is logged once as an error."""
        if not order_ids:
            return []
        self._connection.execute("DELETE FROM reservations WHERE order_id = ANY(%s::uuid[])", (order_ids,))
        results = [refold(links) for links in self._links(_ALL, order_ids).values()]
        for row in (each.row for each in results):
            if row is not None and (row.order_id not in known or known[row.order_id].chain_broken is None):
                log.error("an order's chain is broken", order_id=row.order_id, why=row.chain_broken)
        return results

    def _rows(self, order_ids: list[str]) -> dict[str, OrderRow]:
        with self._connection.cursor(row_factory=class_row(OrderRow)) as cursor:
            cursor.execute(f"SELECT {_ORDER_COLUMNS} FROM orders WHERE order_id = ANY(%s::uuid[])", (order_ids,))  # noqa: S608 - our own columns
            return {row.order_id: row for row in cursor}

    def _links(self, query: LiteralString, order_ids: list[str]) -> dict[str, list[ChainLink]]:
        rows = self._connection.execute(query, (order_ids,))
        links: dict[str, list[ChainLink]] = {}
        for order_id, topic, event, digest in rows:
            links.setdefault(order_id, []).append(ChainLink(_event(topic, event), digest))
        return links


def _event(topic: str, content: Any) -> OrderEvent:
    """An event from its JSON form in the timeline."""
    record_type = TOPICS[topic].record
    assert record_type is not None  # noqa: S101 - narrows for the type checker; only events were written there
    event = record_type.model_validate(content)
    assert isinstance(event, OrderEvent)  # noqa: S101 - as above
    return event


def _timeline_row(arrived: Arrived, event: OrderEvent) -> tuple[Any, ...]:
    return (
        event.order_id,
        event.sequence,
        arrived.topic,
        arrived.partition,
        arrived.offset,
        event.position,
        event.decided_at,
        event.previous_hash,
        arrived.digest,
        arrived.trace_id,
        tables.json_text(event.model_dump_json()),
    )


def _newest(table: tables.Table, rows: list[Any]) -> list[Any]:
    """One row a key: an upsert may touch each only once."""
    by = table.newest_by
    if by is None:
        return rows
    ordered = sorted(rows, key=lambda row: getattr(row, by))
    return list({tuple(getattr(row, column) for column in table.key): row for row in ordered}.values())
