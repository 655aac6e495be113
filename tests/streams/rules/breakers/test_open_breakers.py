"""Selects the breakers that concern an order, and the orders that pass them."""

from __future__ import annotations

import pytest

from schemas.events.answers import LimitBreached
from schemas.events.lifecycle import OrderClosed, OrderInitiated, PolicyEvaluated
from schemas.firm import BreakerScope, BreakerState
from schemas.orders import Action
from streams.rules.breakers import open_breakers as breakers
from streams.rules.breakers.after_approval import stops_now
from streams.rules.refusals.orders import BreakerOpen, BreakerReducing
from tests.streams.rules.orders.specification import (
    Specification,
    again,
    allowance,
    approve,
    attempt,
    call,
    cancel,
    decline,
    deposit,
    given,
    initiate,
    simulated,
    split,
    swap,
    transfer,
    withdraw,
    withdrawal,
)
from tests.world.firm.desk import CUSTODIAN, EARN, FIRM, HOLDING, NOW, SECOND, STRANGER, USDC, VENUE, Firm, limit

HOME = transfer("100", to=HOLDING)
OUT = withdrawal("100")
SELL, BUY = swap("0.01", "WETH", buy="USDC"), swap("100")
PAY = transfer("100")
EARNS = deposit("100")


def breaker_checks(firm: Firm, action: Action) -> list[str]:
    """The checks of breakers among what refuses an order; whoever has it next finds the same."""
    spec = given(firm).when(initiate("o1", action))
    said = spec.only(PolicyEvaluated)
    stops = breakers.refusals(said.facts)
    assert said.refusals[: len(stops)] == stops
    on_its_way = stops_now(spec.only(OrderInitiated).order, said.facts.effect, firm.governance)
    assert [stop.record() for stop in on_its_way] == stops
    assert said.outcome == "refused" or not stops
    return [stop.check for stop in stops]


@pytest.mark.parametrize(
    ("scope", "subject", "concerned", "others"),
    [
        ("firm", "*", [PAY, BUY, SELL, EARNS, OUT, allowance("1"), call()], []),
        ("desk", "newswap", [PAY, BUY, EARNS], []),
        ("desk", "*", [PAY], []),
        ("desk", "vault", [], [PAY]),
        ("wallet", "treasury-1", [PAY, BUY], []),
        ("wallet", "vault-1", [], [PAY]),
        ("asset", "USDC", [PAY, BUY, SELL, EARNS, OUT], [transfer("0.01", "WETH")]),
        ("asset", "WETH", [BUY, SELL, transfer("0.01", "WETH")], [PAY, EARNS, OUT]),
        ("contract", VENUE, [BUY, allowance("1"), call()], [PAY, EARNS]),
        ("contract", VENUE.lower(), [BUY], [PAY]),
        ("contract", USDC, [PAY, allowance("1")], [BUY, EARNS]),
        ("contract", CUSTODIAN, [PAY, transfer("0.01", "ETH")], [BUY]),
        ("contract", "*", [PAY, BUY, EARNS], []),
        ("protocol", "newswap", [BUY, allowance("1"), call()], [PAY, EARNS]),
        ("protocol", "earn", [EARNS, OUT], [BUY, PAY]),
        ("protocol", "*", [EARNS, BUY, PAY], []),
        ("counterparty", "custodian", [PAY], [BUY, EARNS]),
    ],
)
def test_a_breaker_concerns_whatever_touches_what_was_tripped(
    scope: BreakerScope, subject: str, concerned: list[Action], others: list[Action]
) -> None:
    firm = FIRM.tripped(scope, subject)
    assert [breaker_checks(firm, action) for action in concerned] == [["breaker-open"]] * len(concerned)
    assert [breaker_checks(firm, action) for action in others] == [[]] * len(others)


@pytest.mark.parametrize(
    ("scope", "subject", "state", "passing", "stopped"),
    [
        ("firm", "*", "open", [HOME], [OUT, SELL, PAY, BUY, EARNS, call()]),
        ("firm", "*", "reducing", [HOME, OUT, SELL], [PAY, BUY, EARNS, allowance("1"), call()]),
        ("desk", "newswap", "reducing", [HOME, OUT, SELL], [PAY, BUY]),
        ("wallet", "treasury-1", "reducing", [HOME, OUT, SELL], [PAY, BUY]),
        ("asset", "WETH", "reducing", [SELL], [BUY]),
        ("asset", "USDC", "reducing", [HOME, OUT], [SELL, BUY, PAY]),
        ("protocol", "earn", "reducing", [OUT], [EARNS]),
        ("protocol", "earn", "open", [], [OUT, EARNS]),
        ("protocol", "newswap", "reducing", [], [SELL, BUY]),
        ("contract", EARN, "reducing", [OUT], [EARNS]),
        ("contract", HOLDING, "open", [HOME], []),
        ("counterparty", "custodian", "reducing", [], [PAY]),
    ],
)
def test_a_breaker_lets_pass_what_its_state_says(
    scope: BreakerScope, subject: str, state: BreakerState, passing: list[Action], stopped: list[Action]
) -> None:
    firm = FIRM.tripped(scope, subject, state)
    assert [breaker_checks(firm, action) for action in passing] == [[]] * len(passing)
    assert [breaker_checks(firm, action) for action in stopped] == [[f"breaker-{state}"]] * len(stopped)


def test_the_facts_name_every_breaker_that_concerns_the_order_also_those_it_passes() -> None:
    firm = FIRM.tripped("wallet", "treasury-1", "reducing").tripped("asset", "USDC").tripped("asset", "FAR")
    facts = given(firm).when(initiate("o1", HOME)).only(PolicyEvaluated).facts
    assert [(fact.scope, fact.subject, fact.state) for fact in facts.breakers] == [
        ("asset", "USDC", "open"),
        ("wallet", "treasury-1", "reducing"),
    ]
    assert {fact.tripped_at for fact in facts.breakers} == {NOW - SECOND}
    assert (facts.reduces_exposure, facts.evacuates) == (True, True)


def test_an_order_that_is_stopped_is_closed_with_every_breaker_and_all_else_that_refuses_it() -> None:
    firm = FIRM.tripped("firm", "*").tripped("asset", "WETH", "reducing")
    spec = given(firm).when(initiate("o1", swap("100", venue=STRANGER)))
    spec.then("order-initiated", "policy-evaluated", "order-closed")
    checks = [refusal.check for refusal in spec.only(PolicyEvaluated).refusals]
    assert checks[:2] == ["breaker-reducing", "breaker-open"]
    assert "contract-not-listed" in checks
    assert "asset WETH" in spec.only(OrderClosed).message
    assert spec.used("trader-day", "trader:paula") == 0
    assert "quorum has reset the breaker firm:*" in spec.only(PolicyEvaluated).refusals[1].remedy


# In flight ------------------------------------------------------------------------------------------------------------


def waiting() -> Specification:
    """An order that needs three people, one of whom has approved; then the firm's breaker is tripped."""
    spec = given(FIRM, initiate("o1", transfer("40000", to=STRANGER)), approve("o1", by="rita"))
    return spec.at(FIRM.tripped("firm", "*"))


def test_what_is_stopped_cannot_be_approved_until_the_breaker_is_reset() -> None:
    spec = waiting().when(approve("o1", by="sven")).then_rejected(BreakerOpen, "the firm", "reset")
    assert spec.order("o1").stage == "waiting"
    spec.at(FIRM).when(again("sven approves o1")).then("approval-given", "policy-evaluated")


@pytest.mark.parametrize(
    ("step", "topics"),
    [
        (cancel("o1"), ("limit-released", "order-closed")),
        (decline("o1", by="sven"), ("approval-declined", "limit-released", "order-closed")),
        (withdraw("o1", by="rita"), ("approval-withdrawn",)),
    ],
)
def test_taking_back_is_never_stopped(step: object, topics: tuple[str, ...]) -> None:
    waiting().when(step).then(*topics)  # type: ignore[arg-type]


def test_what_was_handed_over_can_be_cancelled_and_what_expired_is_released() -> None:
    spec = given(FIRM, initiate("o1", PAY)).at(FIRM.tripped("firm", "*"))
    spec.when(cancel("o1")).then("cancellation-requested")
    waiting().after(3_600).then("limit-released", "order-closed")


def test_an_order_is_not_split_while_a_breaker_stops_its_parts() -> None:
    spec = given(FIRM, initiate("o1", BUY), simulated("o1")).at(FIRM.tripped("asset", "WETH", "reducing"))
    spec.when(split("o1", "50", "50")).then_rejected(BreakerReducing, "asset WETH")
    assert spec.order("o1").stage == "held"
    spec.at(FIRM).when(split("o1", "50", "50", name="later"))
    assert (spec.is_open("o1"), spec.is_open("o1/0"), spec.is_open("o1/1")) == (False, True, True)


def test_a_trial_says_what_stops_the_order() -> None:
    spec = given(FIRM.tripped("desk", "newswap")).when(attempt("t1", PAY)).then("order-tried")
    assert "breaker-open" in spec.last_outcome()


# Breaches -------------------------------------------------------------------------------------------------------------


def test_a_breach_of_a_limit_that_trips_is_said_once_the_order_is_closed() -> None:
    tripping = limit("contract-day", "1000", scope="contract", trips="open")
    firm = FIRM.with_limits(tripping, limit("trader-day", "1000"), limit("desk-day", "5000", scope="desk", trips="reducing"))
    spec = given(firm).when(initiate("o1", swap("1000.000001")))
    spec.then("order-initiated", "policy-evaluated", "order-closed", "limit-breached")
    breach = spec.only(LimitBreached)
    assert (breach.order_id, breach.limit_id, breach.scope_key) == (spec.order_id("o1"), "contract-day", f"contract:{VENUE}")
    assert (breach.breaker_scope, breach.breaker_subject, breach.breaker_state) == ("contract", VENUE, "open")
    spec.when(initiate("o2", swap("1000"))).then("order-initiated", "limit-reserved", "policy-evaluated", "approved")


def test_a_trial_breaches_nothing() -> None:
    firm = FIRM.with_limits(limit("desk-day", "1000", scope="desk", trips="open"))
    given(firm).when(attempt("t1", transfer("1001"))).then("order-tried")


def test_an_order_that_waited_breaches_a_limit_that_became_tighter() -> None:
    tighter = FIRM.with_limits(limit("desk-day", "39999", scope="desk", trips="open"))
    spec = given(FIRM, initiate("o1", transfer("40000"))).at(tighter).when(approve("o1", by="rita"))
    spec.then("command-rejected", "limit-released", "policy-evaluated", "order-closed", "limit-breached")
