"""Reads rows from PostgreSQL over a pool of connections, and tells a database that is away from one that is empty.

Leaves out the content: the tables and their queries belong to the projections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

CONNECTIONS_MAX: Final = 8
CONNECTION_WAIT_SECONDS_MAX: Final = 2
STATEMENT_MS_MAX: Final = 2_000

Row = dict[str, Any]


class DatabaseAway(Exception):
    """The database cannot be asked now, or has no tables yet."""


class Reader:
    """A pool of reading connections. Rows are dictionaries by column."""

    def __init__(self, url: str, application: str) -> None:
        """Connect to nothing yet. `url` holds a password: never to be logged."""
        self._pool = AsyncConnectionPool[psycopg.AsyncConnection[Row]](
            url,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": None,  # a plan kept over a swap of versions could name the old tables' types
                "options": f"-c statement_timeout={STATEMENT_MS_MAX}",
                "application_name": application,
            },
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECTION_WAIT_SECONDS_MAX,
            open=False,
        )

    async def open(self) -> None:
        """Begin to connect; a database that is away is connected to when it is back."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def fetch(self, query: LiteralString, parameters: tuple[object, ...] | Mapping[str, object] = ()) -> list[Row]:
        """Return all rows.

        Raises:
            DatabaseAway: the database does not answer, or the tables are not there yet.
        """
        try:
            try:
                return await self._fetch(query, parameters)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                # A connection that PostgreSQL closed is found out by using it, which costs no round trip while all is well.
                await self._pool.check()
                return await self._fetch(query, parameters)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise DatabaseAway("the read side's database does not answer") from error
        except psycopg.errors.UndefinedTable as error:
            raise DatabaseAway("nothing has been projected yet") from error

    async def _fetch(self, query: LiteralString, parameters: tuple[object, ...] | Mapping[str, object]) -> list[Row]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchall()
