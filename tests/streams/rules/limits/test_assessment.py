"""Assesses an order against its limits: facts, words of a refusal, and requested breakers."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from schemas.events.facts import LimitFact
from schemas.firm import Allotment, Limit
from schemas.values import Record
from streams.rules.limits.assessment import Breach, breaches, limit_facts, refusals, reservation
from streams.rules.limits.ledger import Adjustment, Ledger
from streams.rules.limits.subjects import applied
from tests.streams.rules.limits.table import SUBJECTS, Table, at, check
from tests.world.firm.desk import CUSTODIAN, NOW, SECOND, VENUE, limit


def counting(cap: int, **changes: Any) -> Limit:
    return limit("few", "0", measure="count", cap_count=cap, **changes)


def facts(each: Limit, amount: str, ledger: Ledger, adjustment: Adjustment) -> LimitFact:
    (fact,) = limit_facts(ledger, applied([each], SUBJECTS), Decimal(amount), NOW, adjustment)
    assert_whole(fact)
    return fact


def assert_whole(record: Record) -> None:
    """It is as it would be if it had been made with validation."""
    again = type(record).model_validate(record.model_dump())
    assert again == record == pickle.loads(pickle.dumps(record))  # noqa: S301 - our own bytes
    assert again.model_fields_set == record.model_fields_set == set(type(record).model_fields)


@pytest.mark.parametrize(
    ("each", "changes"),
    [
        (limit("day", "100"), {"cap_usd": 100, "used_usd": 40, "requested_usd": 61, "counted_from": NOW - 86_400 * SECOND}),
        (
            limit("day", "100", kind="calendar-day", window_seconds=0, zone="Europe/Zurich"),
            {"cap_usd": 100, "used_usd": 40, "requested_usd": 61, "counted_from": at("2025-10-08T22:00")},
        ),
        (
            limit("day", "100", kind="calendar-month", window_seconds=0),
            {"cap_usd": 100, "used_usd": 40, "requested_usd": 61, "counted_from": at("2025-10-01T00:00")},
        ),
        (limit("day", "60", kind="per-transaction", window_seconds=0), {"cap_usd": 60, "requested_usd": 61}),
    ],
    ids=lambda value: value.kind if isinstance(value, Limit) else "",
)
def test_a_fact_says_how_a_limit_stands_before_the_order(each: Limit, changes: dict[str, Any]) -> None:
    shape = {"measure": "usd", "used_usd": 0, "zone": each.zone if each.kind.startswith("calendar") else ""}
    expected = {"limit_id": "day", "scope_key": "trader:alice", "kind": each.kind, "window_seconds": each.window_seconds}
    ledger = Ledger.reckoned({"day|trader:alice": 40 * SECOND})
    fact = facts(each, "61", ledger, Adjustment())
    assert fact == LimitFact.model_validate(expected | shape | {"exceeded": True} | changes)


def test_a_fact_about_a_count_has_counts_and_no_dollars() -> None:
    fact = facts(counting(2), "61", Ledger.reckoned({"few|trader:alice|orders": 2}), Adjustment())
    assert (fact.cap_count, fact.used_count, fact.requested_count, fact.exceeded) == (2, 2, 1, True)
    assert [fact.cap_usd, fact.used_usd, fact.requested_usd] == 3 * [Decimal(0)]


@pytest.mark.parametrize(("amount", "exceeded"), [("59.999999", False), ("60", False), ("60.000001", True)])
def test_a_single_order_may_be_as_large_as_the_cap(amount: str, *, exceeded: bool) -> None:
    fact = facts(limit("single", "60", kind="per-transaction", window_seconds=0), amount, Ledger(), Adjustment())
    assert fact.exceeded == exceeded


ADJUSTED = [
    # held by all, moved, kept        amount   used, requested, exceeded
    (100, {}, {}, "1", 100, 1, True),
    (100, {"day|trader:alice": -30 * SECOND}, {}, "30", 70, 30, False),
    (100, {"day|trader:alice": -30 * SECOND}, {}, "30.000001", 70, Decimal("30.000001"), True),
    (100, {"day|trader:alice": -30 * SECOND}, {"day|trader:alice": 30 * SECOND}, "999", 70, 30, False),
    (100, {"day|trader:bob": -30 * SECOND}, {}, "1", 100, 1, True),
    (100, {"day|trader:alice": 5 * SECOND}, {}, "0", 105, 0, False),
]


@pytest.mark.parametrize(("held", "moved", "kept", "amount", "used", "requested", "exceeded"), ADJUSTED)
def test_what_a_decision_has_already_said_is_reckoned_in(  # noqa: PLR0913, PLR0917 - a row of the table
    held: int, moved: dict[str, int], kept: dict[str, int], amount: str, used: int, requested: Decimal, *, exceeded: bool
) -> None:
    ledger = Ledger.reckoned({"day|trader:alice": held * SECOND})
    fact = facts(limit("day", "100"), amount, ledger, Adjustment(moved, kept))
    assert (fact.used_usd, fact.requested_usd, fact.exceeded) == (Decimal(used), requested, exceeded)


def test_every_limit_with_a_window_is_reserved_that_something_is_asked_of() -> None:
    table = Table(
        limit("single", "100", kind="per-transaction", window_seconds=0),
        limit("day", "100"),
        limit("month", "100", kind="calendar-month", window_seconds=0, scope="desk"),
        counting(5),
    )
    some = [(each.limit_id, each.scope_key, int(each.amount_usd), each.count) for each in reservation(table.facts("7"))]
    for each in reservation(table.facts("7")):
        assert_whole(each)
    assert some == [("day", "trader:alice", 7, 0), ("month", "desk:d1", 7, 0), ("few", "trader:alice", 0, 1)]
    assert [each.limit_id for each in reservation(table.facts("0"))] == ["few"]


def test_each_scope_and_kind_refuses_on_its_own() -> None:
    check(
        f"""
        reserve  o1  10                                                     -> ok
        reserve  o2  10  trader=bob                                         -> over wallet asset destination contract desk firm
        reserve  o2  10  trader=bob wallet=w2 asset=ETH                     -> over destination contract desk firm
        reserve  o2  10  wallet=w2 asset=ETH destination= contract={VENUE}  -> over trader desk firm
        reserve  o2  10  trader=bob wallet=w2 asset=ETH destination= contract={VENUE} desk=d2 firm=d2   -> ok
        reserve  o3  10  trader=eve wallet=w3 asset=BTC destination= contract={CUSTODIAN}0 desk=d3 firm=d3   -> over firm
        """,
        *(limit(scope, "15", scope=scope) for scope in ("trader", "wallet", "asset", "destination", "contract", "desk")),
        limit(
            "firm",
            "30",
            scope="firm",
            allotments=[Allotment(desk_id="d1", cap_usd=Decimal(15)), Allotment(desk_id="d2", cap_usd=Decimal(15))],
        ),
    )


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    """The machine's time zone is not UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


WORDS = [
    (
        [limit("day", "100")],
        "60",
        "day of trader:alice: 60.000000 USD would exceed its cap of 100.000000 USD, of which 40.000000 USD is left",
        "ask for at most 40.000000 USD, or wait until 2025-10-10 08:53:40 UTC, when enough of it has left the window",
    ),
    (
        [limit("day", "100")],
        "101",
        "day of trader:alice: 101.000000 USD would exceed its cap of 100.000000 USD, of which 40.000000 USD is left",
        "ask for at most 40.000000 USD, or wait until orders that hold it have closed",
    ),
    (
        [limit("day", "60")],
        "1",
        "day of trader:alice: 1.000000 USD would exceed its cap of 60.000000 USD, of which 0.000000 USD is left",
        "wait until 2025-10-10 08:53:40 UTC, when enough of it has left the window",
    ),
    (
        [counting(1)],
        "1",
        "few of trader:alice: 1 more order would exceed its cap of 1, of which 0 is left",
        "wait until 2025-10-10 08:53:40 UTC, when enough of it has left the window",
    ),
]


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize(("limits", "amount", "message", "remedy"), WORDS)
def test_a_refusal_says_what_is_left_and_what_to_wait_for(limits: list[Limit], amount: str, message: str, remedy: str) -> None:
    table = Table(*limits)
    table.run("reserve o1 60 -> ok \n wait 10 -> ok \n post o1 -> ok")
    (refusal,) = refusals(table.facts(amount))
    assert (refusal.check, refusal.message, refusal.remedy) == ("limit-exceeded", message, remedy)


BREAKERS = [
    ("wallet", "wallet", "w1"),
    ("asset", "asset", "USDC"),
    ("destination", "contract", CUSTODIAN),
    ("contract", "contract", CUSTODIAN),
    ("protocol", "protocol", "newswap"),
    ("counterparty", "counterparty", "bank"),
    ("desk", "desk", "d1"),
    ("firm", "desk", "d1"),
]


@pytest.mark.parametrize(("scope", "breaker", "subject"), BREAKERS)
def test_a_breach_asks_for_the_breaker_of_what_was_limited(scope: str, breaker: str, subject: str) -> None:
    falls_under = applied(
        [limit("cap", "0", scope=scope, trips="reducing")], SUBJECTS._replace(protocol="newswap", counterparty="bank")
    )
    found = limit_facts(Ledger(), falls_under, Decimal(1), NOW)
    assert breaches(falls_under, found) == [Breach(found[0], breaker, subject, "reducing")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "each",
    [
        limit("cap", "1", scope="desk", trips="open"),
        limit("cap", "0", scope="desk"),
        limit("cap", "0", scope="desk", trips="open", kind="per-transaction", window_seconds=0),
        limit("cap", "0", scope="trader", trips="open"),
    ],
    ids=["not gone over", "trips nothing", "policy decides", "traders have no breaker"],
)
def test_no_other_limit_asks_for_a_breaker(each: Limit) -> None:
    falls_under = applied([each], SUBJECTS)
    assert breaches(falls_under, limit_facts(Ledger(), falls_under, Decimal(1), NOW)) == []
