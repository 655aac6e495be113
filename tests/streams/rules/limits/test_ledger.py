"""The ledger as tables: reservations, usage, expiry and memory."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.firm import Limit
from schemas.orders import ReservedAmount
from streams.rules.limits.ledger import Account, Ledger, LedgerBroken, amounts, dollars, micros
from tests.streams.rules.limits.table import Table, check
from tests.world.firm.desk import SECOND, limit

DAILY = limit("day", "1000000")


def counting(limit_id: str, cap: int) -> Limit:
    return limit(limit_id, "0", measure="count", cap_count=cap)


def test_what_is_held_counts_until_it_is_released() -> None:
    check(
        """
        reserve  o1  600_000                  -> ok
        reserve  o2  400_001                  -> over day
        reserve  o3  1_000_000    trader=bob  -> ok
        release  o1                           -> ok
        reserve  o2  400_001                  -> ok
        used     day trader:alice             -> 400001
        """,
        DAILY,
    )


def test_the_cap_itself_can_be_used_and_not_a_millionth_more() -> None:
    check(
        """
        reserve  o1  999_999.999999   -> ok
        reserve  o2  0.000002         -> over day
        reserve  o2  0.000001         -> ok
        reserve  o3  0.000001         -> over day
        """,
        DAILY,
    )


def test_a_reservation_resolves_once() -> None:
    check(
        """
        reserve  o1  1   -> ok
        release  o1      -> ok
        release  o1      -> broken
        post     o1      -> broken
        reserve  o2  1   -> ok
        post     o2      -> ok
        post     o2      -> broken
        release  o2      -> broken
        release  o9      -> broken
        """,
        DAILY,
    )


def test_an_order_reserves_once() -> None:
    ledger = Ledger()
    ledger.reserve("o1", [])
    with pytest.raises(LedgerBroken, match="o1 reserves twice"):
        ledger.reserve("o1", [])
    with pytest.raises(LedgerBroken, match="o9 holds no reservation"):
        ledger.release("o9")


def test_all_limits_are_reserved_or_none() -> None:
    check(
        """
        reserve  o1  60               -> ok
        reserve  o2  60               -> over trader desk
        reserve  o2  50  trader=bob   -> over desk
        used     trader trader:bob    -> 0
        reserve  o2  40  trader=bob   -> ok
        used     desk desk:d1         -> 100
        """,
        limit("trader", "100"),
        limit("desk", "100", scope="desk", subject="d1"),
    )


def test_a_posting_counts_for_its_window_from_when_it_was_posted() -> None:
    check(
        """
        reserve  o1  1_000_000   -> ok
        wait     90_000          -> ok
        used     day trader:alice -> 1000000
        post     o1              -> ok
        wait     86_400          -> ok
        reserve  o2  1           -> over day
        wait     10              -> ok
        reserve  o2  1_000_000   -> ok
        used     day trader:alice -> 1000000
        """,
        DAILY,
    )


def test_postings_of_one_bucket_leave_together_at_its_end() -> None:
    check(
        """
        reserve  o1  1   -> ok
        reserve  o2  2   -> ok
        reserve  o3  4   -> ok
        wait     1       -> ok
        post     o1      -> ok
        wait     8       -> ok
        post     o2      -> ok
        wait     1       -> ok
        post     o3      -> ok
        wait     86_399.999999    -> ok
        used     day trader:alice -> 7
        wait     0.000001         -> ok
        used     day trader:alice -> 4
        wait     10               -> ok
        used     day trader:alice -> 0
        """,
        DAILY,
    )


def test_a_bucket_is_remembered_once_however_much_was_posted_in_it() -> None:
    table = Table(DAILY)
    for n in range(5):
        table.run(f"reserve o{n} 1 -> ok \n wait 1.5 -> ok \n post o{n} -> ok")
    assert table.ledger.accounts["day|trader:alice"].sums == [5_000_000]


def test_what_has_left_is_dropped_and_the_rest_still_adds_up() -> None:
    table = Table(DAILY)
    table.run("""
        reserve  o1  1  -> ok
        reserve  o2  2  -> ok
        reserve  o3  4  -> ok
        reserve  o4  8  -> ok
        post     o1     -> ok
        wait     3_600  -> ok
        post     o2     -> ok
        wait     3_600  -> ok
        post     o3     -> ok
        wait     79_210 -> ok
        used     day trader:alice -> 14
        post     o4     -> ok
        used     day trader:alice -> 14
        wait     3_600  -> ok
        reserve  o5  16 -> ok
        used     day trader:alice -> 28
        wait     3_600  -> ok
        post     o5     -> ok
        used     day trader:alice -> 24
        wait     86_410 -> ok
        reserve  o6  32 -> ok
        post     o6     -> ok
        used     day trader:alice -> 32
    """)
    assert table.ledger.accounts["day|trader:alice"] == Account(0, 86_400, 10, [1_760_180_030], [32_000_000], 0)


def test_a_calendar_limit_remembers_its_day() -> None:
    check(
        """
        clock    2026-03-29T00:30:00+01:00 -> ok
        reserve  o1  1_000_000             -> ok
        post     o1                        -> ok
        clock    2026-03-29T23:00:00+02:00 -> ok
        reserve  o2  0                     -> ok
        reserve  o3  1                     -> over today
        clock    2026-03-29T23:59:59+02:00 -> ok
        reserve  o3  1                     -> over today
        clock    2026-03-30T00:00:00+02:00 -> ok
        reserve  o3  1_000_000             -> ok
        """,
        limit("today", "1000000", kind="calendar-day", window_seconds=0, zone="Europe/Zurich"),
    )


def test_a_split_leaves_no_gap_and_its_parts_end_each_in_its_own_way() -> None:
    check(
        """
        reserve  o1  1_000_000                -> ok
        reserve  o2  1                        -> over day
        split    o1  500_000 300_000 200_000  -> ok ok ok
        reserve  o2  1                        -> over day
        post     o1/0                         -> ok
        release  o1/1                         -> ok
        used     day trader:alice             -> 700000
        reserve  o2  300_000                  -> ok
        post     o1/2                         -> ok
        used     day trader:alice             -> 1000000
        release  o1                           -> broken
        """,
        DAILY,
    )


def test_parts_are_orders_of_their_own_where_orders_are_counted() -> None:
    check(
        """
        reserve  o1  90        -> ok
        split    o1  30 30 30  -> ok ok over
        used     few trader:alice -> 2
        """,
        counting("few", 2),
    )


def test_orders_are_counted_whatever_they_are_worth() -> None:
    check(
        """
        reserve  o1  1_000_000    -> ok
        reserve  o2  0.000001     -> ok
        reserve  o3  0            -> over few
        release  o1               -> ok
        reserve  o3  0            -> ok
        post     o3               -> ok
        wait     86_410           -> ok
        used     few trader:alice -> 1
        """,
        counting("few", 2),
    )


def test_a_limit_that_begins_to_count_the_other_way_begins_at_nothing() -> None:
    table = Table(limit("cap", "100"))
    table.run("reserve o1 90 -> ok")
    table.limits = (counting("cap", 1),)
    table.run("""
        used     cap trader:alice -> 0
        reserve  o2  90           -> ok
        reserve  o3  90           -> over cap
    """)
    table.limits = (limit("cap", "100"),)
    table.run("""
        used     cap trader:alice -> 90
        release  o1               -> ok
        release  o2               -> ok
        used     cap trader:alice -> 0
    """)


def test_what_asks_for_nothing_holds_nothing_and_passes_a_full_limit() -> None:
    check(
        """
        reserve  o1  0          -> ok
        accounts -              -> 0
        reserve  o2  1_000_000  -> ok
        reserve  o3  0          -> ok
        post     o3             -> ok
        release  o1             -> ok
        used     day trader:alice -> 1000000
        """,
        DAILY,
    )


def test_a_limit_per_transaction_holds_nothing() -> None:
    check(
        """
        reserve  o1  1_000  -> ok
        accounts -          -> 0
        """,
        limit("single", "100", kind="per-transaction", window_seconds=0),
    )


def test_each_limit_has_its_own_window() -> None:
    check(
        """
        reserve  o1  60   -> ok
        post     o1       -> ok
        wait     61       -> ok
        reserve  o2  60   -> over hour
        wait     3_540    -> ok
        reserve  o2  60   -> ok
        """,
        limit("minute", "100", window_seconds=60),
        limit("hour", "100", window_seconds=3_600),
    )


def test_what_can_never_count_again_leaves_memory() -> None:
    check(
        """
        reserve  o1  1               -> ok
        post     o1                  -> ok
        reserve  o2  1   trader=bob  -> ok
        accounts -                   -> 2
        release  o2                  -> ok
        wait     86_411              -> ok
        reserve  o3  1   trader=carl -> ok
        reserve  o4  1   trader=carl -> ok
        accounts -                   -> 1
        """,
        DAILY,
    )


def test_each_evaluation_looks_at_one_account_more_than_it_can_have_added() -> None:
    table = Table(limit("once", "10", scope="destination", window_seconds=60))
    table.run("\n".join(f"reserve o{number} 1 destination=0x{number} -> ok \n post o{number} -> ok" for number in range(9)))
    table.run("wait 61 -> ok \n accounts - -> 9 \n reserve o9 1 destination=0x9 -> ok \n accounts - -> 8")


def test_accounts_are_dropped_as_fast_as_they_are_made() -> None:
    """Each order goes to another destination, and none is ever seen again."""
    table = Table(limit("once", "10", scope="destination", window_seconds=60), limit("desk", "1000000", scope="desk"))
    for number in range(1_000):
        table.run(f"reserve o{number} 1 destination=0x{number} -> ok \n post o{number} -> ok \n wait 1 -> ok")
        assert len(table.ledger.accounts) < 2 * 62


def test_a_window_that_was_longer_once_is_still_remembered() -> None:
    table = Table(limit("day", "100", window_seconds=3_600))
    table.run("""
        reserve o1 100 -> ok
        post    o1     -> ok
    """)
    table.limits = (limit("day", "100", window_seconds=60),)
    table.run("""
        wait    61     -> ok
        reserve o2 100 -> ok
        release o2     -> ok
    """)
    table.limits = (limit("day", "100", window_seconds=3_600),)
    table.run("reserve o3 1 -> over day")


def test_a_rolling_limit_that_becomes_a_calendar_one_goes_on_counting() -> None:
    table = Table(limit("cap", "100", window_seconds=3_600))
    table.run("""
        clock   2026-03-02T10:00:00 -> ok
        reserve o1 60               -> ok
        post    o1                  -> ok
        wait    1_800               -> ok
    """)
    table.limits = (limit("cap", "100", kind="calendar-month", window_seconds=0, zone="Europe/Zurich"),)
    table.run("""
        reserve o2 41               -> over cap
        clock   2026-03-31T21:59:59 -> ok
        used    cap trader:alice    -> 60
        clock   2026-03-31T22:00:00 -> ok
        used    cap trader:alice    -> 0
    """)


def test_a_clock_that_runs_backwards_frees_nothing() -> None:
    check(
        """
        reserve  o1  600_000      -> ok
        post     o1               -> ok
        wait     -100_000         -> ok
        reserve  o2  400_001      -> over day
        reserve  o2  400_000      -> ok
        post     o2               -> ok
        used     day trader:alice -> 1000000
        """,
        DAILY,
    )


def test_what_others_hold_is_what_an_order_sees_before_it() -> None:
    table = Table(DAILY, counting("few", 9), limit("single", "1000", kind="per-transaction", window_seconds=0))
    table.run("""
        reserve  o1  100  -> ok
        post     o1       -> ok
        reserve  o2  50   -> ok
    """)
    facts = table.facts("50")
    assert table.ledger.used_by_others("o2", facts) == {"day|trader:alice": 100 * SECOND, "few|trader:alice|orders": 1}
    assert table.ledger.used_by_others("o9", facts) == {"day|trader:alice": 150 * SECOND, "few|trader:alice|orders": 2}


def test_a_ledger_that_was_reckoned_shows_what_it_was_told() -> None:
    ledger = Ledger.reckoned({"day|trader:alice": 7})
    assert (ledger.used("day|trader:alice", 0), ledger.used("day|trader:bob", 0)) == (7, 0)


def test_amounts_are_told_by_account_and_in_its_unit() -> None:
    reserved = [
        ReservedAmount(limit_id="day", scope_key="desk:d1", amount_usd=Decimal("1.5")),
        ReservedAmount(limit_id="few", scope_key="desk:d1", amount_usd=Decimal(0), count=1),
        ReservedAmount(limit_id="nil", scope_key="desk:d1", amount_usd=Decimal(0)),
    ]
    assert amounts(reserved) == {"day|desk:d1": 1_500_000, "few|desk:d1|orders": 1}


@pytest.mark.parametrize("text", ["0.000000", "0.000001", "999999999999999.999999", "1000000000000000.000000"])
def test_dollars_and_their_millionths_are_the_same_amount(text: str) -> None:
    assert dollars(micros(Decimal(text))) == Decimal(text)
