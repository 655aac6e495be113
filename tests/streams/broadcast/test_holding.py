"""A breaker holds back sending and resending until it is reset; orders that lower exposure and evacuations pass."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from schemas.events.base import FirmEvent
from schemas.events.lifecycle import Broadcast, Signed
from schemas.examples import example
from schemas.orders import Action
from streams.broadcast.observer import HELD, WATCHING
from streams.rules.breakers.holding import Holding
from streams.rules.decider import Later
from tests.streams.broadcast.test_broadcast import MS, of_order, sender, sent_and_lost
from tests.streams.broadcast.test_broadcast import signed as raw
from tests.streams.execution.breakers import numbered, reset, tripped, with_a_holding
from tests.world.chain.firm import (
    DESK,
    NOW,
    PLACES,
    WALLET_ID,
    allow,
    approved,
    call,
    deposit,
    firm,
    firm_events,
    pay,
    swap,
    withdraw,
)
from tests.world.chain.scene import ChainScene

FIRM = [*firm_events(), with_a_holding()]


def signed(action: Action, position: int = 0) -> Signed:
    asked = approved(action, firm())
    said = {"order": asked.order, "effect": asked.effect, "governance_position": position, "order_id": asked.order_id}
    return example(Signed).model_copy(update=said)


def holding(*more: FirmEvent) -> Holding:
    made = Holding()
    for event in numbered([*FIRM, *more]):
        made.accept(event)
    return made


@pytest.mark.parametrize("action", [pay("1"), swap("1"), allow("1"), deposit("1"), withdraw("1"), call("enter()")])
def test_what_nothing_stops_is_sent(action: Action) -> None:
    assert holding().reason(signed(action)) is None
    assert holding(tripped("desk", "other"), tripped("wallet", "other")).reason(signed(action)) is None
    assert holding(tripped(), reset()).reason(signed(action)) is None


@pytest.mark.parametrize(
    ("breaker", "held", "sent"),
    [
        (tripped("firm", "*"), [swap("1"), allow("1"), deposit("1"), withdraw("1"), call("enter()")], [pay("1")]),
        (tripped("desk", DESK), [swap("1"), withdraw("1")], [pay("1")]),
        (tripped("desk", "*"), [swap("1"), withdraw("1")], [pay("1")]),
        (tripped("wallet", WALLET_ID), [swap("1"), withdraw("1")], [pay("1")]),
        (tripped("asset", "USDC"), [swap("1"), deposit("1")], [pay("1"), pay("1", "ETH")]),
        (tripped("asset", "WETH"), [swap("1")], [deposit("1"), pay("1")]),
        (tripped("contract", PLACES.vault), [deposit("1"), withdraw("1"), call("enter()")], [swap("1"), pay("1")]),
        (tripped("contract", PLACES.vault.lower()), [deposit("1")], [swap("1")]),
        (tripped("desk", DESK, "reducing"), [swap("1"), deposit("1"), call("enter()")], [withdraw("1"), pay("1")]),
    ],
)
def test_a_breaker_holds_back_what_it_stops_and_nothing_else(
    breaker: FirmEvent, held: list[Action], sent: list[Action]
) -> None:
    at = holding(breaker)
    assert [action for action in held if at.reason(signed(action)) is None] == []
    assert [action for action in sent if at.reason(signed(action)) is not None] == []


def test_governance_that_the_signer_had_seen_is_waited_for() -> None:
    reached = len(FIRM)
    assert holding().reason(signed(pay("1"), reached)) is None
    assert "governance is at" in (holding().reason(signed(pay("1"), reached + 1)) or "")


def test_a_signature_that_names_no_order_is_held_back_by_any_breaker() -> None:
    old = signed(pay("1")).model_copy(update={"order": None, "effect": None})
    assert holding().reason(old) is None
    assert holding(tripped("desk", "other")).reason(old) is not None


def of_scene(scene: ChainScene, transaction: Signed) -> Signed:
    """The same transaction, as that of an order of the scene's desk."""
    asked = approved(swap("1", scene.places), scene.governance)
    return transaction.model_copy(
        update={"desk_id": DESK, "order": asked.order, "effect": asked.effect, "governance_position": 0}
    )


@pytest.mark.chain
def test_it_waits_in_sight_of_people_and_goes_as_soon_as_the_breaker_is_reset(scene: ChainScene) -> None:
    at_work, transaction = sender(scene.node), of_scene(scene, raw(scene))
    *known, stop, go = numbered([*firm_events(scene.places), tripped(), reset()])
    at_work.hear(*known, stop)
    with capture_logs() as lines:
        held = [at_work.offer(transaction, NOW + at * MS) for at in (0, 1, HELD.first_ms)]
    assert all(isinstance(outcome, Later) and "desk" in outcome.reason for outcome in held)
    assert [(line["event"], line["order_id"]) for line in lines] == [
        ("a signed transaction is held back", transaction.order_id)
    ] * 2, "now and then, not at every look"
    at_work.hear(go)
    assert isinstance(at_work.offer(transaction, NOW + HELD.first_ms * MS), tuple)
    assert scene.node.receipt(scene.included(transaction.transaction_hash)) is not None


@pytest.mark.chain
def test_what_the_chain_has_lost_is_not_sent_again_against_a_breaker(scene: ChainScene) -> None:
    transaction = of_scene(scene, sent_and_lost(scene))
    at_work = sender(scene.node)
    *known, stop, go = numbered([*firm_events(scene.places), tripped(), reset()])
    at_work.hear(*known, stop, transaction, of_order(Broadcast, transaction))
    for _ in range(3):
        at_work.hear(after_ms=WATCHING.longest_ms)
    assert scene.node.receipt(transaction.transaction_hash) is None
    at_work.hear(go)
    at_work.hear(after_ms=WATCHING.longest_ms)
    assert scene.node.receipt(scene.included(transaction.transaction_hash)) is not None
