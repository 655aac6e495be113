"""The projector on a real Kafka and a real PostgreSQL. Other tests write to the same topics: each reads from where it began."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import EXIT_REFUSED
from projections.folds.arrivals import PROJECTED_PARTITIONS, LogPartition, UnreadableEvent
from projections.projector import process
from projections.projector.log import Log, LogLost
from projections.projector.projecting import Outside, project, rebuild
from projections.storage import versions
from projections.storage.roles import conninfo
from projections.storage.tables import Writer
from schemas.events import answers
from schemas.examples import example
from tests.projections.conftest import NUMBERS
from tests.projections.publishing import abort, publish
from tests.projections.rows import one, rows_of
from tests.world.firm import story
from tests.world.firm.story import Story, life

pytestmark = pytest.mark.cluster

WAIT_SECONDS_MAX = 60
REQUEST_SECONDS_MAX = 20
RUN = str(time.time_ns())


def order(number: int) -> str:
    return story.order_id_of(number, RUN)


@dataclass(slots=True)
class Beginning:
    """The position at which a test's own part of the log begins, and a database of its own."""

    cluster: Cluster
    url: str
    begun: Mapping[LogPartition, int]
    stopping: bool = False
    story: Story = field(default_factory=Story)

    def connect(self) -> Writer:
        return psycopg.connect(self.url, autocommit=True)

    def outside(self) -> Outside:
        return Outside(self.connect, self._follow, self._to_end, lambda: self.stopping)

    def publish(self) -> None:
        """Put what was told since onto the log."""
        publish(self.cluster.description, self.story.written)
        self.story.written.clear()

    @contextmanager
    def without(self, service: Literal["kafka", "postgres"]) -> Iterator[None]:
        """A while in which a service is down."""
        self.cluster.stop_process(service)
        try:
            yield
        finally:
            self.cluster.start_process(service)
            self.cluster.await_service(service)

    def _follow(self, starts: Mapping[LogPartition, int]) -> Log:
        return Log(self._reader, self._later(starts), until_end=False)

    def _to_end(self, starts: Mapping[LogPartition, int]) -> Log:
        return Log(self._reader, self._later(starts), until_end=True)

    def _reader(self, settings: dict[str, Any]) -> Consumer:
        return clients.consumer(self.cluster.description, "projector", settings)

    def _later(self, starts: Mapping[LogPartition, int]) -> dict[LogPartition, int]:
        return {beginning: max(start, self.begun[beginning]) for beginning, start in starts.items()}


@pytest.fixture
def beginning(cluster: Cluster) -> Beginning:
    description, name = cluster.description, f"projection_kafka_{next(NUMBERS)}"
    with psycopg.connect(conninfo(description, "owner"), autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name} OWNER projector")
    consumer = clients.consumer(description, "projector")
    ends = {
        each: consumer.get_watermark_offsets(TopicPartition(*each), REQUEST_SECONDS_MAX)[1] for each in PROJECTED_PARTITIONS
    }
    consumer.close()
    return Beginning(cluster, make_conninfo(conninfo(description, "projector"), dbname=name), ends)


@contextmanager
def projecting(beginning: Beginning) -> Iterator[list[BaseException]]:
    """A projector at work; what it raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            project(beginning.outside())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            raised.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield raised
    finally:
        beginning.stopping = True
        worker.join(WAIT_SECONDS_MAX)
        beginning.stopping = False
        print("what the projector raised:", raised)  # noqa: T201 - shown when the test fails
    assert not worker.is_alive()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = Deadline(WAIT_SECONDS_MAX)
    while not condition():
        assert not deadline.passed, f"never came: {what}"
        time.sleep(0.05)


def links(looking: Writer) -> int:
    if one(looking, "SELECT to_regclass('projection.order_events')") is None:
        return 0
    return int(one(looking, "SELECT count(*) FROM projection.order_events"))


def test_what_grew_with_the_log_is_what_is_rebuilt_from_it(beginning: Beginning) -> None:
    beginning.story = life(story.confirmed(order(1)), story.flagged_and_split(order(2), [order(3)]), story.rejected(order(3)))
    with beginning.connect() as looking:
        with projecting(beginning) as raised:
            beginning.publish()
            until(lambda: links(looking) == 24, "24 links")
            for event in story.confirmed(order(4)):
                beginning.story.tell(event, partition=5)
            beginning.publish()
            until(lambda: links(looking) == 35, "11 more of another partition")
        assert raised == []
        states: list[Any] = looking.execute("SELECT order_id::text, state FROM projection.orders").fetchall()
        assert dict(states) == {
            order(1): "confirmed",
            order(2): "superseded",
            order(3): "rejected",
            order(4): "confirmed",
        }
        grown = versions.serving(looking)
        assert grown is not None
        before = rows_of(looking, grown)
        assert rows_of(looking, rebuild(beginning.outside())) == before
        assert one(looking, "SELECT DISTINCT trace_id FROM projection.order_events") == story.TRACE


def test_partitions_that_are_far_ahead_are_paused_and_nothing_is_lost(
    beginning: Beginning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.projector.log.BUFFERED_EVENTS_MAX", 8)
    monkeypatch.setattr("projections.projector.log.CONSUME_EVENTS_MAX", 8)
    paused: list[int] = []
    pause = Consumer.pause
    beginning.story = life(*(story.rejected(order(100 + number)) for number in range(200)), firm=False)
    beginning.publish()

    class Counting(Consumer):
        def pause(self, partitions: list[TopicPartition]) -> None:
            paused.append(len(partitions))
            pause(self, partitions)

    monkeypatch.setattr(clients, "Consumer", Counting)
    rebuild(beginning.outside())
    with beginning.connect() as looking:
        assert links(looking) == 1_000
        assert one(looking, "SELECT count(*) FROM projection.orders WHERE state = 'rejected'") == 200
    assert paused


def test_what_was_aborted_is_not_projected(beginning: Beginning) -> None:
    beginning.story = life(story.waiting(order(10)), firm=False)
    aborted = life(story.confirmed(order(11)), firm=False)
    abort(beginning.cluster.description, aborted.written)
    beginning.publish()
    rebuild(beginning.outside())
    with beginning.connect() as looking:
        assert [row[0] for row in looking.execute("SELECT order_id::text FROM projection.orders")] == [order(10)]


def test_an_event_that_cannot_be_read_stops_the_projector_right_before_it(beginning: Beginning) -> None:
    refused = example(answers.RequestRefused)
    good = beginning.story.tell(refused)
    beginning.story.write(good.place, b"0", b"\x00not an event")
    beginning.story.tell(refused)
    with beginning.connect() as looking, projecting(beginning) as raised:
        beginning.publish()
        until(lambda: bool(raised), "the stop")
        assert one(looking, "SELECT count(*) FROM projection.refused_requests") == 1
    assert isinstance(raised[0], UnreadableEvent)
    assert "request-refused[0]@" in str(raised[0])


def test_a_log_that_was_cut_is_said_and_not_guessed_over(beginning: Beginning) -> None:
    first = LogPartition("order-initiated", 0)
    beyond = replace(beginning, begun={**beginning.begun, first: beginning.begun[first] + 1_000_000})
    with pytest.raises(LogLost, match=r"order-initiated\[0\] has no record where the tables go on"):
        rebuild(beyond.outside())


def test_kafka_away_is_waited_for(beginning: Beginning) -> None:
    beginning.story = life(story.waiting(order(20)), firm=False)
    with beginning.connect() as looking, capture_logs() as lines, projecting(beginning) as raised:
        beginning.publish()
        until(lambda: links(looking) == 3, "3 links")
        with beginning.without("kafka"):
            until(lambda: any("Kafka cannot be reached" in line["event"] for line in lines), "a line that says so")
        beginning.story = life(story.waiting(order(21)), firm=False)
        beginning.publish()
        until(lambda: links(looking) == 6, "3 more")
    assert raised == []
    assert sum("Kafka cannot be reached" in line["event"] for line in lines) < 5


def test_postgresql_away_is_waited_for(beginning: Beginning) -> None:
    beginning.story = life(story.waiting(order(30)), firm=False)
    with capture_logs() as lines, projecting(beginning) as raised:
        beginning.publish()
        with beginning.connect() as looking:
            until(lambda: links(looking) == 3, "3 links")
        with beginning.without("postgres"):
            beginning.story = life(story.waiting(order(31)), firm=False)
            beginning.publish()
            until(lambda: any("PostgreSQL cannot be reached" in line["event"] for line in lines), "a line that says so")
        with beginning.connect() as looking:
            until(lambda: links(looking) == 6, "3 more")
    assert raised == []


@pytest.mark.parametrize(
    ("raising", "status", "said"),
    [
        ("UnreadableEvent('signed[3]@17 is no event')", EXIT_REFUSED, "signed[3]@17 is no event"),
        ("Stopped()", 0, ""),
        ("RuntimeError('a bug')", process.EXIT_FAILED, "a bug"),
    ],
)
def test_the_process_says_why_it_stops(cluster: Cluster, raising: str, status: int, said: str) -> None:
    program = (
        "from pathlib import Path; from infra.settings.description import load\n"
        "from projections.folds.arrivals import UnreadableEvent; from projections.projector import process\n"
        "from projections.projector.projecting import Stopped\n"
        f"def fail(_): raise {raising}\n"
        f"process.run(fail, load(Path({str(cluster.description.runtime)!r})))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == status
    assert said in ended.stderr
