"""The connection dies after each statement of a batch in turn; the tables must always match the offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from projections.storage import versions
from projections.storage.projection import Projection
from projections.storage.tables import Writer
from projections.storage.versions import Version
from tests.projections.rows import rows_of
from tests.projections.test_projection import EVERYTHING, opened, projected

pytestmark = pytest.mark.cluster

STATEMENTS_MAX = 60


class Countdown:
    """Ends a connection's server process once that many statements have been made."""

    def __init__(self, statements: int, killer: Writer) -> None:
        self.left = statements
        self._killer = killer

    def made(self, connection: psycopg.Connection[Any]) -> None:
        self.left -= 1
        if self.left == 0:
            self._killer.execute("SELECT pg_terminate_backend(%s, 1000)", (connection.info.backend_pid,))


def dying_cursor(countdown: Countdown) -> type[psycopg.Cursor[TupleRow]]:
    class DyingCursor(psycopg.Cursor[TupleRow]):
        def execute(self, *arguments: Any, **named: Any) -> Any:
            result = super().execute(*arguments, **named)
            countdown.made(self.connection)
            return result

        @contextmanager
        def copy(self, *arguments: Any, **named: Any) -> Iterator[psycopg.Copy]:
            with super().copy(*arguments, **named) as copy:
                yield copy
            countdown.made(self.connection)

    return DyingCursor


@pytest.mark.parametrize("halves", [1, 2])
def test_a_crash_between_any_two_statements_leaves_rows_that_equal_the_offsets(
    connect: Callable[[], Writer], halves: int
) -> None:
    arrivals = EVERYTHING.arrivals()
    half = len(arrivals) // halves
    with connect() as killer:
        whole = projected(killer, arrivals)
        before = projected(killer, arrivals[: len(arrivals) - half])
        for statements in range(1, STATEMENTS_MAX):
            _, version = opened(killer)
            Projection(killer, version, served=False).apply(arrivals[: len(arrivals) - half])
            died = _dies_after(statements, killer, connect, version)
            assert rows_of(killer, version) == (before if died else whole)
            with connect() as connection:
                Projection(connection, version, served=False).apply(arrivals)
            assert rows_of(killer, version) == whole
            versions.drop(killer, version)
            if not died:
                return
    pytest.fail("the batch takes more statements than expected")


def _dies_after(statements: int, killer: Writer, connect: Callable[[], Writer], version: Version) -> bool:
    with connect() as connection:
        projection = Projection(connection, version, served=False)
        connection.cursor_factory = dying_cursor(Countdown(statements, killer))
        try:
            projection.apply(EVERYTHING.arrivals())
        except (psycopg.OperationalError, psycopg.InterfaceError):
            return True
        return False
