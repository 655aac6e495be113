"""Reads senders' rights from the read side for the gateway's first check; the desk and the signer check again.

One query a request, as role `reader`. The read side may be a moment behind governance: somebody just revoked can still reach
the log, and is refused by the desk there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import ValidationError

from infra.cluster.description import ClusterDescription
from infra.identity.private_file import read_private
from schemas.firm import Settings, SigningKey, WebAuthnCredential
from schemas.values import DeskId, PrincipalId, Record

READER: Final = "reader"
CONNECTIONS_MAX: Final = 8
CONNECT_SECONDS_MAX: Final = 3
CONNECTION_WAIT_SECONDS_MAX: Final = 2
STATEMENT_MS_MAX: Final = 2_000

_ACCESS: Final[LiteralString] = """
    SELECT principal, kind, status, desks, credentials, signing_keys,
        (SELECT settings FROM projection.policies ORDER BY position DESC LIMIT 1) AS settings
    FROM projection.principals WHERE principal = %s
"""


class DatabaseAway(Exception):
    """The read side cannot be asked now, or has nothing to say yet."""


class Access(Record):
    """What is known of one person or system."""

    principal: PrincipalId
    kind: str
    status: str
    desks: list[DeskId]
    credentials: list[WebAuthnCredential]
    signing_keys: list[SigningKey]
    settings: Settings | None
    """The firm's, of the policy in force; None before the first."""


@dataclass(frozen=True, slots=True)
class ReadSide:
    """The tables, as role `reader`. Rows are dictionaries by column."""

    pool: AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]]

    @classmethod
    def of(cls, conninfo: str) -> Self:
        """A pool that connects when it is opened, and reconnects by itself."""
        return cls(
            AsyncConnectionPool(
                conninfo,
                kwargs={
                    "autocommit": True,
                    "row_factory": dict_row,
                    "prepare_threshold": None,  # a plan kept over a swap of versions could name the old tables' types
                    "options": f"-c statement_timeout={STATEMENT_MS_MAX}",
                    "application_name": "proofdesk-gateway",
                },
                min_size=1,
                max_size=CONNECTIONS_MAX,
                timeout=CONNECTION_WAIT_SECONDS_MAX,
                open=False,
            )
        )

    async def fetch(self, query: LiteralString, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """All rows.

        Raises:
            DatabaseAway: it does not answer, or nothing was projected yet.
        """
        try:
            try:
                return await self._fetch(query, parameters)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                # A connection that PostgreSQL closed is found out by using it, which costs no round trip while all is well.
                await self.pool.check()
                return await self._fetch(query, parameters)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise DatabaseAway("the read side's database does not answer") from error
        except psycopg.errors.UndefinedTable as error:
            raise DatabaseAway("nothing has been projected yet") from error

    async def _fetch(self, query: LiteralString, parameters: tuple[Any, ...] | dict[str, Any]) -> list[dict[str, Any]]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchall()

    async def access(self, principal: PrincipalId) -> Access | None:
        """What is known of `principal`; None: nobody by that name.

        Raises:
            DatabaseAway: it cannot be asked now, or holds what this version cannot read.
        """
        rows = await self.fetch(_ACCESS, (principal,))
        try:
            return Access.model_validate(rows[0]) if rows else None
        except ValidationError as error:
            raise DatabaseAway("the read side is of another version than the gateway") from error


def conninfo(description: ClusterDescription) -> str:
    """How the gateway connects to PostgreSQL. Holds a password: never to be logged.

    Raises:
        PrivateFileRefused: its credentials are not there, or others can read them.
    """
    credentials = json.loads(read_private(description.secret(f"postgres-{READER}.json")))
    return make_conninfo(
        description.postgres,
        user=credentials["username"],
        password=credentials["password"],
        connect_timeout=CONNECT_SECONDS_MAX,
    )
