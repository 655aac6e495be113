"""The tables as readers see them: a pool of connections as role `reader`, which can change nothing.

A database that is away or not yet filled is 503 with what to do about it; it never shows as an empty list.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated, Any, Final, LiteralString, TypeVar

import psycopg
from fastapi import Depends, FastAPI
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.exceptions import HTTPException

from infra.settings import description
from projections.storage.roles import READER, conninfo
from schemas.values import Record

CONNECTIONS_MAX: Final = 8
CONNECTION_WAIT_SECONDS_MAX: Final = 3
STATEMENT_MS_MAX: Final = 5_000
SCHEMA: Final = "projection"

R = TypeVar("R", bound=Record)
Row = dict[str, Any]


class Database:
    """Reads rows. Opens its pool at the first use, in the event loop that uses it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]] | None = None

    @property
    def url(self) -> str:
        """The URL for a separate, listening connection."""
        return self._url

    async def fetch(self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Return all rows of `query`; its unqualified names mean the serving tables.

        Raises:
            HTTPException: 503, the database is unreachable or has no tables yet.
        """
        try:
            async with (await self._opened()).connection() as connection:
                return await (await connection.execute(query, parameters)).fetchall()
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise HTTPException(503, "the read side's database cannot be reached now; ask again in a moment") from error
        except psycopg.errors.UndefinedTable as error:
            raise HTTPException(503, "nothing has been projected yet: the projector must run once") from error

    async def records(
        self, record_type: type[R], query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[R]:
        """Return the rows of `query` as records; their fields are the columns."""
        return [record_type.model_validate(row) for row in await self.fetch(query, parameters)]

    async def close(self) -> None:
        """Let go of all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _opened(self) -> AsyncConnectionPool[psycopg.AsyncConnection[Row]]:
        if self._pool is None:
            self._pool = AsyncConnectionPool(
                self._url,
                kwargs={
                    "autocommit": True,
                    "row_factory": dict_row,
                    "prepare_threshold": None,  # a plan kept over a swap of versions could name the old tables' types
                    "options": f"-c search_path={SCHEMA} -c statement_timeout={STATEMENT_MS_MAX}",
                    "application_name": "proofdesk-reader",
                },
                min_size=1,
                max_size=CONNECTIONS_MAX,
                timeout=CONNECTION_WAIT_SECONDS_MAX,
                configure=_configure,
                check=AsyncConnectionPool.check_connection,
                open=False,
            )
            await self._pool.open()
        return self._pool


async def _configure(connection: psycopg.AsyncConnection[Row]) -> None:
    connection.adapters.register_loader("uuid", TextLoader)


@cache
def database() -> Database:
    """The database of this process."""
    return Database(conninfo(description.current(), READER))


Reading = Annotated[Database, Depends(database)]


@asynccontextmanager
async def closing(_: FastAPI) -> AsyncIterator[None]:
    """Close the pool with the application."""
    yield
    if database.cache_info().currsize:
        await database().close()
