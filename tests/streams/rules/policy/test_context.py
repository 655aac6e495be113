"""Rules get facts about the order and about the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.events.facts import SimulationFact
from schemas.orders import Action
from streams.rules.policy.cedar.asking import Numbers, Uid
from streams.rules.policy.context.hours import local_hour, local_weekday
from streams.rules.policy.context.orders import ORDER, Proposal, order_scene
from streams.rules.policy.quorum import tally
from tests.streams.rules.policy.proposals import (
    APPROVE_TOKEN,
    CALL,
    CARL_ELSEWHERE,
    RITA,
    TRANSFER,
    WITHDRAW,
    exceeded,
    facts,
    order,
    swap,
    target,
    tripped,
)
from tests.world.firm import governance as firm


def context_value(name: str, action: Action = TRANSFER, **changes: Any) -> Any:
    given = facts(**changes)
    return ORDER.terms[name](Proposal(order(action), given, tally(given.approvals, "paula"), "Europe/Zurich"))


def counting(scope_key: str, used: int) -> Any:
    zero = Decimal(0)
    counts = {"measure": "count", "cap_count": 10, "used_count": used}
    return exceeded("rolling", scope_key=scope_key, cap_usd=zero, used_usd=zero, requested_usd=zero, **counts)


ROLLING = exceeded("rolling", used_usd=Decimal("900000.001"))
TIGHTER = exceeded("calendar-day", used_usd=Decimal("999999.999999"))
OVER = exceeded("rolling", scope_key="desk:newswap", used_usd=Decimal(2_000_000))


@pytest.mark.parametrize(
    ("name", "action", "changes", "expected"),
    [
        ("desk", TRANSFER, {}, Uid("Desk", "newswap")),
        ("wallet", TRANSFER, {}, Uid("Wallet", "treasury-1")),
        ("asset", WITHDRAW, {}, Uid("Asset", "USDC")),
        ("buys", swap(), {}, Uid("Asset", "ETH")),
        ("buys", TRANSFER, {}, None),
        ("amount_usd_cents", TRANSFER, {"amount_usd": Decimal("0.000001")}, 1),
        ("amount_usd_cents", TRANSFER, {"amount_usd": Decimal("12.34")}, 1_234),
        ("transaction_limits_exceeded", TRANSFER, {"limits": [exceeded(), exceeded(exceeded=False), OVER]}, ("single",)),
        ("headroom_usd_cents", TRANSFER, {"limits": [exceeded()]}, Numbers(())),
        ("headroom_usd_cents", TRANSFER, {"limits": [ROLLING]}, Numbers((("trader", 9_999_999),))),
        ("headroom_usd_cents", TRANSFER, {"limits": [ROLLING, TIGHTER, OVER]}, Numbers((("desk", 0), ("trader", 0)))),
        ("headroom_usd_cents", TRANSFER, {"limits": [counting("desk:newswap", 3)]}, Numbers(())),
        ("headroom_orders", TRANSFER, {"limits": [counting("desk:newswap", 3), ROLLING]}, Numbers((("desk", 7),))),
        ("headroom_orders", TRANSFER, {"limits": [counting("desk:newswap", 11)]}, Numbers((("desk", 0),))),
        ("max_slippage_basis_points", swap(70), {}, 70),
        ("max_slippage_basis_points", TRANSFER, {}, 0),
        ("unlimited_allowance", APPROVE_TOKEN, {"amount": 2**256 - 1}, True),
        ("function", CALL, {}, "claim()"),
        ("function", TRANSFER, {}, ""),
        ("breakers_open", TRANSFER, {"breakers": [tripped("firm", "*"), tripped("desk", "x", "reducing")]}, ("firm:*",)),
        ("breakers_reducing", TRANSFER, {"breakers": [tripped("firm", "*"), tripped("desk", "x", "reducing")]}, ("desk:x",)),
        (
            "simulation",
            TRANSFER,
            {"simulation": SimulationFact(slippage_ppm=-1, gas_used=2, touched=3)},
            Numbers((("slippage_ppm", -1), ("gas_used", 2), ("touched", 3))),
        ),
        ("approvers", TRANSFER, {"approvals": [RITA, CARL_ELSEWHERE]}, 2),
        ("approver_sites", TRANSFER, {"approvals": [RITA, CARL_ELSEWHERE]}, 2),
        ("hour", TRANSFER, {}, 3),
        ("weekday", TRANSFER, {}, 1),
    ],
)
def test_what_is_told_of_an_order(name: str, action: Action, changes: dict[str, Any], expected: object) -> None:
    assert context_value(name, action, **changes) == expected


def test_a_listed_contract_is_part_of_its_protocol_and_its_counterparty() -> None:
    scene = order_scene(order(swap()), facts(target=target(protocol="newswap", counterparty="newswap-ag")))
    assert scene.resource.uid == Uid("Contract", f"{firm.CHAIN}:{firm.VENUE}")
    assert scene.resource.parents == (Uid("Protocol", "newswap"), Uid("Counterparty", "newswap-ag"))


@pytest.mark.parametrize(
    ("zone", "moment", "hour", "weekday"),
    [
        ("UTC", "2026-02-01 23:59:59", 23, 7),
        ("UTC", "2026-02-02 00:00:00", 0, 1),
        ("Europe/Zurich", "2026-02-01 23:00:00", 0, 1),
        ("Europe/Zurich", "2026-03-29 00:59:59", 1, 7),
        ("Europe/Zurich", "2026-03-29 01:00:00", 3, 7),
        ("Europe/Zurich", "2026-10-25 00:30:00", 2, 7),
        ("Europe/Zurich", "2026-10-25 01:30:00", 2, 7),
        ("Asia/Kathmandu", "2026-02-01 18:14:59", 23, 7),
        ("Asia/Kathmandu", "2026-02-01 18:15:00", 0, 1),
        ("Pacific/Kiritimati", "2026-02-01 10:00:00", 0, 1),
    ],
)
def test_hours_and_weekdays_are_those_of_the_zone(zone: str, moment: str, hour: int, weekday: int) -> None:
    now = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 1_000_000
    assert (local_hour(zone, now), local_weekday(zone, now)) == (hour, weekday)
