"""The log as evidence: taken in any order, waited for where incomplete, refused where it contradicts itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import CancelOrder
from schemas.events.base import DeskEvent, Event, OrderEvent
from schemas.events.lifecycle import (
    ApprovalWithdrawn,
    Approved,
    CancellationRequested,
    OrderClosed,
    OrderInitiated,
    Signed,
    SigningRefused,
    Simulated,
)
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.examples import example
from schemas.topics import TOPIC_OF
from streams.rules.decider import Received
from streams.rules.evidence import dossier
from streams.rules.evidence.dossier import EVIDENCE_TOPICS, EvidenceFold
from tests.streams.signing.conftest import before_the_enclave
from tests.world.line.forgery import Examined, examined, fields, rewritten, tampered, where
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import DESK, NEVER_ORDERED, NUMBER, STRANGER, orders_named, pay, received_of, swap

DAY = 86_400_000_000
KEY = DESK.encode()


def links(line: Line, name: str) -> list[Received]:
    """An order's events on the log, except the simulation itself."""
    return [
        r
        for r in line.records
        if isinstance(r.record, OrderEvent) and r.record.order_id in orders_named(name) and not isinstance(r.record, Simulated)
    ]


def resealed(records: list[Received], *events: Event) -> list[Received]:
    """The log with more events at its end, sealed as if their writers had written them."""
    more = [received_of(event, KEY, NUMBER, 0) for event in events]
    return rewritten([*records, *more], lambda event: event)


def of_order(kind: type[OrderEvent], name: str, line: Line, **changes: object) -> OrderEvent:
    """Some event of a kind about an order, now."""
    place = {"desk_id": DESK, "order_id": line.order_id(name), "decided_at": line.now}
    return example(kind).model_copy(update=place | changes)


def with_a_second(line: Line, *events: OrderEvent) -> Examined:
    """The answer to another order that comes after `events`."""
    line.records[:] = resealed(line.records, *events)
    line.send("second", pay("1001", wallet_id="treasury-2"))
    before_the_enclave(line)
    return examined(rewritten(line.records, lambda event: event), line.now)


# Waiting ------------------------------------------------------------------------------------------------------------------


def test_a_link_that_is_missing_is_waited_for_and_nothing_is_signed_before_it_comes(agreed: Line) -> None:
    for missing in links(agreed, "o1"):
        rest = [received for received in agreed.records if received is not missing]
        found = examined(rest, agreed.now)
        assert (found.of("o1"), found.digests) == ("nothing", []), missing.topic
        assert examined([*rest, missing], agreed.now).of("o1") == "signed"


def test_desk_events_are_waited_for_though_the_orders_own_links_are_all_there(agreed: Line) -> None:
    first = next(r for r in agreed.records if isinstance(r.record, LimitReserved) and r.record.order_id in orders_named("o1"))
    rest = [received for received in agreed.records if received is not first]
    assert examined(rest, agreed.now).of("o2") == "nothing"
    assert examined([*rest, first], agreed.now).of("o2") == "signed"


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_topics_may_come_in_any_interleaving(data: st.DataObject, agreed: Line) -> None:
    topics: defaultdict[str, list[Received]] = defaultdict(list)
    for received in agreed.records:
        topics[received.topic].append(received)
    turns = data.draw(st.permutations([topic for topic, records in topics.items() for _ in records]))
    queues = {topic: iter(records) for topic, records in topics.items()}
    found = examined([next(queues[topic]) for topic in turns], agreed.now)
    assert (found.of("o1"), found.of("o2")) == ("signed", "signed")


def test_every_link_of_an_order_is_followed() -> None:
    assert set(EVIDENCE_TOPICS) >= {TOPIC_OF[kind].name for kind in (Simulated, Signed, SigningRefused, LimitPosted)}


def test_records_that_are_read_again_change_nothing(agreed: Line) -> None:
    fold = EvidenceFold()
    received = simulated_of(agreed, "o1")
    assert isinstance(received.record, Simulated)
    for each in [r for r in agreed.records for _ in range(2) if r.topic in EVIDENCE_TOPICS]:
        fold.accept(each)
    once = fold.dossier(received, received.record)
    for each in [r for r in agreed.records if r.topic in EVIDENCE_TOPICS]:
        fold.accept(each)
    assert once is not None
    assert fold.dossier(received, received.record) == once


@pytest.mark.parametrize("kind", [CancellationRequested, ApprovalWithdrawn])
def test_what_is_said_of_an_order_that_is_not_there_changes_nothing(paid: Line, kind: type[DeskEvent]) -> None:
    stray = example(kind).model_copy(update={"desk_id": DESK, "order_id": NEVER_ORDERED, "decided_at": paid.now})
    assert examined(resealed(paid.records, stray), paid.now).of("o1") == "signed"


# Tampering ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OrderInitiated, LimitReserved, Approved])
def test_a_link_that_was_changed_under_its_hash_breaks_the_chain(paid: Line, kind: type[OrderEvent]) -> None:
    found = examined(tampered(paid.records, where(kind, "o1", fields(causation_id="changed"))), paid.now)
    assert (found.of("o1"), found.digests) == ("chain", [])


def test_a_simulation_without_a_number_breaks_the_chain(paid: Line) -> None:
    found = examined(tampered(paid.records, where(Simulated, "o1", fields(sequence=0))), paid.now)
    assert found.of("o1") == "chain"


# A desk that contradicts itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
def test_two_events_at_one_position(paid: Line, *, early: bool) -> None:
    twin = next(r for r in paid.records if isinstance(r.record, LimitReserved) and r.record.order_id in orders_named("o2"))
    assert isinstance(twin.record, LimitReserved)
    other = received_of(fields(order_id=NEVER_ORDERED)(twin.record), KEY, NUMBER, 99)
    assert examined([other, *paid.records] if early else [*paid.records, other], paid.now).of("o1") == "log"


def test_a_second_link_in_the_place_of_a_desks(paid: Line) -> None:
    known = next(r for r in paid.records if isinstance(r.record, LimitReserved) and r.record.order_id in orders_named("o2"))
    other = received_of(fields(reserved=[], position=99)(known.record), KEY, NUMBER, 99)
    assert examined([*paid.records, other], paid.now).of("o1") == "log"


def test_time_that_runs_backwards(paid: Line) -> None:
    assert examined(rewritten(paid.records, where(Approved, "o1", fields(decided_at=1))), paid.now).of("o1") == "log"


def test_a_reservation_made_twice(paid: Line) -> None:
    forged = rewritten(paid.records, where(LimitReserved, "o2", lambda e: [e, e]))
    assert examined(forged, paid.now).of("o1") == "log"


def test_an_order_of_the_desk_on_another_desks_partition(paid: Line) -> None:
    """Limits would be counted from nothing there."""
    forged = [replace(r, partition=NUMBER - 1) if r.partition == NUMBER else r for r in paid.records]
    elsewhere = [r for r in forged if isinstance(r.record, Simulated)]
    assert examined(forged, paid.now, elsewhere).of("o1") == "place"
    assert examined([*forged, *paid.records], paid.now, [simulated_of(paid, "o1")]).of("o1") == "signed"
    stray = [r for r in forged if r.partition == NUMBER - 1 and isinstance(r.record, OrderInitiated)]
    back = [replace(r, record=fields(desk_id="other")(r.record), partition=NUMBER) for r in stray]
    assert examined([*paid.records, *back], paid.now).of("o1") == "log"


def test_links_of_other_writers_on_another_desks_partition_are_not_seen(paid: Line) -> None:
    stray = replace(simulated_of(paid, "o1"), partition=NUMBER - 1)
    assert examined([stray, *paid.records], paid.now, [simulated_of(paid, "o1")]).of("o1") == "signed"


def test_more_events_that_wait_than_can_be(paid: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dossier, "HELD_EVENTS_MAX", 2)
    first = next(r for r in paid.records if isinstance(r.record, OrderInitiated))
    rest = [received for received in paid.records if received is not first]
    assert examined(rest, paid.now).of("o1") == "log"


@pytest.mark.parametrize("kind", [LimitReleased, OrderClosed, LimitPosted])
def test_an_order_that_is_given_up_while_its_transaction_is_out(kind: type[OrderEvent]) -> None:
    line = Line()
    line.send("first", pay("1000"))
    before_the_enclave(line)
    found = with_a_second(line, of_order(kind, "first", line))
    assert (found.of("first"), found.of("second")) == ("log", "log"), found.messages


def test_an_order_that_goes_on_after_its_end() -> None:
    line = Line()
    line.send("first", pay("1000000", to=STRANGER))
    line.run()
    line.send("cancel", CancelOrder(order_id=line.order_id("first")))
    line.run()
    found = with_a_second(line, of_order(LimitReserved, "first", line))
    assert found.of("second") == "log", found.messages


# What has ended -----------------------------------------------------------------------------------------------------------


def test_an_order_that_was_confirmed_is_not_answered_by_an_enclave_that_knows_nothing_but_the_log() -> None:
    line = Line()
    line.send("o1", swap("1000"))
    line.run()
    found = examined(line.records, line.now)
    assert (found.answers, found.digests) == ({}, [])


@pytest.mark.parametrize(("later", "check"), [(DAY, "command"), (60_000_000, "nothing")])
def test_the_chain_of_an_order_that_ended_cannot_be_played_again(later: int, check: str) -> None:
    """Its id is remembered for as long as its real command would be young enough."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    began = [r.record for r in line.records if isinstance(r.record, OrderEvent) and r.record.sequence <= 5]
    line.now += later
    line.observe_price("ETH", "2500")
    line.send("o2", pay("1000", wallet_id="treasury-2"))
    line.run()
    again = resealed(line.records, *(fields(decided_at=line.now)(event) for event in began))
    played = [r for r in again if isinstance(r.record, Simulated)][-1:]
    found = examined(again, line.now, played)
    assert (found.of("o1"), found.digests) == (check, [])
