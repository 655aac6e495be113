"""Numbers that no honest desk writes: one order is refused, and no enclave stops for good."""

from __future__ import annotations

from decimal import Decimal

from schemas.events.base import Event
from schemas.events.lifecycle import PolicyEvaluated
from schemas.events.limits import LimitReserved
from tests.world.line.forgery import examined, rewritten
from tests.world.line.line import Line
from tests.world.line.scenery import orders_named, pay

FOR_EVER = 2**62


def with_endless_windows(event: PolicyEvaluated) -> PolicyEvaluated:
    limits = [
        each.model_copy(update={"window_seconds": FOR_EVER}) if each.kind == "rolling" else each for each in event.facts.limits
    ]
    return event.model_copy(update={"facts": event.facts.model_copy(update={"limits": limits})})


def test_a_limit_that_is_free_again_after_the_end_of_time_refuses_and_does_not_crash() -> None:
    """Windows are learned from what the desk says of an order that is confirmed long since; the log keeps it for ever."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    line.send("o2", pay("1000"))
    line.run("desk", "execution")
    line.send("o3", pay("1000", wallet_id="treasury-2"))
    line.run("desk")

    def change(event: Event) -> Event:
        if isinstance(event, PolicyEvaluated) and event.order_id in orders_named("o1"):
            return with_endless_windows(event)
        if isinstance(event, LimitReserved) and event.order_id in orders_named("o3"):
            nearly_all = [each.model_copy(update={"amount_usd": Decimal(5_998_500)}) for each in event.reserved]
            return event.model_copy(update={"reserved": nearly_all})
        return event

    found = examined(rewritten(line.records, change), line.now)
    assert (found.of("o2"), found.digests) == ("policy-today", [])
