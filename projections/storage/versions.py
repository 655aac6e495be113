"""Versions of the tables: made whole from numbered SQL files, filled from the log, put in place of one another at one moment.

The tables are derived from the log, so they are never altered: when the SQL or the folds change (told by a fingerprint over
their files), a new version is built beside the one that serves, and swapped for it in one transaction. Readers name only the
views in schema `projection`, so they notice nothing. A version that serves is held (a shared row lock) by every batch that is
written to it: a swap waits for that batch, and the next batch finds its version retired.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from psycopg import sql

from projections.folds.arrivals import PROJECTED_PARTITIONS, LogPartition
from projections.storage.roles import READER
from projections.storage.tables import Writer

FOLDER: Final = Path(__file__).parent / "sql"
FOLDS: Final = Path(__file__).parents[1] / "folds"
SERVED_SCHEMA: Final = "projection"
PREPARING_LOCK: Final = 0x50524F4F_00000001
"""Advisory lock: held while the control tables are made."""
DROP_LOCK_TIMEOUT_MS: Final = 5_000
"""Dropping a retired version waits at most this long for its last readers."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the tables."""

    number: int
    fingerprint: str

    @property
    def schema(self) -> str:
        """The PostgreSQL schema that holds it."""
        return schema_of(self.number)


class BehindServing(Exception):
    """The new version has read less than the serving one: a swap now would set readers back in time."""


def schema_of(number: int) -> str:
    """The PostgreSQL schema of a version."""
    return f"{SERVED_SCHEMA}_v{number}"


@cache
def fingerprint() -> str:
    """SHA-256 over everything the rows depend on beside the log: the tables' SQL and the folds' source."""
    whole = hashlib.sha256()
    for path in (*sorted((FOLDER / "version").glob("*.sql")), *sorted(FOLDS.glob("*.py"))):
        whole.update(path.name.encode() + b"\x00" + path.read_bytes() + b"\x00")
    return whole.hexdigest()


def prepare(connection: Writer) -> None:
    """Make the control tables if they are not there."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (PREPARING_LOCK,))
        if connection.execute("SELECT to_regclass('projection.versions')").fetchone() == (None,):
            _run_files(connection, FOLDER / "control")


def serving(connection: Writer) -> Version | None:
    """Return the version that readers see; None before the first."""
    row = connection.execute("SELECT version, fingerprint FROM projection.versions WHERE state = 'serving'").fetchone()
    return None if row is None else Version(*row)


def create(connection: Writer) -> Version:
    """Empty tables of the next version, with every partition to be read from its beginning."""
    with connection.transaction():
        row = connection.execute("SELECT nextval('projection.version_numbers')::integer").fetchone()
        assert row is not None  # noqa: S101 - a sequence always has a next number
        version = Version(row[0], fingerprint())
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(version.schema)))
        connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(version.schema)))
        _run_files(connection, FOLDER / "version")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO offsets VALUES (%s, %s, 0)", PROJECTED_PARTITIONS)
        connection.execute("INSERT INTO projection.versions VALUES (%s, %s, 'building')", (version.number, version.fingerprint))
    return version


def swap(connection: Writer, version: Version) -> Version | None:
    """Serve `version` from now on. Returns the version that served before, or None.

    Raises:
        BehindServing: some partition has been read further by the version that serves.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT version, fingerprint FROM projection.versions WHERE state = 'serving' FOR UPDATE"
        ).fetchone()
        retired = None if row is None else Version(*row)
        if retired is not None:
            _refuse_to_go_back(connection, retired, version)
            connection.execute("UPDATE projection.versions SET state = 'retired' WHERE version = %s", (retired.number,))
        connection.execute("UPDATE projection.versions SET state = 'serving' WHERE version = %s", (version.number,))
        _replace_views(connection, version)
    return retired


def drop(connection: Writer, version: Version) -> None:
    """Remove the tables of a version that does not serve.

    Raises:
        psycopg.errors.LockNotAvailable: a reader has not let go of it within `DROP_LOCK_TIMEOUT_MS`.
    """
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(DROP_LOCK_TIMEOUT_MS))
        connection.execute("DELETE FROM projection.versions WHERE version = %s AND state <> 'serving'", (version.number,))
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(version.schema)))


def leftovers(connection: Writer) -> list[Version]:
    """Return the versions that do not serve. Only the caller may build, so none is under construction."""
    rows = connection.execute("SELECT version, fingerprint FROM projection.versions WHERE state <> 'serving' ORDER BY version")
    return [Version(*row) for row in rows]


def use(connection: Writer, version: Version) -> None:
    """Let unqualified names mean the tables of `version` on this connection."""
    connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(version.schema)))


def offsets(connection: Writer, version: Version) -> dict[LogPartition, int]:
    """The next offset to be projected of every partition."""
    rows = connection.execute(
        sql.SQL("SELECT topic, partition, next_offset FROM {}.offsets").format(sql.Identifier(version.schema))
    )
    return {LogPartition(topic, partition): next_offset for topic, partition, next_offset in rows}


def _refuse_to_go_back(connection: Writer, old: Version, new: Version) -> None:
    reached = offsets(connection, new)
    behind = [place for place, at in offsets(connection, old).items() if reached.get(place, 0) < at]
    if behind:
        raise BehindServing(f"version {new.number} is behind version {old.number} on {len(behind)} partitions")


def _replace_views(connection: Writer, version: Version) -> None:
    """Views of all tables and views of `version`, in place of those of the version before."""
    for (name,) in connection.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", (SERVED_SCHEMA,)).fetchall():
        connection.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier(SERVED_SCHEMA, name)))
    tables = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (version.schema,)
    ).fetchall()
    for (name,) in tables:
        served, source = sql.Identifier(SERVED_SCHEMA, name), sql.Identifier(version.schema, name)
        connection.execute(sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(served, source))
        connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(served, sql.Identifier(READER)))


def _run_files(connection: Writer, folder: Path) -> None:
    for path in sorted(folder.glob("*.sql")):
        connection.execute(path.read_bytes())
