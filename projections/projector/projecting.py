"""Keeping the tables up with the log, through whatever goes down and comes back.

PostgreSQL being away, another projector being at work, another version being swapped in: each ends the current attempt, is
said in one log line, and the next attempt begins from the offsets that the tables hold. What waiting does not mend is
raised: an event that cannot be read, a log that was cut, a right that is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import psycopg
import structlog

from projections.folds.arrivals import Arrived, LogPartition
from projections.projector.log import LogAway
from projections.storage import versions
from projections.storage.projection import OffsetsMoved, Projection, VersionRetired
from projections.storage.tables import Writer
from projections.storage.versions import Version

PROJECTOR_LOCK: Final = 0x50524F4F_00000002
"""Advisory lock, held as long as the projector's connection lives: one projector at a time."""
REBUILD_LOCK: Final = 0x50524F4F_00000003
"""Advisory lock: one rebuild at a time."""
IDLE_WAIT_SECONDS: Final = 0.1
"""An idle projector checks this often for a request to stop."""
RETRY_SECONDS: Final = 0.5
DROP_TRIES_MAX: Final = 3

log = structlog.get_logger(__name__)


class Events(Protocol):
    """Reads events, each partition in order (`projections.projector.log.Log`)."""

    @property
    def at_end(self) -> bool:
        """Return True if all events have been taken and there are no more now."""
        ...

    def take(self, wait_seconds: float) -> Iterable[Arrived]:
        """Return the next events; empty if none came within `wait_seconds`."""
        ...

    def close(self) -> None:
        """Read no more."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """Connects to the database and the log; wired once in the process (or in a test)."""

    connect: Callable[[], Writer]
    """A new connection in autocommit, as a role that may create schemas."""
    follow: Callable[[Mapping[LogPartition, int]], Events]
    """A reader of the log from these offsets on."""
    read_to_end: Callable[[Mapping[LogPartition, int]], Events]
    """A reader that stops at the log's present end."""
    stopping: Callable[[], bool]


class Stopped(Exception):
    """The process was stopped while it waited."""


def project(outside: Outside) -> None:
    """Project until told to stop.

    Raises:
        UnreadableEvent: the log holds something that is no event.
        LogLost: the log does not reach back to where the tables are.
    """
    away = False
    while not outside.stopping():
        try:
            with outside.connect() as connection:
                if away:
                    away = False
                    log.info("PostgreSQL is back")
                _project_with(connection, outside)
        except Stopped:
            return
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not away:
                log.warning("PostgreSQL cannot be reached: waiting for it", error=" ".join(str(error).split()))
            away = True
            time.sleep(RETRY_SECONDS)
        except (OffsetsMoved, VersionRetired) as reason:
            log.warning("beginning again from the tables' offsets", reason=str(reason))


def rebuild(outside: Outside) -> Version:
    """Fill new tables from the log's beginning beside the serving ones; swap them in when they have caught up.

    Raises:
        Stopped: the process was stopped; the next rebuild removes the unfinished tables.
        UnreadableEvent, LogLost, psycopg.OperationalError: as they say; those that serve are untouched.
    """
    with outside.connect() as connection:
        versions.prepare(connection)
        _lock(connection, REBUILD_LOCK, "another rebuild is at work: waiting for it", outside)
        for version in versions.leftovers(connection):
            _drop(connection, version)
        version = versions.create(connection)
        log.info("rebuilding", version=version.number)
        begun, events = time.monotonic(), _fill(connection, version, outside)
        retired = _swap_when_as_far(connection, version, outside)
        log.info("rebuilt", version=version.number, events=events, seconds=round(time.monotonic() - begun, 2))
        if retired is not None:
            _drop(connection, retired)
        return version


def _project_with(connection: Writer, outside: Outside) -> None:
    versions.prepare(connection)
    _lock(connection, PROJECTOR_LOCK, "another projector is at work: waiting for it to end", outside)
    version = _current(connection, outside)
    projection = Projection(connection, version, served=True)
    log.info("projecting", version=version.number)
    for _ in _batches(projection, outside.follow, outside):
        pass


def _current(connection: Writer, outside: Outside) -> Version:
    """Return the serving version if this code made it; else build one now."""
    version = versions.serving(connection)
    if version is None:
        version = versions.create(connection)
        versions.swap(connection, version)
    elif version.fingerprint != versions.fingerprint():
        log.warning("the tables were made by other code: rebuilding while they serve", version=version.number)
        version = rebuild(outside)
    return version


def _fill(connection: Writer, version: Version, outside: Outside) -> int:
    """Project into tables that do not serve yet, to the log's end. Returns the number of events."""
    projection = Projection(connection, version, served=False)
    events = 0
    for batch_events, at_end in _batches(projection, outside.read_to_end, outside):
        events += batch_events
        if at_end:
            return events
    raise Stopped


def _batches(
    projection: Projection, read: Callable[[Mapping[LogPartition, int]], Events], outside: Outside
) -> Iterator[tuple[int, bool]]:
    """Apply batches until stopped; yield (events, at the end) of each. Waits while Kafka is unreachable."""
    away = False
    while not outside.stopping():
        reader = read(projection.offsets)
        try:
            while not outside.stopping():
                events = projection.apply(reader.take(IDLE_WAIT_SECONDS))
                if events and away:
                    away = False
                    log.info("Kafka is back")
                yield events, reader.at_end
        except LogAway as reason:
            if not away:
                log.warning("Kafka cannot be reached: waiting for it", reason=str(reason))
            away = True
        finally:
            reader.close()
        _pause(outside, RETRY_SECONDS if away else 0)


def _swap_when_as_far(connection: Writer, version: Version, outside: Outside) -> Version | None:
    """Swap; as long as the serving version is ahead, catch up first."""
    while True:
        try:
            return versions.swap(connection, version)
        except versions.BehindServing:
            _fill(connection, version, outside)


def _drop(connection: Writer, version: Version) -> None:
    for _ in range(DROP_TRIES_MAX):
        try:
            versions.drop(connection, version)
        except psycopg.errors.LockNotAvailable:
            continue
        return
    log.warning("a retired version is still read; the next rebuild removes it", version=version.number)


def _lock(connection: Writer, key: int, waiting: str, outside: Outside) -> None:
    """Take an advisory lock for the connection's life; log once that another process holds it."""
    said = False
    while connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() != (True,):
        if not said:
            log.warning(waiting)
            said = True
        _pause(outside, RETRY_SECONDS)


def _pause(outside: Outside, seconds: float) -> None:
    """Wait.

    Raises:
        Stopped: the process was stopped meanwhile.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if outside.stopping():
            raise Stopped
        time.sleep(IDLE_WAIT_SECONDS)
