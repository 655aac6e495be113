"""An order's course through the desk: intake, judgement, hand-over, hold, end."""

from __future__ import annotations

import pytest

from schemas.events.answers import CommandRejected
from schemas.events.lifecycle import Approved, OrderClosed, OrderHeld, OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.orders import Action
from streams.rules.refusals import orders as refusals
from tests.streams.rules.orders.specification import (
    DESK,
    Step,
    again,
    allowance,
    approve,
    cancel,
    chain_of,
    confirmed,
    decline,
    given,
    initiate,
    not_signed,
    reverted,
    simulated,
    swap,
    transfer,
)
from tests.world.firm.desk import FIRM, LIMITS, NOW, STRANGER, USDC, VENUE, limit, policy

TAKEN = ("order-initiated", "limit-reserved", "policy-evaluated")
CLOSED = ("limit-released", "order-closed")


@pytest.mark.parametrize("action", [transfer("20000"), transfer("8", "ETH"), swap("20000"), allowance("20000")])
def test_an_order_that_policy_allows_is_reserved_evaluated_and_handed_over_at_once(action: Action) -> None:
    spec = given().when(initiate("o1", action)).then(*TAKEN, "approved")
    assert spec.order("o1").stage == "approved"
    said, handed_over = spec.only(PolicyEvaluated), spec.only(Approved)
    assert (said.outcome, said.unmet, said.refusals) == ("allowed", [], [])
    assert handed_over.effect == said.facts.effect
    assert (handed_over.policy_hash, handed_over.governance_position) == (FIRM.policy.policy_hash, 40)
    assert spec.only(PolicyEvaluated).approval_hash is None
    assert spec.used("trader-day", "trader:paula") == 20_000
    assert [event.sequence for event in chain_of(spec, "o1")] == [1, 2, 3, 4]


def test_the_signed_command_stands_in_the_log_whole() -> None:
    spec = given().when(initiate("o1", transfer("20000"), by="bot"))
    event = spec.only(OrderInitiated)
    assert event.command == spec.sent["o1"]
    assert event.order.initiator == "bot"
    assert event.causation_id == spec.sent["o1"].command_id


def test_an_order_above_a_threshold_waits_for_approval() -> None:
    spec = given().when(initiate("o1", transfer("40000"))).then(*TAKEN)
    evaluated = spec.only(PolicyEvaluated)
    assert evaluated.outcome == "needs-approval"
    assert evaluated.requires == ["risk-officer:1"]
    assert evaluated.expires_at == NOW + 3_600_000_000
    subject = evaluated.approval_subject
    assert subject is not None
    assert subject.reserved == spec.only(LimitReserved).reserved
    assert subject.effect == evaluated.facts.effect


def test_what_policy_refuses_reserves_nothing_and_leaves_memory() -> None:
    spec = given().when(initiate("o1", swap("20000", venue=STRANGER))).then_refused("contract-not-listed")
    assert not spec.is_open("o1")
    assert spec.used("trader-day", "trader:paula") == 0
    assert "contract-not-listed" in spec.only(OrderClosed).message


def test_what_goes_over_a_rolling_limit_is_refused_with_all_that_refuses_it() -> None:
    firm = FIRM.with_limits(limit("trader-day", "50000"), limit("desk-day", "40000", scope="desk"))
    spec = given(firm, initiate("o1", transfer("20000")))
    spec.when(initiate("o2", swap("30000.000001", venue=STRANGER)))
    spec.then_refused("limit-exceeded", "limit-exceeded", "contract-not-listed")
    assert "30000.000000 USD is left" in spec.only(PolicyEvaluated).refusals[0].message
    assert spec.only(PolicyEvaluated).requires == []
    spec.when(initiate("o3", transfer("20000"))).then(*TAKEN, "approved")


def test_nobody_is_asked_to_approve_what_a_limit_refuses() -> None:
    firm = FIRM.with_limits(limit("trader-day", "50000"))
    spec = given(firm).when(initiate("o1", transfer("50000.000001"))).then_refused("limit-exceeded")
    assert spec.only(PolicyEvaluated).requires == []
    assert [rule.rule_id for rule in spec.only(PolicyEvaluated).rules] == ["over-25k"]


def test_a_limit_per_transaction_is_for_policy_to_judge_and_an_approval_lifts_it() -> None:
    spec = given(FIRM, initiate("o1", transfer("1000001")))
    evaluated = spec.only(PolicyEvaluated)
    assert evaluated.requires == ["chief-risk-officer:1", "risk-officer:1"]
    assert [fact.limit_id for fact in evaluated.facts.limits if fact.exceeded] == ["single"]
    spec.when(approve("o1", by="cora")).then("approval-given", "policy-evaluated", "approved")


def test_the_same_command_again_is_worth_no_event() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000")))
    spec.when(again("o1")).then_nothing()
    spec.given(simulated("o1", "passed"), confirmed("o1")).when(again("o1")).then_nothing()


def test_the_same_content_signed_again_is_the_same_command() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000")))
    spec.when(initiate("o1", transfer("20000"))).then_nothing()


def test_the_same_id_with_other_content_is_a_conflict_also_after_the_order_has_closed() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000")))
    spec.when(initiate("o1", transfer("20001"))).then_rejected(refusals.IdempotencyConflict)
    spec.given(simulated("o1", "passed"), confirmed("o1"))
    spec.when(initiate("o1", transfer("20001"))).then_rejected(refusals.IdempotencyConflict)


def test_a_rejected_command_stays_rejected() -> None:
    unpriced = FIRM.with_price(FIRM.prices["ETH"].model_copy(update={"observed_at": NOW - 61_000_000}))
    spec = given(unpriced, initiate("o1", transfer("1", "ETH")))
    spec.then_rejected(refusals.PriceStale)
    spec.at(FIRM).when(again("o1")).then_nothing()
    spec.when(initiate("o1", transfer("2", "ETH"))).then_rejected(refusals.IdempotencyConflict)


def test_an_id_is_not_spent_by_somebody_who_cannot_sign_for_it() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000"), by="paula", principal="rita"))
    spec.then_rejected(refusals.KeyUnknown)
    assert spec.only(CommandRejected).content_hash is None
    spec.when(initiate("o1", transfer("20000"))).then(*TAKEN, "approved")


DAYS = 86_400


def test_an_id_is_remembered_for_thirty_days_whatever_became_of_the_order() -> None:
    spec = given(FIRM, initiate("o1", transfer("100"), by="bot"), simulated("o1", "passed"), confirmed("o1"))
    spec.after(29 * DAYS).when(again("o1")).then_nothing()
    spec.when(initiate("o1", transfer("101"), by="bot")).then_rejected(refusals.IdempotencyConflict)


def test_an_id_that_is_used_again_after_its_time_names_another_order() -> None:
    """The first may even be open still: what an order is called follows from what was asked, not from the id."""
    spec = given(FIRM, initiate("o1", transfer("100"), by="bot"), initiate("o2", transfer("100"), by="bot")).after(31 * DAYS)
    first = spec.order_id("o1")
    spec.given(initiate("o3", transfer("100"), by="bot"), initiate("o4", transfer("100"), by="bot")).after(31 * DAYS)
    spec.given(initiate("o5", transfer("100"), by="bot"))
    spec.when(again("o1")).then_rejected(refusals.CommandStale)
    spec.when(initiate("o1", transfer("100"), by="bot")).then(*TAKEN, "approved")
    assert spec.only(OrderInitiated).order_id != first
    assert first in spec.state.orders


def test_an_order_that_nobody_approves_expires() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000"))).after(3_599.999999).then_nothing()
    spec.after(0.000001).then(*CLOSED)
    assert spec.only(OrderClosed).reason == "expired"
    assert spec.only(OrderClosed).causation_id == "clock"
    assert spec.used("trader-day", "trader:paula") == 0
    spec.after(1).then_nothing()
    assert spec.state.expiries == []


def test_orders_expire_in_their_own_order_and_only_so_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.rules.orders.steps.outcomes.EXPIRIES_MAX", 2)
    spec = given()
    for name in ("o1", "o2", "o3"):
        spec.given(initiate(name, transfer("40000"))).after(1)
    spec.after(4_000).then(*CLOSED, *CLOSED)
    assert not spec.is_open("o1")
    assert not spec.is_open("o2")
    spec.after(0).then(*CLOSED)
    assert not spec.is_open("o3")


def test_an_order_that_was_handed_over_does_not_expire() -> None:
    given(FIRM, initiate("o1", transfer("40000")), approve("o1", by="rita")).after(4_000).then_nothing()


def test_who_could_approve_may_decline() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000"))).when(decline("o1", by="rita"))
    spec.then("approval-declined", *CLOSED)
    assert spec.only(OrderClosed).reason == "declined"
    assert "rita: too much" in spec.only(OrderClosed).message
    spec.when(again("rita declines o1")).then_nothing()


def test_somebody_whose_approval_would_do_may_decline_too() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000")))
    spec.when(decline("o1", by="cora")).then("approval-declined", *CLOSED)


def test_an_order_that_waits_can_be_taken_back() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000"))).when(cancel("o1")).then(*CLOSED)
    assert spec.only(OrderClosed).reason == "cancelled"
    assert spec.only(OrderClosed).command == spec.sent["paula cancels o1"]
    spec.when(again("paula cancels o1")).then_nothing()
    spec.when(cancel("o1", name="once more")).then_rejected(refusals.OrderUnknown)


def test_any_person_of_the_desk_may_cancel_but_no_other_system() -> None:
    given(FIRM, initiate("o1", transfer("40000"))).when(cancel("o1", by="carl")).then(*CLOSED)
    spec = given(FIRM, initiate("o1", transfer("40000")))
    spec.when(cancel("o1", by="officer-bot")).then_rejected(refusals.NotYours, "paula", "cancel")
    spec.given(initiate("o2", transfer("40000"), by="bot")).when(cancel("o2", by="bot")).then(*CLOSED)


def test_the_desk_appends_of_itself_only_to_orders_that_it_has() -> None:
    """An order that was handed over grows elsewhere: the desk needs its last link before it may go on."""
    spec = given(FIRM, initiate("o1", transfer("40000")))
    tail = spec.processor.decider.tail
    assert tail(spec.state, spec.order_id("o1")) == spec.links[spec.order_id("o1")]
    spec.given(approve("o1", by="rita"))
    assert tail(spec.state, spec.order_id("o1")) is None
    spec.given(simulated("o1"))
    assert tail(spec.state, spec.order_id("o1")) == spec.links[spec.order_id("o1")]
    assert tail(spec.state, spec.order_id("o2")) is None


def test_a_flagged_simulation_holds_the_order_and_its_reservation() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000"))).after(5).when(simulated("o1")).then("order-held")
    assert spec.only(OrderHeld).expires_at == NOW + 3_605_000_000
    assert spec.used("trader-day", "trader:paula") == 20_000
    assert spec.order("o1").link.sequence == 6
    spec.when(approve("o1", by="rita")).then_rejected(refusals.OrderNotWaiting, "held")


def test_a_held_order_can_be_taken_back_or_expires() -> None:
    held = (initiate("o1", transfer("20000")), simulated("o1"))
    given(FIRM, *held).when(cancel("o1")).then(*CLOSED)
    spec = given(FIRM, *held).after(3_600).then(*CLOSED)
    assert "flagged" in spec.only(OrderClosed).message


def test_a_simulation_that_passed_is_the_signers() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000"))).when(simulated("o1", "passed")).then_nothing()
    assert spec.order("o1").stage == "approved"


def test_a_confirmation_posts_what_was_reserved_and_the_order_leaves_memory() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000")), simulated("o1", "passed")).when(confirmed("o1"))
    spec.then("limit-posted")
    assert {each.limit_id for each in spec.only(LimitPosted).posted} == {"trader-day", "desk-day"}
    assert not spec.is_open("o1")
    assert spec.used("trader-day", "trader:paula") == 20_000
    spec.after(86_400 - 1)
    assert spec.used("trader-day", "trader:paula") == 20_000
    spec.after(11)
    assert spec.used("trader-day", "trader:paula") == 0


@pytest.mark.parametrize(("step", "reason"), [(not_signed("o1"), "signing-refused"), (reverted("o1"), "reverted")])
def test_an_order_that_fails_later_frees_what_it_reserved(step: Step, reason: str) -> None:
    spec = given(FIRM, initiate("o1", transfer("20000"))).when(step).then(*CLOSED)
    assert spec.only(OrderClosed).reason == reason
    assert spec.only(LimitReleased).reason == "closed"
    assert spec.used("trader-day", "trader:paula") == 0


@pytest.mark.parametrize("step", [simulated("o1"), not_signed("o1"), confirmed("o1"), reverted("o1")])
def test_what_comes_late_or_twice_changes_nothing(step: Step) -> None:
    given().when(step).then_nothing()
    given(FIRM, initiate("o1", transfer("40000"))).when(step).then_nothing()
    given(FIRM, initiate("o1", transfer("20000")), simulated("o1", "passed"), confirmed("o1")).when(step).then_nothing()


def test_an_event_of_another_desk_does_not_touch_the_order() -> None:
    spec = given(FIRM, initiate("o1", transfer("20000")))
    received = confirmed("o1")(spec)
    assert received.record is not None
    foreign = received.record.model_copy(update={"desk_id": "vault"})
    spec.when(lambda spec: spec.received(foreign, key="vault")).then_nothing()
    assert spec.is_open("o1")


def test_an_order_without_limits_goes_its_way_too() -> None:
    spec = given(FIRM.with_limits(), initiate("o1", transfer("20000")), simulated("o1", "passed"))
    spec.when(confirmed("o1")).then("limit-posted")
    assert spec.state.desk(DESK).ledger.accounts == {}


def test_the_policy_in_force_is_the_one_that_decides() -> None:
    strict = policy(*LIMITS, version=2, cedar='@id("none") @reason("Nobody.") forbid (principal, action, resource);')
    spec = given(FIRM.with_policy(strict), initiate("o1", transfer("1")))
    spec.then_refused("none", "no-rule-permits")
    assert spec.only(PolicyEvaluated).facts.policy_hash == strict.policy_hash


def test_an_order_id_follows_from_desk_and_command() -> None:
    spec = given().when(initiate("o1", allowance("1", "USDC", VENUE)))
    assert spec.only(OrderInitiated).order_id == spec.order_id("o1")
    assert spec.only(PolicyEvaluated).facts.effect.contract == USDC
