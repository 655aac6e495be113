"""Judges the desk's history again under another policy, and lists the orders that it would decide differently."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from projections.backtest.replaying import Replayed, replay
from projections.backtest.verdicts import totals
from schemas.events.base import OrderEvent
from schemas.events.governance import PolicyActivated
from schemas.events.lifecycle import PolicyEvaluated
from schemas.firm import Allotment
from streams.rules.policy import starter
from tests.streams.rules.orders.specification import (
    Specification,
    approve,
    cancel,
    confirmed,
    given,
    initiate,
    simulated,
    split,
    swap,
    transfer,
    withdraw,
)
from tests.world.firm.desk import FIRM, limit, policy

DAY = limit("trader-day", "100000")
HOURS = 3_600


def history(spec: Specification) -> list[OrderEvent]:
    return [sealed.recorded.event for sealed in spec.log if isinstance(sealed.recorded.event, OrderEvent)]


def replayed(spec: Specification, other: PolicyActivated) -> Replayed:
    return replay(other, history(spec))


def decisions(spec: Specification, found: Replayed, *names: str) -> list[tuple[str, str, str]]:
    """The order, its recorded decision, and its new decision."""
    by_id = {spec.order_id(name): name for name in names}
    return [(by_id[each.order_id], each.before.outcome, each.after.outcome) for each in found.otherwise]


def busy() -> Specification:
    """A day with a bit of everything."""
    firm = FIRM.with_limits(DAY, limit("single", "60000", kind="per-transaction", window_seconds=0))
    spec = given(firm, initiate("o1", transfer("20000")), confirmed("o1"), initiate("o2", transfer("40000")))
    spec.given(approve("o2", by="rita"), confirmed("o2"), initiate("o3", transfer("30000")), approve("o3", by="rita"))
    spec.given(withdraw("o3", by="rita"), initiate("o4", transfer("50000")), initiate("o5", transfer("9000")), cancel("o5"))
    spec.after(25 * HOURS)
    spec.given(initiate("o6", swap("61000")), approve("o6", by="cora"), simulated("o6"), split("o6", "41000", "20000"))
    return spec.given(approve("o6/0", by="rita"), confirmed("o6/0"), initiate("o7", transfer("80000")))


def test_the_policy_that_decided_would_decide_all_of_it_the_same() -> None:
    spec = busy()
    found = replayed(spec, spec.firm.circumstances().policy)
    assert [(each.order_id, each.before, each.after) for each in found.otherwise] == []
    assert found.orders == len({event.order_id for event in history(spec) if isinstance(event, PolicyEvaluated)}) == 9


def test_an_order_that_needed_nobody_would_need_a_risk_officer() -> None:
    stricter = policy(DAY, cedar=starter.CEDAR.replace("> 2500000 &&", "> 1500000 &&"))
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("20000")), initiate("o2", transfer("15000")))

    found = replayed(spec, stricter)

    assert decisions(spec, found, "o1") == [("o1", "allowed", "needs-approval")]
    [only] = found.otherwise
    assert (only.after.requires, only.after.rules, only.stage) == (["risk-officer:1"], ["over-25k"], "at-first")
    assert (only.amount_usd, only.initiator) == (Decimal(20_000), "paula")


def test_an_approval_that_was_enough_would_not_be() -> None:
    instead = ' || context.quorums.contains("chief-risk-officer:1")'
    assert instead in starter.CEDAR
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("40000")), approve("o1", by="cora"))

    found = replayed(spec, policy(DAY, cedar=starter.CEDAR.replace(instead, "")))

    assert decisions(spec, found, "o1") == [("o1", "allowed", "needs-approval")]
    assert found.otherwise[0].stage == "with-approvals"


def test_what_would_have_been_refused_at_first_is_not_asked_again_when_it_was_approved() -> None:
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("40000")), approve("o1", by="rita"), confirmed("o1"))
    found = replayed(spec, policy(limit("trader-day", "1000")))
    assert decisions(spec, found, "o1") == [("o1", "needs-approval", "refused")]


def test_what_would_have_been_refused_in_the_end_gives_its_room_back() -> None:
    never = '@id("never-looked-at") @reason("A test.") forbid (principal, action in Action::"order", resource)'
    cedar = f'{starter.CEDAR}\n{never} when {{ context.quorums.contains("risk-officer:1") }};'
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("40000")), approve("o1", by="rita"))
    spec.given(initiate("o2", transfer("20000")))
    found = replayed(spec, policy(limit("trader-day", "40000"), cedar=cedar))
    assert decisions(spec, found, "o1", "o2") == [("o1", "allowed", "refused")]
    assert found.otherwise[0].stage == "with-approvals"


def test_a_lower_limit_would_have_refused_what_came_last() -> None:
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("20000")), confirmed("o1"), initiate("o2", transfer("15000")))
    found = replayed(spec, policy(limit("trader-day", "30000")))
    assert decisions(spec, found, "o2") == [("o2", "allowed", "refused")]
    [only] = found.otherwise
    assert [refusal.check for refusal in only.after.refusals] == ["limit-exceeded"]


def test_what_another_policy_would_have_refused_leaves_room_for_those_after_it() -> None:
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("25000")), initiate("o2", transfer("15000")))
    found = replayed(spec, policy(limit("trader-day", "20000")))
    assert decisions(spec, found, "o1") == [("o1", "allowed", "refused")]


def test_an_order_that_was_refused_and_would_not_have_been_takes_up_room() -> None:
    small = FIRM.with_limits(limit("trader-day", "10000"))
    spec = given(small, initiate("o1", transfer("15000")), initiate("o2", transfer("9000")))
    found = replayed(spec, policy(limit("trader-day", "16000")))
    assert decisions(spec, found, "o1", "o2") == [("o1", "refused", "allowed"), ("o2", "allowed", "refused")]


def test_what_has_left_the_window_counts_no_more() -> None:
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("20000")), confirmed("o1")).after(25 * HOURS)
    spec.given(initiate("o2", transfer("20000")))
    assert replayed(spec, policy(limit("trader-day", "20000"))).otherwise == []


def test_what_was_taken_back_is_free_again() -> None:
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("40000")), cancel("o1"), initiate("o2", transfer("24000")))
    assert replayed(spec, policy(limit("trader-day", "40000"))).otherwise == []


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"scope": "wallet"}, True),
        ({"scope": "desk", "kind": "calendar-day", "window_seconds": 0, "zone": "Europe/Zurich"}, True),
        ({"scope": "firm", "allotments": [Allotment(desk_id="newswap", cap_usd=Decimal(19_999))]}, True),
        ({"scope": "firm", "allotments": [Allotment(desk_id="newswap", cap_usd=Decimal(20_000))]}, False),
        ({"scope": "firm", "allotments": []}, True),
        ({"scope": "trader", "subject": "somebody-else"}, False),
        ({"scope": "protocol"}, False),
    ],
)
def test_limits_of_every_scope_are_reckoned_as_the_desk_does(changes: dict[str, Any], refused: bool) -> None:  # noqa: FBT001
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("20000")))
    found = replayed(spec, policy(limit("new", "19999", **changes)))
    assert bool(found.otherwise) is refused


def test_a_history_that_begins_in_the_middle_is_judged_as_far_as_it_goes() -> None:
    spec = given(FIRM.with_limits(DAY), initiate("o1", transfer("40000")), approve("o1", by="rita"), confirmed("o1"))
    rest = [event for event in history(spec) if event.sequence > 1]
    assert replay(policy(DAY), rest) == Replayed(0, [])


def test_totals_say_how_many_and_how_much_the_largest_first() -> None:
    small = FIRM.with_limits(limit("trader-day", "10000"))
    spec = given(small, *(initiate(f"o{n}", transfer("11000")) for n in range(3)), initiate("o9", transfer("9000")))
    rows = totals(replayed(spec, policy(limit("trader-day", "25000"))).otherwise)
    assert [(row.before, row.after, row.orders, row.amount_usd) for row in rows] == [
        ("refused", "allowed", 2, Decimal(22_000)),
        ("allowed", "refused", 1, Decimal(9_000)),
    ]
