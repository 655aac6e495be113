"""A dry run gives an order's whole answer, and reserves, begins or trips nothing."""

from __future__ import annotations

import pytest

from schemas.events.answers import OrderTried
from schemas.events.lifecycle import PolicyEvaluated
from schemas.orders import Action
from streams.rules.refusals import orders as refusals
from tests.streams.rules.orders.specification import again, attempt, given, initiate, swap, transfer
from tests.world.firm.desk import FIRM, NOW, STRANGER, VENUE, limit, price


@pytest.mark.parametrize(
    "action",
    [transfer("20000"), transfer("40000"), swap("20000", venue=STRANGER), transfer("7000000"), transfer("40000", to=STRANGER)],
    ids=["allowed", "needs approval", "refused", "over a limit", "several quorums"],
)
def test_a_trial_says_what_the_order_would_be_told(action: Action) -> None:
    tried = given().when(attempt("t1", action)).then("order-tried").only(OrderTried)
    said = given().when(initiate("o1", action)).only(PolicyEvaluated)
    assert (tried.outcome, tried.rules, tried.refusals) == (said.outcome, said.rules, said.refusals)
    assert (tried.requires, tried.unmet, tried.facts) == (said.requires, said.unmet, said.facts)


def test_a_trial_reserves_nothing_and_begins_nothing() -> None:
    firm = FIRM.with_limits(limit("trader-day", "20000"))
    spec = given(firm, attempt("t1", transfer("20000")), attempt("t2", transfer("20000")))
    assert spec.only(OrderTried).outcome == "allowed"
    assert not spec.state.orders
    assert spec.used("trader-day", "trader:paula") == 0
    spec.when(initiate("o1", transfer("20000")))
    assert spec.is_open("o1")


def test_everything_that_refuses_is_said_at_once_with_what_would_help() -> None:
    firm = FIRM.with_limits(limit("trader-day", "50000"), limit("desk-day", "40000", scope="desk"))
    spec = given(firm.tripped("contract", VENUE)).when(attempt("t1", swap("50000.000001")))
    tried = spec.only(OrderTried)
    assert [refusal.check for refusal in tried.refusals][:3] == ["breaker-open", "limit-exceeded", "limit-exceeded"]
    assert all(refusal.remedy for refusal in tried.refusals)
    assert tried.unmet == []


def test_what_is_missing_is_said_with_who_could_give_it() -> None:
    tried = given().when(attempt("t1", transfer("40000"))).only(OrderTried)
    assert [(each.requires, each.could_approve) for each in tried.unmet] == [("risk-officer:1", ["rita", "rolf"])]
    assert "risk-officer" in tried.unmet[0].missing


def test_an_order_that_cannot_be_done_at_all_is_one_refusal_and_no_facts() -> None:
    tried = given().when(attempt("t1", transfer("0.0000001"))).then("order-tried").only(OrderTried)
    assert (tried.outcome, tried.facts, tried.unmet) == ("refused", None, [])
    assert [refusal.check for refusal in tried.refusals] == [refusals.AmountTooPrecise.check]
    stale = FIRM.with_price(price("ETH", "2500", NOW - 61_000_000))
    tried = given(stale).when(attempt("t1", transfer("1", "ETH"))).only(OrderTried)
    assert [refusal.check for refusal in tried.refusals] == [refusals.PriceStale.check]


def test_a_trial_is_answered_once_and_its_id_is_spent() -> None:
    spec = given(FIRM, attempt("t1", transfer("20000")))
    spec.when(again("t1")).then_nothing()
    spec.when(attempt("t1", transfer("20001"))).then_rejected(refusals.IdempotencyConflict)
    spec.when(initiate("t1", transfer("20000"))).then_rejected(refusals.IdempotencyConflict)


def test_who_may_not_act_on_the_desk_may_not_try_either() -> None:
    spec = given().when(attempt("t1", transfer("1"), by="omar")).then_rejected(refusals.DeskNotEntitled)
    assert spec.state.desks == {}


def test_a_person_tries_with_their_own_key_whose_counter_rises() -> None:
    spec = given(FIRM, attempt("t1", transfer("1")))
    spec.keys["paula"].counter = 0
    spec.when(attempt("t2", transfer("1"))).then_rejected(refusals.CounterNotRisen)
