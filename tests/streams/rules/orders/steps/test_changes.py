"""Splitting an order: the parts take over its reservation in one decision, and each is judged on its own."""

from __future__ import annotations

import pytest

from schemas.events.lifecycle import OrderClosed, OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitReleased
from streams.rules.refusals import orders as refusals
from tests.streams.rules.orders.specification import (
    again,
    approve,
    call,
    cancel,
    chain_of,
    given,
    initiate,
    simulated,
    split,
    swap,
    transfer,
)
from tests.world.firm.desk import FIRM, limit, price

SUPERSEDED = ("limit-released", "order-closed")
TAKEN = ("order-initiated", "limit-reserved", "policy-evaluated")
FIVE = ("1000000",) * 5


def test_five_million_flagged_becomes_five_times_one_million() -> None:
    """NewSwap, steps 5 and 6."""
    spec = given(FIRM, initiate("o1", swap("5000000")), approve("o1", by="cora"), simulated("o1"))
    assert spec.used("trader-day", "trader:paula") == 5_000_000
    spec.when(split("o1", *FIVE)).then(*SUPERSEDED, *TAKEN * 5)
    assert spec.only(OrderClosed).reason == "superseded"
    assert spec.only(OrderClosed).child_order_ids == [spec.order_id(f"o1/{n}") for n in range(5)]
    assert spec.only(OrderClosed).command == spec.sent["paula splits o1"]
    assert spec.only(LimitReleased).reason == "superseded"
    assert spec.used("trader-day", "trader:paula") == 5_000_000
    assert spec.only(OrderInitiated, "o1/3").order.parent_order_id == spec.order_id("o1")
    assert spec.only(OrderInitiated, "o1/3").command == spec.sent["paula splits o1"]
    spec.when(approve("o1/0", by="rita")).then("approval-given", "policy-evaluated", "approved")
    assert [event.sequence for event in chain_of(spec, "o1/0")] == [1, 2, 3, 4, 5, 6]
    spec.when(again("paula splits o1")).then_nothing()


def test_the_parts_need_no_more_room_than_the_order_held() -> None:
    firm = FIRM.with_limits(limit("trader-day", "50000"))
    spec = given(firm, initiate("o1", transfer("50000"))).when(split("o1", "20000", "30000"))
    spec.then(*SUPERSEDED, *TAKEN, "approved", *TAKEN)
    assert spec.used("trader-day", "trader:paula") == 50_000
    spec.when(initiate("o2", transfer("0.000001"))).then_refused("limit-exceeded")


def test_a_part_that_no_longer_fits_is_refused_alone() -> None:
    firm = FIRM.with_limits(limit("trader-day", "50000"))
    spec = given(firm, initiate("o1", transfer("20", "ETH"))).at(firm.with_price(price("ETH", "3000")))
    spec.when(split("o1", "10", "10"))
    spec.then(*SUPERSEDED, *TAKEN, "order-initiated", "policy-evaluated", "order-closed")
    assert [refusal.check for refusal in spec.only(PolicyEvaluated, "o1/1").refusals] == ["limit-exceeded"]
    assert spec.used("trader-day", "trader:paula") == 30_000


def test_a_part_that_was_refused_takes_no_room_from_the_next() -> None:
    firm = FIRM.with_limits(limit("trader-day", "50000"))
    spec = given(firm, initiate("o1", transfer("20", "ETH"))).at(firm.with_price(price("ETH", "3000")))
    spec.when(split("o1", "10", "9", "1"))
    assert [spec.is_open(f"o1/{n}") for n in range(3)] == [True, False, True]
    assert spec.used("trader-day", "trader:paula") == 33_000


def test_a_split_at_a_stale_price_leaves_the_order_as_it_was() -> None:
    spec = given(FIRM, initiate("o1", transfer("20", "ETH"))).after(61)
    spec.when(split("o1", "10", "10")).then_rejected(refusals.PriceStale)
    assert spec.is_open("o1")


def test_a_call_has_no_parts() -> None:
    """Each part would make the whole call again."""
    spec = given(FIRM, initiate("o1", call(amount="20"))).when(split("o1", "10", "10"))
    spec.then_rejected(refusals.CallIndivisible, "call")
    assert spec.is_open("o1")


@pytest.mark.parametrize(
    ("amounts", "refusal", "words"),
    [
        (("20000", "19999.999999"), refusals.AmountsDiffer, "39999.999999"),
        (("20000", "20000.000001"), refusals.AmountsDiffer, "40000.000001"),
        (("40000", "0.0000001"), refusals.AmountsDiffer, "40000.0000001"),
        (("39999.9999999", "0.0000001"), refusals.AmountTooPrecise, "39999.9999999"),
        ((str(10**77), "1"), refusals.AmountsDiffer, "1" + "0" * 76 + "1"),
    ],
)
def test_parts_must_add_up_exactly(amounts: tuple[str, ...], refusal: type[refusals.Refused], words: str) -> None:
    spec = given(FIRM, initiate("o1", transfer("40000")))
    spec.when(split("o1", *amounts)).then_rejected(refusal, words)
    assert spec.order("o1").stage == "waiting"
    assert spec.used("trader-day", "trader:paula") == 40_000


def test_only_the_initiator_splits() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000")))
    spec.when(split("o1", "1", "39999", by="rita")).then_rejected(refusals.NotYours, "paula", "split")


def test_an_order_is_split_once_and_only_while_the_desk_has_it() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000")), split("o1", "1", "39999"))
    spec.when(split("o1", "1", "39999", name="twice")).then_rejected(refusals.OrderUnknown)
    spec.when(split("o1/0", "0.5", "0.5", name="part")).then_rejected(refusals.OrderElsewhere)
    spec.when(split("o1/1", "19999", "20000", name="again")).then(*SUPERSEDED, *(*TAKEN, "approved") * 2)


def test_an_approval_of_the_order_is_none_of_its_parts() -> None:
    spec = given(FIRM, initiate("o1", transfer("80000")))
    asked = spec.order("o1").approval_hash
    spec.given(split("o1", "40000", "40000"))
    spec.when(approve("o1/0", by="rita", approval_hash=asked)).then_rejected(refusals.ApprovalOfOther)
    spec.when(cancel("o1/1")).then("limit-released", "order-closed")
    assert spec.used("trader-day", "trader:paula") == 40_000
