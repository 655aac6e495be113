"""The lifecycle's table is whole and without contradiction, and each process, consumer and README agree with it."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Final, get_args

import pytest

from infra.local_cluster.runtime import ROOT
from schemas.events import lifecycle as events
from schemas.events.base import OrderEvent
from schemas.events.limits import LedgerEvent, LimitReleased
from schemas.examples import example
from schemas.topics import ORDER_TOPICS, TOPIC_OF, TOPICS, written_by
from streams.desk.observer import INPUTS
from streams.rules.orders import decider, fold
from streams.rules.orders.lifecycle import (
    STEPS,
    Name,
    NotALink,
    Reservation,
    Stage,
    State,
    Step,
    before,
    between,
    ends,
    is_with_desk,
    link_of,
    next_writer,
    settled,
    step_of,
)

README: Final = ROOT / "README.md"
START: Final = "<!-- lifecycle: tests/streams/rules/orders/test_lifecycle.py compares this table with the code -->"
END: Final = "<!-- end of lifecycle -->"


def variants() -> Iterator[tuple[Name, OrderEvent]]:
    """An event for each row, by every value of the field that selects it."""
    for name, step in STEPS.items():
        value = name.partition(":")[2]
        field = {events.PolicyEvaluated: "outcome", events.Simulated: "verdict"}.get(step.event, "reason")
        sample = example(step.event)
        yield name, sample.model_copy(update={field: value}) if value else sample


def test_each_event_of_an_order_topic_is_in_the_union_and_in_the_table() -> None:
    written = {TOPICS[topic].record for topic in ORDER_TOPICS}
    assert set(get_args(events.OrderLink)) == written == {step.event for step in STEPS.values()}
    assert set(get_args(events.DeskLink)) == {step.event for step in STEPS.values() if step.writer == "desk"}


def test_each_name_and_state_is_used() -> None:
    assert tuple(STEPS) == get_args(Name)
    assert {step.state for step in STEPS.values()} - {None} == set(get_args(State))
    assert {step.stage for step in STEPS.values()} - {None} == set(get_args(Stage))
    assert {step.reservation for step in STEPS.values()} == set(get_args(Reservation))


def test_each_value_of_a_field_that_selects_has_its_row() -> None:
    for record, field in (
        (events.PolicyEvaluated, "outcome"),
        (events.Simulated, "verdict"),
        (LimitReleased, "reason"),
        (events.OrderClosed, "reason"),
    ):
        values = get_args(record.model_fields[field].annotation)
        assert {f"{TOPIC_OF[record].name}:{value}" for value in values} == {n for n, s in STEPS.items() if s.event is record}


@pytest.mark.parametrize(("name", "event"), variants(), ids=lambda each: each if isinstance(each, str) else "")
def test_an_event_finds_its_row(name: Name, event: OrderEvent) -> None:
    assert step_of(event) is STEPS[name]
    assert TOPIC_OF[STEPS[name].event].name == name.partition(":")[0]
    assert link_of(event) is event


def test_an_event_without_a_row_is_refused() -> None:
    class Reorganised(OrderEvent):
        """Half-added: a link of the chain that nobody entered in the table."""

    event = Reorganised(desk_id="newswap", order_id=example(events.Signed).order_id)
    for read in (step_of, link_of):
        with pytest.raises(NotALink, match=r"Reorganised has no row .* or a newer one"):
            read(event)


def test_one_process_at_a_time_may_append() -> None:
    for name, step in STEPS.items():
        assert len({STEPS[each].writer for each in step.then}) == bool(step.then), name


def test_every_row_but_the_first_follows_another_and_every_order_can_end() -> None:
    followed = {each for step in STEPS.values() for each in step.then}
    unreached = {"order-initiated", "order-closed:flagged"}
    assert set(STEPS) - followed == unreached
    for name in STEPS:
        assert _reaches_an_end(name), name


def _reaches_an_end(name: Name) -> bool:
    seen: set[Name] = set()
    todo: list[Name] = [name]
    while todo:
        at = todo.pop()
        if not STEPS[at].then:
            return True
        seen.add(at)
        todo += [each for each in STEPS[at].then if each not in seen]
    return False


def test_a_reservation_is_resolved_once_on_every_way() -> None:
    """Walks every way through the table with the reservation in hand."""
    todo: list[tuple[Name, bool]] = [("order-initiated", False)]
    seen: set[tuple[Name, bool]] = set()
    while todo:
        name, held = todo.pop()
        step = STEPS[name]
        if step.reservation != "keep":
            assert held == (step.reservation != "reserve"), name
            held = step.reservation == "reserve"
        assert step.then or not held, f"{name} ends an order that holds a reservation"
        for each in step.then:
            if (each, held) not in seen and _is_possible(each, held=held):
                seen.add((each, held))
                todo.append((each, held))


def _is_possible(name: Name, *, held: bool) -> bool:
    """A refusal of an order that holds nothing closes it at once; of one that holds a reservation releases it first."""
    return not (held and name == "order-closed:rejected") and not (not held and name == "limit-released:closed")


def test_the_desks_stage_says_whether_only_the_desk_may_append() -> None:
    for name, step in STEPS.items():
        if step.stage is not None and step.stage != "initiated":
            assert is_with_desk(step.stage) == (next_writer(step) == "desk"), name


def test_an_order_rests_where_the_usual_events_leave_it() -> None:
    assert [settled(outcome) for outcome in ("allowed", "needs-approval", "refused")] == [
        "approved",
        "awaiting-approval",
        "rejected",
    ]


def test_the_desk_takes_back_what_others_hand_it_and_follows_those_topics() -> None:
    handed = {step.event for step in STEPS.values() if step.writer != "desk" and next_writer(step) == "desk"}
    assert handed == set(get_args(decider.HandedBack))
    assert {TOPIC_OF[each].name for each in handed} == set(INPUTS) - {"commands"}


def test_the_desk_folds_each_event_that_it_writes() -> None:
    assert set(fold._FOLDS) == {topic.record for topic in written_by("desk")}


def test_the_evidence_reader_knows_the_ends_and_what_comes_before_them() -> None:
    assert {each.__name__ for each in ends()} == {"LimitPosted", "OrderClosed"}
    assert before("limit-posted") == (events.Confirmed,)
    assert {each.__name__ for each in between("order-initiated", "approved")} == {
        "LimitReserved",
        "LimitReleased",
        "PolicyEvaluated",
        "ApprovalGiven",
    }


def test_the_ledgers_events_are_those_that_move_a_reservation() -> None:
    assert set(get_args(LedgerEvent)) == {step.event for step in STEPS.values() if step.reservation != "keep"}


def test_the_table_cannot_be_changed() -> None:
    assert isinstance(STEPS, types.MappingProxyType)


def test_the_readme_has_the_table() -> None:
    found = re.search(f"{re.escape(START)}\n(.*?){re.escape(END)}", README.read_text("utf-8"), re.DOTALL)
    assert found is not None, f"README has no {START}"
    assert found[1] == table(), f"README's table differs from the lifecycle; put this between its marks:\n{table()}"


def test_the_readmes_drawing_has_each_process_in_order() -> None:
    """Of the events on the usual way, each stands in the drawing after the one before."""
    drawing = README.read_text("utf-8").partition("## How an order goes\n```")[2].partition("```")[0]
    name: Name = "order-initiated"
    at = 0
    while True:
        topic = name.partition(":")[0]
        at = drawing.find(topic, at)
        assert at >= 0, f"the drawing has no {topic} after the event before it"
        if not STEPS[name].then:
            return
        name = STEPS[name].then[0]


def table() -> str:
    """README's table: an event a row, with all the rows that only a field's value tells apart."""
    rows = ["| event | state | reservation | then may append |", "| --- | --- | --- | --- |"]
    rows += [_row(name, step) for name, step in STEPS.items()]
    return "\n".join(rows) + "\n"


def _row(name: Name, step: Step) -> str:
    event, _, value = name.partition(":")
    shown = f"`{event}` {value}".rstrip()
    effect = "" if step.reservation == "keep" else step.reservation
    return f"| {shown} | {step.state or ''} | {effect} | {next_writer(step) or ''} |"


def test_the_dashboard_knows_each_state_that_it_names_and_colours_each_that_wants_a_look() -> None:
    folder = ROOT / "projections" / "dashboard"
    pages = "".join(page.read_text("utf-8") for page in folder.glob("templates/*.html"))
    named = set(re.findall(r'order\.state == "([^"]+)"', pages))
    assert named
    assert named <= set(get_args(State))
    coloured = set(re.findall(r"\.state\.([a-z-]+)", (folder / "assets" / "dashboard.css").read_text("utf-8")))
    under_way = {"initiated", "allowed", "approved", "simulated", "signed", "broadcast"}
    assert set(get_args(State)) - coloured == under_way
