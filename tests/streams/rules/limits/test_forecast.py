"""Forecasts the time at which an order has enough headroom."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streams.rules.limits.forecast import frees_at
from streams.rules.limits.ledger import Account
from streams.rules.limits.windows import Window, reach
from tests.streams.rules.limits.table import Table, at
from tests.world.firm.desk import NOW, SECOND, limit

DAY = limit("day", "100")
MONTH = limit("month", "100", kind="calendar-month", window_seconds=0, zone="Europe/Zurich")


def free_at(table: Table, amount: str) -> str:
    (fact,) = table.facts(amount)
    return f"{datetime.fromtimestamp(fact.frees_at / SECOND, UTC):%d %H:%M:%S}" if fact.frees_at else "-"


def test_an_order_is_told_when_enough_will_be_free_for_it() -> None:
    table = Table(DAY)
    table.run("""
        clock    2026-03-05T12:00 -> ok
        reserve  o1  10  -> ok
        post     o1      -> ok
        clock    2026-03-05T13:00 -> ok
        reserve  o2  20  -> ok
        post     o2      -> ok
        clock    2026-03-05T14:00 -> ok
        reserve  o3  60  -> ok
    """)
    assert [free_at(table, amount) for amount in ("10", "11", "20", "21", "40", "41", "200")] == [
        "-",
        "06 12:00:10",
        "06 12:00:10",
        "06 13:00:10",
        "06 13:00:10",
        "-",
        "-",
    ]


def test_a_calendar_limit_tells_when_the_next_month_begins() -> None:
    table = Table(MONTH)
    table.run("clock 2026-03-05T12:00 -> ok \n reserve o1 90 -> ok \n post o1 -> ok")
    assert [free_at(table, amount) for amount in ("10", "11", "101")] == ["-", "31 22:00:00", "-"]
    (fact,) = table.facts("11")
    assert fact.frees_at == at("2026-04-01T00:00:00+02:00")


WINDOWS = st.sampled_from(
    [
        Window("rolling", 60),
        Window("rolling", 86_400),
        Window("calendar-day", zone="Europe/Zurich"),
        Window("calendar-month", zone="Asia/Kathmandu"),
    ]
)
POSTINGS = st.lists(st.tuples(st.integers(0, 86_400 * SECOND), st.integers(1, 100)), max_size=12)


@given(WINDOWS, POSTINGS, st.integers(1, 1_300))
def test_enough_is_free_when_it_is_said_to_be_and_not_before(
    window: Window, postings: list[tuple[int, int]], needed: int
) -> None:
    account, now = Account(), NOW
    account.learn(reach("rolling", 86_400 * 366))
    account.width_seconds = reach(window.kind, window.seconds).width_seconds
    for later, amount in postings:
        now += later
        account.post(amount, now)
    used, free = account.used(window.begins(now)), frees_at(account, window, now, needed)
    if free == 0:
        assert used < needed
    else:
        assert used - account.used(window.begins(free)) >= needed > used - account.used(window.begins(free - 1))
