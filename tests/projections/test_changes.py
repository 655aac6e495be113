from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from projections.api.changes import QUEUED_CHANGES_MAX, RELOAD, Change, Changes
from projections.api.database import Database
from projections.api.shapes import Order
from projections.storage import versions
from projections.storage.announcements import CHANNEL, NAMED_IDS_MAX, Announcement, parse
from projections.storage.projection import Projection
from projections.storage.tables import Writer
from schemas.events import answers, lifecycle
from schemas.examples import example
from tests.world.firm import story
from tests.world.firm.story import Story, life, order_id_of

pytestmark = pytest.mark.cluster

CHANGE_SECONDS_MAX = 10


@pytest.fixture
def projection(connect: Callable[[], Writer]) -> Projection:
    connection = connect()
    versions.prepare(connection)
    version = versions.create(connection)
    versions.swap(connection, version)
    return Projection(connection, version, served=True)


def play_with_listener(database: str, scenario: Callable[[Changes, asyncio.Queue[Change]], Awaitable[None]]) -> None:
    """Plays a scenario with a listener that has seen every change until now."""

    async def play() -> None:
        reading = Database(psycopg.conninfo.make_conninfo(database, user="reader"))
        changes = Changes(reading)
        async with changes.listening() as queue:
            assert await asyncio.wait_for(queue.get(), CHANGE_SECONDS_MAX) == RELOAD
            await scenario(changes, queue)
        await reading.close()

    asyncio.run(play())


async def following(queue: asyncio.Queue[Change], count: int) -> list[Change]:
    return [await asyncio.wait_for(queue.get(), CHANGE_SECONDS_MAX) for _ in range(count)]


def test_listeners_hear_what_a_batch_changed_once_they_can_see_it(database: str, projection: Projection) -> None:
    told = life(story.waiting(order_id_of(1)))
    told.tell(example(answers.CommandRejected))

    async def scenario(_: Changes, queue: asyncio.Queue[Change]) -> None:
        await asyncio.to_thread(projection.apply, told.arrivals())
        governance, order, rejection = await following(queue, 3)
        assert governance.kind == "governance"
        assert order.content is not None
        assert (order.kind, order.content.desk_id) == ("order", "newswap")
        assert (rejection.kind, rejection.concerns("treasury-1"), rejection.concerns("macro")) == ("rejection", True, False)

    play_with_listener(database, scenario)


def test_what_is_said_beside_a_chain_is_heard_as_a_change_of_its_order(database: str, projection: Projection) -> None:
    told = life(story.waiting(order_id_of(1)), firm=False)
    withdrawn = example(lifecycle.ApprovalWithdrawn).model_copy(update={"order_id": order_id_of(1), "approver": "carol"})

    async def scenario(_: Changes, queue: asyncio.Queue[Change]) -> None:
        await asyncio.to_thread(projection.apply, told.arrivals())
        await following(queue, 1)
        told.tell(withdrawn)
        await asyncio.to_thread(projection.apply, told.arrivals())
        [order] = await following(queue, 1)
        assert isinstance(order.content, Order)
        assert [each.approver for each in order.content.withdrawals] == ["carol"]

    play_with_listener(database, scenario)


def test_more_than_can_be_named_is_a_reload(database: str, projection: Projection) -> None:
    told = life(*(story.initiated(order_id_of(number)) for number in range(NAMED_IDS_MAX + 1)), firm=False)

    async def scenario(_: Changes, queue: asyncio.Queue[Change]) -> None:
        await asyncio.to_thread(projection.apply, told.arrivals())
        assert await following(queue, 1) == [RELOAD]

    play_with_listener(database, scenario)


def test_as_many_as_can_be_named_fit_into_one_announcement(connect: Callable[[], Writer], projection: Projection) -> None:
    with connect() as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        told = life(*(story.initiated(order_id_of(number)) for number in range(NAMED_IDS_MAX)), firm=False)
        projection.apply(told.arrivals())
        [notice] = connection.notifies(timeout=CHANGE_SECONDS_MAX, stop_after=1)
    announcement = parse(notice.payload)
    assert len(announcement.orders) == NAMED_IDS_MAX
    assert announcement != Announcement(everything=True)


def test_one_who_cannot_keep_up_is_told_to_reload(database: str, projection: Projection) -> None:
    async def scenario(changes: Changes, queue: asyncio.Queue[Change]) -> None:
        story_so_far = Story()
        async with changes.listening() as attentive:
            assert await following(attentive, 1) == [RELOAD]
            for number in range(QUEUED_CHANGES_MAX + 1):
                for event in story.initiated(order_id_of(number)):
                    story_so_far.tell(event)
            arrivals = story_so_far.arrivals()
            for start in range(0, len(arrivals), NAMED_IDS_MAX):
                await asyncio.to_thread(projection.apply, arrivals[start : start + NAMED_IDS_MAX])
                await asyncio.sleep(0)
                while not attentive.empty():
                    attentive.get_nowait()
        await asyncio.sleep(0.2)
        assert queue.qsize() < QUEUED_CHANGES_MAX
        assert queue.get_nowait() == RELOAD

    play_with_listener(database, scenario)


def test_a_lost_connection_is_a_reload_once_it_is_back(database: str, postgres: str) -> None:
    async def scenario(_: Changes, queue: asyncio.Queue[Change]) -> None:
        with psycopg.connect(postgres, autocommit=True) as owner:
            ended = owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'").fetchall()
        assert (True,) in ended
        assert await following(queue, 1) == [RELOAD]

    play_with_listener(database, scenario)
