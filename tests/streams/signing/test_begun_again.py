"""An attacker with all desks restarts a cancelled order that ended on another desk's partition: refused."""

from __future__ import annotations

from schemas.commands import CancelOrder
from schemas.events.lifecycle import Approved, CancellationRequested, OrderClosed, OrderInitiated, PolicyEvaluated, Simulated
from schemas.events.limits import LimitReleased, LimitReserved
from schemas.examples import example
from schemas.partitioning import desk_partition
from schemas.values import Record
from streams.rules.decider import Received
from tests.world.line.forgery import examined, fields, rewritten, where
from tests.world.line.line import Line
from tests.world.line.scenery import DESK, NUMBER, pay, received_of

OTHER = "other"


def line_with_order() -> Line:
    line = Line()
    line.send("o1", pay("1000"))
    line.run("desk")
    return line


def cancelled() -> Line:
    """`o1` was approved, and cancelled when execution had it already."""
    line = line_with_order()
    line.send("no", CancelOrder(order_id=line.order_id("o1")))
    line.run("desk")
    assert [each.record.order_id for each in line.records if isinstance(each.record, CancellationRequested)] == [
        line.order_id("o1")
    ]
    return line


def written(record: Record, desk_id: str = DESK) -> Received:
    key = desk_id.encode()
    return received_of(record, key, desk_partition(key), 0)


def test_an_order_does_not_end_on_another_desks_partition_and_begin_again() -> None:
    line, simulating = cancelled(), line_with_order()
    simulating.run("execution")
    (initiated,), (reserved,) = line.events(OrderInitiated), line.events(LimitReserved)
    (evaluated,), (approved,) = line.events(PolicyEvaluated), line.events(Approved)
    (simulated,) = simulating.events(Simulated)
    place = {"order_id": initiated.order_id, "decided_at": approved.decided_at}
    assert desk_partition(OTHER.encode()) != NUMBER
    ended = example(OrderClosed).model_copy(update=place | {"desk_id": OTHER, "reason": "cancelled", "child_order_ids": []})
    released = example(LimitReleased).model_copy(update=place | {"desk_id": DESK, "released": reserved.reserved})
    again = [initiated, released, reserved, evaluated, approved, simulated]
    begun = [*line.records, written(ended, OTHER), *map(written, again)]
    at_once = fields(decided_at=approved.decided_at)
    found = examined(rewritten(begun, where(CancellationRequested, "o1", at_once)), line.now)
    assert (found.of("o1"), found.digests) == ("log", [])
