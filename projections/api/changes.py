"""Streams changes to all listeners: one LISTEN connection a process, one query a change, any number of streams.

A listener that cannot keep up, or a connection that was lost meanwhile, costs nothing but a `reload`: look at all of it
again. Nothing is kept for those who were not there (`projections.storage.announcements` says what is announced).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import psycopg
import structlog
from psycopg import sql
from starlette.exceptions import HTTPException

from projections.api.database import Database, database
from projections.api.shapes import Order, Rejection
from projections.storage.announcements import CHANNEL, Announcement, parse

QUEUED_CHANGES_MAX: Final = 500
"""The bound of one listener's queue; beyond it the listener gets a `reload`."""
RECONNECT_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed."""

    kind: Literal["order", "rejection", "governance", "reload"]
    content: Order | Rejection | None = None

    def concerns(self, desk: str | None) -> bool:
        """Return True if a listener to `desk` (None: all desks) gets this change."""
        return desk is None or self.content is None or self.content.desk_id == desk


RELOAD: Final = Change("reload")
GOVERNANCE: Final = Change("governance")


class Changes:
    """Receives announcements while there is a listener."""

    def __init__(self, reading: Database) -> None:
        self._reading = reading
        self._listeners: set[asyncio.Queue[Change]] = set()
        self._hearing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Change]]:
        """A queue of changes from now on; its first element is a `reload`, once announcements arrive."""
        queue: asyncio.Queue[Change] = asyncio.Queue(QUEUED_CHANGES_MAX)
        self._listeners.add(queue)
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear())
        else:
            queue.put_nowait(RELOAD)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
            if not self._listeners:
                self._hearing.cancel()
                self._hearing = None

    async def _hear(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._reading.url, autocommit=True) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    self._tell(RELOAD)
                    async for notice in connection.notifies():
                        await self._pass_on(parse(notice.payload))
            except (psycopg.OperationalError, psycopg.InterfaceError, HTTPException) as error:
                log.warning("the read side's database cannot be reached: changes are not heard", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _pass_on(self, announcement: Announcement) -> None:
        if announcement.everything:
            self._tell(RELOAD)
        if announcement.governance:
            self._tell(GOVERNANCE)
        if announcement.orders:
            query = "SELECT * FROM shown_orders WHERE order_id = ANY(%s::uuid[]) ORDER BY updated_at"
            for order in await self._reading.records(Order, query, (list(announcement.orders),)):
                self._tell(Change("order", order))
        if announcement.rejections:
            query = "SELECT * FROM rejected_commands WHERE command_id = ANY(%s::uuid[]) ORDER BY rejected_at"
            for rejection in await self._reading.records(Rejection, query, (list(announcement.rejections),)):
                self._tell(Change("rejection", rejection))

    def _tell(self, change: Change) -> None:
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(RELOAD)
            else:
                queue.put_nowait(change)


@cache
def changes() -> Changes:
    """The changes that this process hears."""
    return Changes(database())
