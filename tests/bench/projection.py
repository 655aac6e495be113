"""`projection-rebuild`: tables filled from Kafka, beside plain COPY of the very same rows into the same tables.

Ours reads, decodes, hashes, verifies and folds every event and writes it with its offset; the floor only puts finished rows,
from memory, into empty tables with the same keys and indexes. A cluster without processes of its own is expected: a live
projector would compete.
"""

from __future__ import annotations

import gc
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Final

from psycopg import sql

from infra.settings.description import ClusterDescription
from projections.projector.process import COLLECTED_OBJECTS, outside
from projections.projector.projecting import Outside, rebuild
from projections.storage import versions
from projections.storage.tables import Writer
from projections.storage.versions import Version
from schemas.topics import DESK_PARTITIONS
from tests.bench.report import Result
from tests.projections.publishing import publish_fast
from tests.projections.rows import one
from tests.world.firm import story

NAME: Final = "projection-rebuild"
UNIT: Final = "events/s"
ORDERS: Final = 3_000
IN_FLIGHT_ORDERS: Final = 60
"""Orders whose links stand interleaved on the log."""
PAIRED_RUNS: Final = 5
FILLED: Final = ("order_events", "orders", "reservations")
"""The tables that grow with the orders; the others hold a handful of rows."""


def run(cluster: ClusterDescription) -> list[Result]:
    """Publish orders, then rebuild and copy in turn. The first pair warms up and is not counted."""
    publish_fast(cluster, make_story().written)
    reached = outside(cluster, lambda: False)
    gc.set_threshold(COLLECTED_OBJECTS)  # as the projector's own process does
    runs: dict[str, list[float]] = {"ours": [], "floor": []}
    with reached.connect() as connection:
        for _ in range(1 + PAIRED_RUNS):
            runs["ours"].append(_rebuilt(connection, reached))
            runs["floor"].append(_copied(connection))
    return [Result.of(NAME, UNIT, {who: figures[1:] for who, figures in runs.items()})]


def make_story() -> story.Story:
    """Orders of every partition, each on its whole way; others at every call."""
    log, among = story.Story(), str(uuid.uuid4())
    for event in story.firm_events():
        log.tell(event)
    for first in range(0, ORDERS, IN_FLIGHT_ORDERS):
        orders = {
            number: story.confirmed(story.order_id_of(number, among)) for number in range(first, first + IN_FLIGHT_ORDERS)
        }
        for links in zip(*orders.values(), strict=True):
            for number, link in zip(orders, links, strict=True):
                log.tell(link, partition=number % DESK_PARTITIONS)
    return log


def _rebuilt(connection: Writer, reached: Outside) -> float:
    begun = time.perf_counter()
    rebuild(reached)
    seconds = time.perf_counter() - begun
    return _events(connection) / seconds


def _copied(connection: Writer) -> float:
    serving = versions.serving(connection)
    assert serving is not None
    rows = {table: _bytes_of(connection, serving, table) for table in FILLED}
    events = _events(connection)
    empty = versions.create(connection)
    begun = time.perf_counter()
    with connection.transaction():
        _copy(connection, empty, rows)
    seconds = time.perf_counter() - begun
    versions.drop(connection, empty)
    return events / seconds


def _copy(connection: Writer, version: Version, rows: Mapping[str, bytes]) -> None:
    for table, content in rows.items():
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(version.schema, table))
        with connection.cursor().copy(statement) as copy:
            copy.write(content)


def _bytes_of(connection: Writer, version: Version, table: str) -> bytes:
    def read() -> Iterator[bytes]:
        statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(version.schema, table))
        with connection.cursor().copy(statement) as copy:
            for block in copy:
                yield bytes(block)

    return b"".join(read())


def _events(connection: Writer) -> int:
    return int(one(connection, "SELECT count(*) FROM projection.order_events"))
