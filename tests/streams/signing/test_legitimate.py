"""Honest orders are signed, and signed once: every kind of order, approvals, splits, limits used and freed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.ethereum import spelled_call, transaction
from schemas.commands import CancelOrder, InitiateOrder
from schemas.events.lifecycle import Confirmed, OrderClosed, Signed, Simulated
from schemas.events.limits import LimitReserved
from tests.streams.rules.governance.changes.specification import policy_proposal
from tests.world.firm.governance import VENUE
from tests.world.line.line import Line
from tests.world.line.scenery import (
    DAY,
    LIMITS,
    NUMBER,
    SECOND,
    STRANGER,
    address_of,
    allow,
    call,
    deposit,
    pay,
    received_of,
    swap,
    withdraw,
)
from tests.world.line.simulated_chain import FIRST_NONCE


@pytest.mark.parametrize(
    "body", [pay("1000"), pay("0.5", asset="ETH"), swap("20000"), allow("20000"), deposit("20000"), withdraw("20000")]
)
def test_an_order_that_policy_allows_is_signed_and_confirmed(body: InitiateOrder) -> None:
    line = Line()
    line.send("o1", body)
    line.run()
    assert line.outcome("o1") == "signed"
    assert len(line.events(Confirmed)) == 1
    (signed,) = line.events(Signed)
    assert transaction.recover_sender(bytes.fromhex(signed.raw_transaction[2:])) == address_of("treasury-1")


@pytest.mark.parametrize(
    ("asset", "amount", "value"), [("USDC", "5", 0), ("ETH", "0.5", 5 * 10**17)], ids=["through an allowance", "money along"]
)
def test_a_call_that_a_risk_officer_looked_at_is_signed_as_it_was_spelled_out(asset: str, amount: str, value: int) -> None:
    line = Line()
    line.send("o1", call("enter(uint256,string)", "7", "as agreed", asset=asset, amount=amount))
    line.run()
    assert line.outcome("o1") == "nothing", "it waits for an approval"
    line.approve("o1", "rita")
    line.run()
    assert line.outcome("o1") == "signed"
    (signed,) = line.events(Signed)
    sent, _ = transaction.decode_raw(bytes.fromhex(signed.raw_transaction[2:]))
    assert (sent.to, sent.value) == (VENUE, value)
    assert spelled_call.decode("enter(uint256,string)", sent.data) == ["7", "as agreed"]


def test_three_people_approve_and_each_approval_is_proven() -> None:
    line = Line()
    line.send("o1", pay("2000000", to=STRANGER))
    for approver in ("sven", "carl", "cora"):
        line.run()
        line.approve("o1", approver)
    line.run()
    assert line.outcome("o1") == "signed"


def test_orders_of_one_wallet_get_one_nonce_each_without_a_gap() -> None:
    line = Line()
    for number in range(5):
        line.send(f"o{number}", pay("1000"))
    line.run()
    assert [line.outcome(f"o{number}") for number in range(5)] == ["signed"] * 5
    nonces = [signed.nonce for signed in line.events(Signed)]
    assert nonces == list(range(nonces[0], nonces[0] + 5))


def test_a_flagged_order_is_split_its_part_is_split_again_and_every_part_is_signed() -> None:
    line = Line()
    line.send("o1", swap("5000000", max_slippage=5))
    line.run()
    line.approve("o1", "cora")
    line.run()
    assert [simulated.verdict for simulated in line.events(Simulated, "o1")] == ["flagged"]
    line.chain.loss_ppm = 100
    line.split("o1", "20000", "4980000")
    line.run()
    line.split("o1/1", "1000000", "3980000")
    line.run()
    for part, approver in (("o1/1/0", "rita"), ("o1/1/1", "cora")):
        line.approve(part, approver)
        line.run()
    parts = ("o1/0", "o1/1/0", "o1/1/1")
    assert [line.outcome(part) for part in parts] == ["signed"] * 3
    assert {signed.order_id for signed in line.events(Signed)} == {line.order_id(part) for part in parts}


def test_an_approval_waits_while_prices_move() -> None:
    line = Line()
    line.send("o1", pay("12", asset="ETH"))
    line.run()
    line.now += 10 * SECOND
    line.observe_price("ETH", "2600")
    line.run()
    line.approve("o1", "rita")
    line.run()
    assert line.outcome("o1") == "signed"


def test_an_order_that_was_evaluated_anew_is_signed_under_its_new_reservation() -> None:
    line = Line()
    line.send("o1", pay("2000000", to=STRANGER))
    line.run()
    line.approve("o1", "sven")
    line.run()
    line.change_firm(policy_proposal(limits=list(LIMITS[:2])))
    line.approve("o1", "carl")
    line.run()
    assert len(line.events(LimitReserved, "o1")) == 2
    for approver in ("carl", "sven", "cora"):
        line.approve("o1", approver)
        line.run()
    assert line.outcome("o1") == "signed"


def test_limits_that_are_used_and_freed_are_reckoned_alike() -> None:
    line = Line()
    for number in range(3):
        line.send(f"o{number}", pay("2000000"))
    line.run()
    line.send("cancel", CancelOrder(order_id=line.order_id("o1")))
    line.approve("o0", "cora")
    line.run()
    line.receipts.succeeded = False
    line.approve("o2", "cora")
    line.run()
    assert [event.reason for event in line.events(OrderClosed)] == ["cancelled", "reverted"]
    line.receipts.succeeded = True
    line.send("o3", pay("4000000"))
    line.send("o4", pay("1"))
    line.run()
    line.approve("o3", "cora")
    line.run()
    assert [line.outcome(name) for name in ("o0", "o2", "o3")] == ["signed"] * 3
    assert line.outcome("o4") == "nothing"
    line.now += DAY + 20 * SECOND
    for asset_id in ("ETH", "WETH"):
        line.observe_price(asset_id, "2500")
    line.send("o5", pay("20000"))
    line.run()
    assert line.outcome("o5") == "signed"


def test_an_order_that_was_refused_frees_its_limits_and_its_nonce_for_the_next() -> None:
    line = Line()
    line.send("o1", pay("1000"))
    line.run("desk", "execution")
    line.now += 120 * SECOND
    line.run()
    assert line.outcome("o1") == "simulation"
    line.send("o2", pay("1001"))
    line.run()
    assert line.outcome("o2") == "signed"
    assert [signed.nonce for signed in line.events(Signed)] == [FIRST_NONCE]


def test_a_flagged_order_that_expires_and_commands_that_lead_to_nothing_leave_the_next_one_be() -> None:
    line = Line()
    line.send("o1", swap("20000", max_slippage=5))
    line.send("no such wallet", pay("1000", wallet_id="vault"))
    garbage = received_of(line.send("garbage", pay("1")), b"newswap", NUMBER, 99)
    line.records.append(replace(garbage, value=b"garbage", record=None, unreadable="not the wire format"))
    line.run()
    line.now += 3_601 * SECOND
    line.run()
    assert [event.reason for event in line.events(OrderClosed)] == ["expired"]
    assert {"command-rejected", "quarantined"} <= {received.topic for received in line.records}
    line.send("o2", pay("1001"))
    line.run()
    assert line.outcome("o2") == "signed"
