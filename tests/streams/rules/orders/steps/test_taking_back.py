"""An approval is withdrawn before the order is signed; an order already handed over is cancelled."""

from __future__ import annotations

import pytest

from schemas.events.lifecycle import (
    ApprovalWithdrawn,
    Approved,
    CancellationRequested,
    OrderClosed,
    PolicyEvaluated,
)
from streams.rules.refusals import orders as refusals
from tests.streams.rules.orders.specification import (
    Step,
    again,
    approve,
    cancel,
    confirmed,
    given,
    initiate,
    not_signed,
    reverted,
    simulated,
    transfer,
    withdraw,
)
from tests.world.firm.desk import FIRM, LIMITS, NOW, STRANGER, Firm, person, policy, price

WAITING = initiate("o1", transfer("40000", to=STRANGER))
"""Needs a senior risk officer, a compliance officer and, for the amount, a risk officer."""
CLOSED = ("limit-released", "order-closed")
HANDED_OVER = (initiate("o1", transfer("40000")), approve("o1", by="rita"))


# An approval ----------------------------------------------------------------------------------------------------------


def test_an_approval_that_is_taken_back_is_asked_for_again() -> None:
    spec = given(FIRM, WAITING, approve("o1", by="rita"), approve("o1", by="sven"))
    spec.when(withdraw("o1", by="rita")).then("approval-withdrawn", "policy-evaluated")
    event = spec.only(ApprovalWithdrawn)
    assert (event.approver, event.reason, event.command) == ("rita", "second thoughts", spec.sent["rita withdraws o1"])
    said = spec.only(PolicyEvaluated)
    assert said.requires == ["risk-officer:1", "senior-risk-officer:1 & compliance-officer:1"]
    assert [fact.principal for fact in said.facts.approvals] == ["sven"]
    assert [(each.requires, each.could_approve) for each in said.unmet] == [
        ("risk-officer:1", ["rita", "rolf"]),
        ("senior-risk-officer:1 & compliance-officer:1", ["carl"]),
    ]
    spec.when(again("rita withdraws o1")).then_nothing()
    spec.when(withdraw("o1", by="rita", name="twice")).then_rejected(refusals.ApprovalNotGiven, "rita")


def test_who_took_an_approval_back_may_give_it_again() -> None:
    spec = given(FIRM, WAITING, approve("o1", by="rita"), withdraw("o1", by="rita"))
    spec.when(approve("o1", by="rita", name="after all")).then("approval-given", "policy-evaluated")
    spec.given(approve("o1", by="sven")).when(approve("o1", by="carl"))
    assert [fact.principal for fact in spec.only(Approved).approvals] == ["rita", "sven", "carl"]


def test_an_approval_of_an_order_that_was_handed_over_is_taken_back_beside_its_chain() -> None:
    """The signer asks for the approvals that still stand, and refuses."""
    spec = given(FIRM, *HANDED_OVER).when(withdraw("o1", by="rita")).then("approval-withdrawn")
    assert spec.order("o1").stage == "approved"
    spec.when(withdraw("o1", by="rita", name="twice")).then_rejected(refusals.ApprovalNotGiven)
    spec.when(not_signed("o1")).then(*CLOSED)
    assert spec.only(OrderClosed).reason == "signing-refused"


def test_only_who_gave_an_approval_that_was_counted_has_one_to_take_back() -> None:
    spec = given(FIRM, WAITING, approve("o1", by="rita"), approve("o1", by="sven"))
    spec.when(withdraw("o1", by="carl")).then_rejected(refusals.ApprovalNotGiven, "carl")
    spec.at(FIRM.with_person(person("sven", "senior-risk-officer", status="revoked")))
    spec.at(FIRM.with_person(person("sven", "trader"))).given(approve("o1", by="carl"))
    assert spec.order("o1").stage == "waiting"
    spec.at(FIRM.with_person(person("sten", "senior-risk-officer"))).when(withdraw("o1", by="sven"))
    spec.then("approval-withdrawn", "policy-evaluated")


def test_an_approval_that_no_longer_counted_when_the_order_was_handed_over_cannot_be_taken_back() -> None:
    changed = FIRM.with_person(person("rita", "trader"))
    spec = given(FIRM, WAITING, approve("o1", by="rita"), approve("o1", by="sven")).at(changed)
    spec.given(approve("o1", by="rolf"), approve("o1", by="carl"))
    assert spec.order("o1").stage == "approved"
    spec.when(withdraw("o1", by="rita")).then_rejected(refusals.ApprovalNotGiven, "rita")
    spec.when(withdraw("o1", by="sven")).then("approval-withdrawn")


@pytest.mark.parametrize(
    "firm",
    [
        FIRM.with_policy(policy(*LIMITS, version=2)),
        FIRM.tripped("firm", "*"),
        FIRM.with_price(price("ETH", "2500", NOW - 61_000_000)),
        FIRM.with_wallet("treasury-1", "vault", STRANGER),
    ],
    ids=["another policy", "a breaker", "no price of now", "another desk's wallet"],
)
def test_taking_back_works_whatever_else_has_changed(firm: Firm) -> None:
    spec = given(FIRM, initiate("o1", transfer("16.1", "ETH", to=STRANGER)), approve("o1", by="rita")).at(firm)
    spec.when(withdraw("o1", by="rita")).then("approval-withdrawn")
    assert spec.order("o1").approvals == []


def test_there_is_nothing_to_take_back_of_an_order_that_is_not_there() -> None:
    given(FIRM).when(withdraw("o1", by="rita")).then_rejected(refusals.OrderUnknown)


# An order that was handed over ----------------------------------------------------------------------------------------


def test_an_order_that_was_handed_over_is_asked_to_be_cancelled_beside_its_chain() -> None:
    spec = given(FIRM, *HANDED_OVER).when(cancel("o1")).then("cancellation-requested")
    event = spec.only(CancellationRequested)
    assert (event.order_id, event.command) == (spec.order_id("o1"), spec.sent["paula cancels o1"])
    assert spec.used("trader-day", "trader:paula") == 40_000
    spec.when(again("paula cancels o1")).then_nothing()
    spec.when(cancel("o1", by="carl")).then_rejected(refusals.CancelledAlready)


@pytest.mark.parametrize("step", [not_signed("o1"), simulated("o1")])
def test_it_closes_as_cancelled_once_it_can_no_longer_be_signed(step: Step) -> None:
    spec = given(FIRM, *HANDED_OVER, cancel("o1", by="carl")).when(step).then(*CLOSED)
    assert (spec.only(OrderClosed).reason, spec.only(OrderClosed).command) == ("cancelled", None)
    assert "carl" in spec.only(OrderClosed).message
    assert spec.used("trader-day", "trader:paula") == 0


def test_what_was_signed_before_goes_its_way() -> None:
    spec = given(FIRM, *HANDED_OVER, cancel("o1"), simulated("o1", "passed"))
    spec.when(confirmed("o1")).then("limit-posted")
    spec = given(FIRM, *HANDED_OVER, cancel("o1"), simulated("o1", "passed")).when(reverted("o1")).then(*CLOSED)
    assert spec.only(OrderClosed).reason == "reverted"


def test_who_may_cancel_is_the_same_before_and_after() -> None:
    spec = given(FIRM, *HANDED_OVER).when(cancel("o1", by="officer-bot")).then_rejected(refusals.NotYours, "paula")
    spec.when(cancel("o2")).then_rejected(refusals.OrderUnknown)
