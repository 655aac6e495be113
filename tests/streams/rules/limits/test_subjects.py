"""Maps an order to its limit subjects, and selects the limits that apply."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.events.facts import ContractFact
from schemas.firm import Allotment, Limit
from schemas.orders import Action, Call, Deposit, Effect, Order, Withdraw
from streams.rules.limits.scopes import Subjects
from streams.rules.limits.subjects import applied, subjects_of
from tests.streams.rules.limits.table import SUBJECTS
from tests.streams.rules.orders.specification import allowance, named, swap, transfer
from tests.world.firm.desk import CUSTODIAN, STRANGER, TREASURY, USDC, VENUE, limit

LISTED = ContractFact(address=VENUE, listed=True, name="NewSwap router", protocol="newswap", counterparty="newswap-labs")
CALL = Call(asset_id="USDC", amount=Decimal(1), contract=VENUE, function="claim()", arguments=[])
DEPOSIT = Deposit(asset_id="USDC", amount=Decimal(1), vault=VENUE)
WITHDRAW = Withdraw(asset_id="USDC", amount=Decimal(1), vault=VENUE)


def subjects(action: Action, target: ContractFact = LISTED) -> Subjects:
    order = Order(order_id=named("o1"), desk_id="d1", wallet_id="w1", initiator="alice", action=action)
    effect = Effect(
        chain_id=1, wallet=TREASURY, contract=USDC, call="f()", spends_asset_id="USDC", spends=1, counterparty=target.address
    )
    return subjects_of(order, effect, target)


def test_an_order_is_somebodys_in_every_way_it_can_be_limited() -> None:
    assert subjects(transfer("1", to=VENUE)) == Subjects(
        trader="alice",
        wallet="w1",
        asset="USDC",
        destination=VENUE,
        contract=VENUE,
        protocol="newswap",
        counterparty="newswap-labs",
        desk="d1",
        firm="d1",
    )


@pytest.mark.parametrize(
    ("action", "destination"),
    [
        (transfer("1", to=VENUE), VENUE),
        (allowance("1"), VENUE),
        (CALL, VENUE),
        (swap("1"), ""),
        (DEPOSIT, ""),
        (WITHDRAW, ""),
    ],
    ids=lambda value: getattr(value, "kind", value) or "nobody",
)
def test_its_destination_is_who_is_given_the_value_or_may_draw_it(action: Action, destination: str) -> None:
    assert subjects(action).destination == destination


def test_where_nobody_is_known_no_limit_of_that_scope_holds() -> None:
    unlisted = subjects(swap("1"), ContractFact(address=STRANGER, listed=False))
    limits = [limit(scope, "1", scope=scope) for scope in ("destination", "protocol", "counterparty", "contract")]
    assert [each.scope_key for each in applied(limits, unlisted)] == [f"contract:{STRANGER}"]


ONE_OF_EACH = {
    "trader": ("alice", "bob"),
    "wallet": ("w1", "w2"),
    "asset": ("USDC", "WETH"),
    "destination": (VENUE, CUSTODIAN),
    "contract": (VENUE, CUSTODIAN),
    "protocol": ("newswap", "oldswap"),
    "counterparty": ("newswap-labs", "bank"),
    "desk": ("d1", "d2"),
}


@pytest.mark.parametrize("scope", ONE_OF_EACH)
def test_a_limit_holds_for_everybody_or_for_one(scope: str) -> None:
    own, other = ONE_OF_EACH[scope]
    limits = [limit(name, "5", scope=scope, subject=name) for name in ("*", own, other)]
    found = applied(limits, subjects(transfer("1", to=VENUE)))
    assert [(each.limit.limit_id, each.scope_key) for each in found] == [("*", f"{scope}:{own}"), (own, f"{scope}:{own}")]
    assert {(each.subject, each.cap_usd, each.cap_count) for each in found} == {(own, Decimal(5), 0)}


@pytest.mark.parametrize("scope", ["contract", "destination"])
def test_addresses_compare_without_case(scope: str) -> None:
    written = limit("venue", "5", scope=scope, subject=VENUE.lower())
    assert [each.scope_key for each in applied([written], subjects(transfer("1", to=VENUE)))] == [f"{scope}:{VENUE}"]


def firm(**changes: Any) -> Limit:
    parts = [Allotment(desk_id="d1", cap_usd=Decimal(60), cap_count=6), Allotment(desk_id="d2", cap_usd=Decimal(40))]
    return limit("firm", "100", scope="firm", **({"allotments": parts} | changes))


@pytest.mark.parametrize(("desk", "cap_usd", "cap_count"), [("d1", 60, 6), ("d2", 40, 0), ("d3", 0, 0)])
def test_a_limit_of_the_firm_is_held_by_each_desk_in_its_part(desk: str, cap_usd: int, cap_count: int) -> None:
    (found,) = applied([firm()], SUBJECTS._replace(desk=desk, firm=desk))
    assert (found.scope_key, int(found.cap_usd), found.cap_count) == (f"firm:{desk}", cap_usd, cap_count)


def test_what_a_single_order_of_the_firm_may_be_is_not_divided() -> None:
    (found,) = applied([firm(kind="per-transaction", window_seconds=0, allotments=[])], SUBJECTS)
    assert found.cap_usd == 100
