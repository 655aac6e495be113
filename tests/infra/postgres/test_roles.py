from __future__ import annotations

import json

import psycopg
import pytest

from infra.local_cluster.local import Cluster

pytestmark = pytest.mark.cluster

SECONDS = 5


def connect(cluster: Cluster, role: str, password: str | None = None) -> psycopg.Connection[tuple[object, ...]]:
    credentials = json.loads(cluster.description.secret(f"postgres-{role}.json").read_bytes())
    return psycopg.connect(
        cluster.description.postgres,
        user=credentials["username"],
        password=password or credentials["password"],
        connect_timeout=SECONDS,
        autocommit=True,
    )


def test_projector_owns_the_database_and_reader_sees_what_it_is_granted(cluster: Cluster) -> None:
    with connect(cluster, "projector") as projector, connect(cluster, "reader") as reader:
        projector.execute("CREATE SCHEMA roles_test; CREATE TABLE roles_test.t AS SELECT 7 AS seven")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT seven FROM roles_test.t")
        projector.execute("GRANT USAGE ON SCHEMA roles_test TO reader; GRANT SELECT ON roles_test.t TO reader")
        assert reader.execute("SELECT seven FROM roles_test.t").fetchone() == (7,)
        projector.execute("DROP SCHEMA roles_test CASCADE")


@pytest.mark.parametrize(
    "statement",
    ["CREATE SCHEMA mine", "CREATE TABLE public.mine (x int)", "CREATE TEMPORARY TABLE mine (x int)", "CREATE ROLE mine"],
)
def test_reader_makes_nothing(cluster: Cluster, statement: str) -> None:
    with connect(cluster, "reader") as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)


@pytest.mark.parametrize("role", ["owner", "projector", "reader"])
def test_every_role_needs_its_password(cluster: Cluster, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(cluster, role, password="guessed")
