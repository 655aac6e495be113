"""Compares the read side's sums of limits and the times they free up with the desk's own ledger, as tables."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.headroom import FREES_MAX, LimitUse, Summed, countings, uses
from projections.storage import versions
from projections.storage.projection import Projection
from projections.storage.tables import Writer
from schemas.firm import Allotment, Limit
from schemas.orders import ReservedAmount
from schemas.values import MICROS_PER_SECOND
from streams.rules.limits.ledger import Ledger, account_key, dollars
from streams.rules.limits.windows import Window, bucket_end
from tests.world.firm import story
from tests.world.firm.story import life, order_id_of

NOON = 1_760_011_200
"""2025-10-09 12:00:00 UTC, 14:00 in Zurich."""
NOW = NOON * MICROS_PER_SECOND
HOUR = 3_600
DAY = 86_400


def limit(**changes: Any) -> Limit:
    said = {"limit_id": "l", "scope": "trader", "subject": "*", "kind": "rolling", "window_seconds": DAY, "cap_usd": "1000"}
    return Limit.model_validate({**said, **changes})


def posted(each: Limit, *postings: tuple[int, str], scope_key: str = "trader:alice") -> list[Summed]:
    """Postings (seconds before now, dollars) summed as the tables do it."""
    [counting] = countings([each], NOW)
    sums: dict[int, Summed] = {}
    for ago, amount in postings:
        end = bucket_end(NOW - ago * MICROS_PER_SECOND, counting.width_seconds)
        if end * MICROS_PER_SECOND <= counting.counted_from:
            continue
        group = end // counting.together_seconds
        before = sums.get(
            group, Summed(each.limit_id, scope_key, is_posted=True, last_end=end, amount_usd=Decimal(0), orders=0)
        )
        sums[group] = Summed(
            each.limit_id,
            scope_key,
            is_posted=True,
            last_end=max(end, before.last_end),
            amount_usd=before.amount_usd + Decimal(amount),
            orders=before.orders + 1,
        )
    return list(sums.values())


def reserved(amount: str, orders: int = 0, scope_key: str = "trader:alice") -> Summed:
    return Summed("l", scope_key, is_posted=False, last_end=0, amount_usd=Decimal(amount), orders=orders)


def limit_use(each: Limit, *sums: Summed) -> LimitUse:
    [use] = uses([each], sums, NOW)
    return use


def test_what_is_reserved_and_posted_is_taken_from_the_cap() -> None:
    day = limit()
    use = limit_use(day, reserved("100"), *posted(day, (HOUR, "250"), (2 * DAY, "900")))
    assert (use.reserved_usd, use.posted_usd, use.headroom_usd) == (Decimal(100), Decimal(250), Decimal(650))
    assert use.counted_from == NOW - DAY * MICROS_PER_SECOND


def test_headroom_is_never_below_nothing() -> None:
    assert limit_use(limit(cap_usd="10"), reserved("100")).headroom_usd == 0


def test_what_was_posted_is_free_once_its_window_is_over_and_never_before() -> None:
    day = limit()
    use = limit_use(day, *posted(day, (HOUR, "250"), (23 * HOUR, "50")))
    assert [freed.amount_usd for freed in use.frees] == [Decimal(50), Decimal(250)]
    for freed, ago in zip(use.frees, (23 * HOUR, HOUR), strict=True):
        earliest = NOW + (DAY - ago) * MICROS_PER_SECOND
        assert earliest < freed.at <= earliest + DAY // FREES_MAX * MICROS_PER_SECOND


def test_a_calendar_day_is_free_at_midnight_in_its_own_zone() -> None:
    day = limit(kind="calendar-day", window_seconds=0, zone="Europe/Zurich")
    use = limit_use(day, *posted(day, (HOUR, "250"), (13 * HOUR, "1"), (15 * HOUR, "900")))
    assert (use.posted_usd, use.counted_from) == (Decimal(251), NOW - 14 * HOUR * MICROS_PER_SECOND)
    assert [(freed.at, freed.amount_usd) for freed in use.frees] == [(NOW + 10 * HOUR * MICROS_PER_SECOND, Decimal(251))]
    assert use.zone == "Europe/Zurich"


def test_a_limit_that_counts_says_orders_and_no_dollars() -> None:
    counting = limit(measure="count", cap_usd="0", cap_count=5)
    use = limit_use(counting, reserved("0", 2), *posted(counting, (HOUR, "7"), (HOUR + 1, "7")))
    assert (use.reserved_count, use.posted_count, use.headroom_count) == (2, 2, 1)
    assert [use.cap_usd, use.posted_usd, use.headroom_usd] == [Decimal(0)] * 3
    assert [(freed.amount_usd, freed.count) for freed in use.frees] == [(Decimal(0), 2)]


def test_each_desk_has_its_allotment_of_the_firms_limit_and_another_none() -> None:
    parts = [Allotment(desk_id="alpha", cap_usd=Decimal(700)), Allotment(desk_id="beta", cap_usd=Decimal(300))]
    firm = limit(scope="firm", allotments=parts, trips="open")
    found = uses([firm], [reserved("100", scope_key="firm:alpha"), reserved("5", scope_key="firm:gamma")], NOW)
    assert [(use.scope_key, use.cap_usd, use.headroom_usd, use.trips) for use in found] == [
        ("firm:alpha", Decimal(700), Decimal(600), "open"),
        ("firm:beta", Decimal(300), Decimal(300), "open"),
        ("firm:gamma", Decimal(0), Decimal(0), "open"),
    ]


@pytest.mark.parametrize(
    ("changes", "scope_keys"),
    [
        ({}, ["trader:*"]),
        ({"subject": "bob"}, ["trader:bob"]),
        ({"kind": "per-transaction", "window_seconds": 0}, ["trader:*"]),
        ({"scope": "firm", "kind": "per-transaction", "window_seconds": 0}, ["firm:*"]),
    ],
)
def test_a_limit_that_nobody_has_used_is_shown_all_the_same(changes: dict[str, Any], scope_keys: list[str]) -> None:
    assert [use.scope_key for use in uses([limit(**changes)], [], NOW)] == scope_keys


@settings(max_examples=100, deadline=None)
@given(
    postings=st.lists(st.tuples(st.integers(0, 40 * DAY), st.integers(1, 1_000)), max_size=30),
    window=st.sampled_from(
        [("rolling", 90), ("rolling", DAY), ("rolling", 30 * DAY), ("calendar-day", 0), ("calendar-month", 0)]
    ),
)
def test_what_is_posted_is_what_the_desks_own_ledger_says(postings: list[tuple[int, int]], window: tuple[str, int]) -> None:
    each = limit(kind=window[0], window_seconds=window[1], cap_usd="1000000")
    [counting] = countings([each], NOW)
    ledger = Ledger()
    for number, (ago, amount) in enumerate(sorted(postings, reverse=True)):
        ledger.reserve(str(number), [ReservedAmount(limit_id="l", scope_key="trader:alice", amount_usd=Decimal(amount))])
        account = ledger.accounts[account_key("l", "trader:alice")]
        account.width_seconds, account.kept_seconds = counting.width_seconds, 50 * DAY
        ledger.post(str(number), NOW - ago * MICROS_PER_SECOND)
    said = ledger.used(account_key("l", "trader:alice"), Window(each.kind, each.window_seconds, each.zone).begins(NOW))

    found = uses([each], posted(each, *((ago, str(amount)) for ago, amount in postings)), NOW)

    assert [use.posted_usd for use in found] == [dollars(said)]
    assert sum(freed.amount_usd for freed in found[0].frees) == dollars(said)
    assert len(found[0].frees) <= FREES_MAX + 2
    assert all(freed.at > NOW for freed in found[0].frees)


@pytest.mark.cluster
def test_reservations_stand_in_the_tables_with_what_they_count(connect: Callable[[], Writer]) -> None:
    with connect() as connection:
        versions.prepare(connection)
        version = versions.create(connection)
        Projection(connection, version, served=False).apply(life(story.waiting(order_id_of(1))).arrivals())
        row = connection.execute("SELECT limit_id, scope_key, amount_usd, orders, state FROM reservations").fetchone()
    assert row == ("trader-day", "trader:alice", story.AMOUNT, 0, "reserved")
