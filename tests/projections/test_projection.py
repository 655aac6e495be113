from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.folds.arrivals import Arrived, LogPartition
from projections.storage import versions
from projections.storage.projection import OffsetsMoved, Projection, VersionRetired
from projections.storage.tables import Writer
from projections.storage.versions import Version
from schemas.events import governance, lifecycle
from schemas.examples import example
from schemas.orders import Transfer
from tests.projections import key_story
from tests.projections.conftest import fresh_database
from tests.projections.rows import Rows, one, rows_of
from tests.world.firm import story
from tests.world.firm.story import Story, life, made, order_id_of

pytestmark = pytest.mark.cluster

EVERYTHING = life(
    story.confirmed(order_id_of(1)),
    story.flagged_and_split(order_id_of(2), [order_id_of(3), order_id_of(4)]),
    story.confirmed(order_id_of(3), parent=order_id_of(2)),
    story.rejected(order_id_of(4)),
    story.refused_by_signer(order_id_of(5)),
    story.reverted(order_id_of(6)),
    story.declined(order_id_of(7)),
    story.waiting(order_id_of(8)),
)
for answer in story.answer_events():
    EVERYTHING.tell(answer)
for change in (*story.change_events(), *key_story.birth(), key_story.safe_wallet(), *key_story.later()):
    EVERYTHING.tell(change)


def opened(connection: Writer) -> tuple[Projection, Version]:
    versions.prepare(connection)
    version = versions.create(connection)
    return Projection(connection, version, served=False), version


def projected(connection: Writer, *batches: list[Arrived]) -> Rows:
    projection, version = opened(connection)
    for batch in batches:
        projection.apply(batch)
    rows = rows_of(connection, version)
    versions.drop(connection, version)
    return rows


def order(connection: Writer, number: int) -> dict[str, Any]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute("SELECT * FROM orders WHERE order_id = %s", (order_id_of(number),)).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("number", "state", "links"),
    [
        (1, "confirmed", 11),
        (2, "superseded", 8),
        (3, "confirmed", 11),
        (4, "rejected", 5),
        (5, "signing-refused", 8),
        (6, "reverted", 10),
        (7, "awaiting-approval", 4),
        (8, "awaiting-approval", 3),
    ],
)
def test_an_order_is_in_the_state_that_its_last_link_says(
    connect: Callable[[], Writer], number: int, state: str, links: int
) -> None:
    with connect() as connection:
        projection, _ = opened(connection)
        projection.apply(EVERYTHING.arrivals())
        row = order(connection, number)
    assert (row["state"], row["tail_sequence"]) == (state, links)
    assert row["tail_digest"] == EVERYTHING.tails[order_id_of(number)].digest
    assert row["chain_broken"] is None


def test_a_confirmed_order_shows_what_it_went_through(connect: Callable[[], Writer]) -> None:
    with connect() as connection:
        projection, _ = opened(connection)
        projection.apply(EVERYTHING.arrivals())
        row = order(connection, 3)
        split = order(connection, 2)
    assert str(row["parent_order_id"]) == order_id_of(2)
    assert [str(child) for child in split["child_order_ids"]] == [order_id_of(3), order_id_of(4)]
    assert row["approvals"][0]["approver"] == "carol"
    assert row["amount_usd"] == example(lifecycle.PolicyEvaluated).facts.amount_usd
    assert row["slippage_ppm"] == 2_000
    included = example(lifecycle.Confirmed)
    assert (row["transaction_hash"], row["gas_used"]) == (included.transaction_hash, included.gas_used)
    assert row["effective_gas_price"] == str(included.effective_gas_price)


@pytest.fixture(scope="module")
def shared(postgres: str) -> Writer:
    return psycopg.connect(fresh_database(postgres), autocommit=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_interleaving_of_topics_in_any_batches_gives_the_rows_of_the_order_in_which_it_happened(
    shared: Writer, data: st.DataObject
) -> None:
    arrivals = EVERYTHING.arrivals()
    in_order = projected(shared, arrivals)
    by_place: dict[LogPartition, list[Arrived]] = {}
    for each in arrivals:
        by_place.setdefault(LogPartition(each.topic, each.partition), []).append(each)
    places = [place for place, events in by_place.items() for _ in events]
    cursors = {place: iter(events) for place, events in by_place.items()}
    interleaved = [next(cursors[place]) for place in data.draw(st.permutations(places))]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(interleaved) - 1), max_size=12)))
    batches = [interleaved[start:end] for start, end in itertools.pairwise([0, *cuts, len(interleaved)])]
    assert projected(shared, *batches) == in_order


def test_events_that_come_again_change_nothing(shared: Writer) -> None:
    arrivals = EVERYTHING.arrivals()
    once = projected(shared, arrivals)
    assert projected(shared, arrivals, arrivals, arrivals[20:]) == once
    assert projected(shared, arrivals[:30], arrivals[10:40], arrivals) == once


def test_a_link_that_is_early_is_kept_and_waits(connect: Callable[[], Writer]) -> None:
    arrivals = life(story.confirmed(order_id_of(1)), firm=False).arrivals()
    with connect() as connection:
        projection, version = opened(connection)
        projection.apply([arrivals[0], *arrivals[2:]])
        held = one(connection, "SELECT count(*) FROM held_events")
        assert (held, order(connection, 1)["state"]) == (9, "initiated")
        # a new process knows of them from the tables alone
        Projection(connection, version, served=False).apply(arrivals[1:2])
        held = one(connection, "SELECT count(*) FROM held_events")
        assert (held, order(connection, 1)["state"]) == (0, "confirmed")


def forged_after(number: int, links: int) -> tuple[Story, Arrived]:
    """An order's first `links` links, and one that claims to follow what was never there."""
    told = life(story.confirmed(order_id_of(number))[:links], firm=False)
    true_tail = told.tails[order_id_of(number)]
    told.tails[order_id_of(number)] = replace(true_tail, digest="ee" * 32)
    forged = told.tell(made(lifecycle.Approved, order_id_of(number))).arrived()
    told.tails[order_id_of(number)] = true_tail
    return told, forged


def test_a_broken_chain_marks_its_order_and_stops_no_other(connect: Callable[[], Writer]) -> None:
    broken, _ = forged_after(1, 3)
    for event in story.confirmed(order_id_of(2)):
        broken.tell(event)
    with connect() as connection:
        projection, _ = opened(connection)
        projection.apply(broken.arrivals())
        first, second = order(connection, 1), order(connection, 2)
        shown = one(connection, "SELECT count(*) FROM order_events WHERE order_id = %s", order_id_of(1))
    assert (first["state"], first["tail_sequence"], shown) == ("chain-broken", 3, 4)
    assert first["chain_broken"].startswith("4: says that it follows ee")
    assert (second["state"], second["chain_broken"]) == ("confirmed", None)


def test_two_links_that_claim_one_place_are_both_not_believed_whichever_came_first(shared: Writer) -> None:
    told = life(story.confirmed(order_id_of(1)), firm=False)
    told.tails[order_id_of(1)] = replace(told.tails[order_id_of(1)], sequence=2, digest=story.digest(told.written[1]))
    told.tell(made(lifecycle.OrderClosed, order_id_of(1), reason="cancelled"))
    arrivals = told.arrivals()
    fork_last = projected(shared, *([each] for each in arrivals))
    assert projected(shared, arrivals) == fork_last
    assert projected(shared, [arrivals[-1]], *([each] for each in arrivals[:-1])) == fork_last
    [row] = fork_last["orders"]
    assert "chain-broken" in row
    assert "3: more than one link claims this place" in row
    # what the order holds of its limits is what the believed links say
    assert [",reserved," in hold for hold in fork_last["reservations"]] == [True]


def test_more_links_of_a_broken_order_do_not_mend_it(connect: Callable[[], Writer]) -> None:
    told, _ = forged_after(1, 3)
    for event in story.confirmed(order_id_of(1))[3:]:
        told.tell(event)
    with connect() as connection:
        projection, _ = opened(connection)
        for each in told.arrivals():
            projection.apply([each])
        row = order(connection, 1)
    assert (row["state"], row["tail_sequence"]) == ("chain-broken", 3)
    assert "more than one link claims this place" in row["chain_broken"]


def test_what_postgresql_cannot_keep_is_shown_replaced_and_hashed_as_it_was(connect: Callable[[], Writer]) -> None:
    first, *_ = story.confirmed(order_id_of(1))
    assert isinstance(first, lifecycle.OrderInitiated)
    nul = first.order.model_copy(update={"memo": "a\x00b \\u0000", "action": example(Transfer)})
    told = Story()
    written = told.tell(first.model_copy(update={"order": nul}))
    with connect() as connection:
        projection, _ = opened(connection)
        projection.apply(told.arrivals())
        row = order(connection, 1)
        kept = one(connection, "SELECT event -> 'order' ->> 'memo' FROM order_events")
    assert row["memo"] == kept == "a\ufffdb \\u0000"
    assert row["tail_digest"] == story.digest(written)


def test_governance_rows_are_those_of_the_latest_position(connect: Callable[[], Writer]) -> None:
    told = Story()
    wallet = example(governance.WalletAssigned)
    for desk in ("macro", "newswap"):
        told.tell(wallet.model_copy(update={"desk_id": desk}))
    with connect() as connection:
        projection, _ = opened(connection)
        projection.apply(told.arrivals())
        assert one(connection, "SELECT desk_id FROM wallets") == "newswap"


def test_a_second_projector_changes_nothing(connect: Callable[[], Writer]) -> None:
    arrivals = EVERYTHING.arrivals()
    with connect() as connection, connect() as other:
        projection, version = opened(connection)
        mistaken = Projection(other, version, served=False)
        projection.apply(arrivals[:30])
        before = rows_of(connection, version)
        with pytest.raises(OffsetsMoved):
            mistaken.apply(arrivals[:40])
        assert rows_of(connection, version) == before
        projection.apply(arrivals)
    assert projection.offsets[LogPartition("order-initiated", 0)] == 8


def test_a_version_that_serves_no_more_is_not_written(connect: Callable[[], Writer]) -> None:
    with connect() as connection, connect() as other:
        _, first = opened(connection)
        versions.swap(connection, first)
        live = Projection(connection, first, served=True)
        versions.swap(other, versions.create(other))
        with pytest.raises(VersionRetired):
            live.apply(EVERYTHING.arrivals())
        assert one(connection, "SELECT count(*) FROM orders") == 0
