from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from infra.local_cluster.deadline import Deadline
from projections.projector.projecting import Stopped, project, rebuild
from projections.storage import versions
from projections.storage.tables import Writer
from projections.storage.versions import BehindServing
from tests.projections.memory_log import Stage
from tests.projections.rows import one, rows_of
from tests.world.firm import story
from tests.world.firm.story import life, order_id_of

pytestmark = pytest.mark.cluster

WAIT_SECONDS_MAX = 20


@pytest.fixture
def stage(connect: Callable[[], Writer]) -> Stage:
    return Stage(connect, life(story.confirmed(order_id_of(1)), story.waiting(order_id_of(2))))


@contextmanager
def projecting(stage: Stage) -> Iterator[threading.Thread]:
    """A projector at work; raised what it raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            project(stage.outside())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            raised.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield worker
    finally:
        stage.stopping = True
        worker.join(WAIT_SECONDS_MAX)
        stage.stopping = False
    assert not worker.is_alive()
    if raised:
        raise raised[0]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = Deadline(WAIT_SECONDS_MAX)
    while not condition():
        assert not deadline.passed, f"never came: {what}"
        time.sleep(0.02)


def served(connection: Writer) -> int:
    """Events that readers see; 0 before there are tables."""
    if one(connection, "SELECT to_regclass('projection.order_events')") is None:
        return 0
    return int(one(connection, "SELECT count(*) FROM projection.order_events"))


def test_an_empty_database_is_filled_and_served(stage: Stage) -> None:
    with stage.connect() as looking, projecting(stage):
        until(lambda: served(looking) == 14, "14 links")
        for event in story.confirmed(order_id_of(3)):
            stage.story.tell(event)
        until(lambda: served(looking) == 25, "11 more")
        version = versions.serving(looking)
    assert version is not None
    assert version.fingerprint == versions.fingerprint()
    assert all(reader.closed for reader in stage.readers)


def test_a_second_projector_waits_for_the_first_to_end(stage: Stage) -> None:
    with stage.connect() as looking:
        with projecting(stage):
            until(lambda: served(looking) == 14, "the first at work")
            second = Stage(stage.connect, stage.story)
            with capture_logs() as lines, projecting(second):
                until(lambda: any("another projector is at work" in line["event"] for line in lines), "a line that says so")
            assert second.readers == []
        with projecting(second):
            until(lambda: len(second.readers) == 1, "its turn")


def test_a_lost_connection_is_waited_for_and_work_goes_on(stage: Stage) -> None:
    killed = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = %s"
    with stage.connect() as looking, capture_logs() as lines, projecting(stage):
        until(lambda: served(looking) == 14, "14 links")
        here = one(looking, "SELECT oid FROM pg_database WHERE datname = current_database()")
        looking.execute(killed, (here,))
        for event in story.confirmed(order_id_of(3)):
            stage.story.tell(event)
        until(lambda: served(looking) == 25, "11 more on a new connection")
    assert any("PostgreSQL cannot be reached: waiting for it" in line["event"] for line in lines)


def test_a_database_that_is_away_is_waited_for(stage: Stage) -> None:
    tries = 0

    def connect() -> Writer:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise psycopg.OperationalError("connection refused")
        return looking_for()

    looking_for = stage.connect
    stage.connect = connect
    with looking_for() as looking, projecting(stage):
        until(lambda: served(looking) == 14, "14 links at the third try")


def test_rebuilt_tables_equal_those_that_grew_with_the_log(stage: Stage) -> None:
    with stage.connect() as looking:
        with projecting(stage):
            until(lambda: served(looking) == 14, "14 links")
        old = versions.serving(looking)
        assert old is not None
        grown = rows_of(looking, old)
        new = rebuild(stage.outside())
        assert new.number > old.number
        assert versions.serving(looking) == new
        assert rows_of(looking, new) == grown
        assert one(looking, "SELECT to_regnamespace(%s)", old.schema) is None


def test_the_old_tables_serve_and_grow_while_new_ones_are_built_and_the_projector_follows(stage: Stage) -> None:
    with stage.connect() as looking, projecting(stage):
        until(lambda: served(looking) == 14, "14 links")
        before = versions.serving(looking)
        seen: list[int] = []
        building = threading.Thread(target=rebuild, args=[stage.outside()])
        building.start()
        for number in range(10, 30):
            for event in story.rejected(order_id_of(number)):
                stage.story.tell(event)
            seen.append(served(looking))
        building.join(WAIT_SECONDS_MAX)
        until(lambda: served(looking) == 14 + 20 * 5, "all of it")
        after = versions.serving(looking)
    assert seen == sorted(seen)
    assert after is not None
    assert after != before


def test_tables_of_other_code_are_rebuilt_before_anything_is_written_to_them(stage: Stage) -> None:
    with stage.connect() as looking:
        with projecting(stage):
            until(lambda: served(looking) == 14, "14 links")
        looking.execute("UPDATE projection.versions SET fingerprint = 'of other code'")
        for event in story.rejected(order_id_of(3)):
            stage.story.tell(event)
        with projecting(stage):
            until(lambda: served(looking) == 19, "5 more")
        version = versions.serving(looking)
    assert version is not None
    assert (version.number, version.fingerprint) == (2, versions.fingerprint())


def test_new_tables_that_are_behind_are_not_served(stage: Stage) -> None:
    with stage.connect() as looking:
        with projecting(stage):
            until(lambda: served(looking) == 14, "14 links")
        old, behind = versions.serving(looking), versions.create(looking)
        with pytest.raises(BehindServing):
            versions.swap(looking, behind)
        assert versions.serving(looking) == old
        assert served(looking) == 14


def test_what_a_stopped_rebuild_left_is_removed_by_the_next(stage: Stage) -> None:
    with stage.connect() as looking:
        stage.stopping = True
        with pytest.raises(Stopped):
            rebuild(stage.outside())
        stage.stopping = False
        assert one(looking, "SELECT to_regnamespace('projection_v1')") == "projection_v1"
        assert rebuild(stage.outside()).number == 2
        assert one(looking, "SELECT to_regnamespace('projection_v1')") is None
        assert served(looking) == 14


def test_a_reader_sees_the_views_and_can_change_nothing(stage: Stage, database: str) -> None:
    rebuild(stage.outside())
    with psycopg.connect(database, user="reader", autocommit=True) as reader:
        assert served(reader) == 14
        for attempt in ("DELETE FROM projection.orders", "SELECT * FROM projection_v1.orders", "CREATE TABLE projection.t ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(attempt)


def test_the_fingerprint_covers_every_fold_and_every_table() -> None:
    assert len(versions.fingerprint()) == 64
    covered = [*Path(versions.FOLDER, "version").glob("*.sql"), *versions.FOLDS.glob("*.py")]
    assert {"0002_orders.sql", "chains.py", "orders.py"} <= {path.name for path in covered}
