"""Reads the rows of a version of the tables, so that two can be compared."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from projections.storage.tables import Writer
from projections.storage.versions import Version

TABLES = (
    "offsets",
    "order_events",
    "orders",
    "reservations",
    "genesis",
    "principals",
    "assets",
    "wallets",
    "contracts",
    "policies",
    "breakers",
    "firm_events",
    "remarks",
    "rejected_commands",
    "quarantined",
    "nonces",
    "refused_requests",
)

Rows = dict[str, list[str]]


def rows_of(connection: Writer, version: Version) -> Rows:
    """Every row of every table as text, sorted."""
    return {table: _rows(connection, sql.Identifier(version.schema, table)) for table in TABLES}


def _rows(connection: Writer, table: sql.Identifier) -> list[str]:
    return [row[0] for row in connection.execute(sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(table))]


def one(connection: Writer, query: Any, *parameters: Any) -> Any:
    """The only value of a query."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]
