"""Windows start and release usage at the right instants, in zones that shift clocks forward, back, and by whole days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.rules.limits.windows import (
    BUCKETS_MAX,
    CALENDAR_WIDTH_SECONDS,
    WIDTHS_SECONDS,
    Window,
    ZoneUnknown,
    bucket_end,
    reach,
    zone_named,
    zones,
)
from tests.streams.rules.limits.table import at
from tests.world.firm.desk import NOW, SECOND

DAYS = [
    # zone, now, where its day began, where the next one begins
    ("UTC", "2026-11-21T00:00", "2026-11-21T00:00", "2026-11-22T00:00"),
    ("UTC", "2026-11-21T23:59:59", "2026-11-21T00:00", "2026-11-22T00:00"),
    ("UTC", "2028-02-28T12:00", "2028-02-28T00:00", "2028-02-29T00:00"),
    ("UTC", "2028-02-29T12:00", "2028-02-29T00:00", "2028-03-01T00:00"),
    ("Europe/Zurich", "2026-11-20T22:59:59", "2026-11-19T23:00", "2026-11-20T23:00"),
    ("Europe/Zurich", "2026-11-20T23:00", "2026-11-20T23:00", "2026-11-21T23:00"),
    # clocks forward: a day of 23 hours; and back: one of 25
    ("Europe/Zurich", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
    ("Europe/Zurich", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
    # offsets of half hours and quarters, and a change of half an hour
    ("Asia/Kolkata", "2026-11-21T12:00", "2026-11-20T18:30", "2026-11-21T18:30"),
    ("Asia/Kathmandu", "2026-11-21T12:00", "2026-11-20T18:15", "2026-11-21T18:15"),
    ("Australia/Lord_Howe", "2026-10-04T00:00", "2026-10-03T13:30", "2026-10-04T13:00"),
    # midnight does not exist: the day begins at 01:00, when clocks are put forward
    ("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00"),
    # midnight comes twice: the first of them, and a day of 25 hours
    ("America/Havana", "2018-11-04T12:00", "2018-11-04T04:00", "2018-11-05T05:00"),
    # clocks were put back from 00:01 to 23:01: the date began, was left, and began again
    ("America/St_Johns", "2010-11-07T12:00", "2010-11-07T02:30", "2010-11-08T03:30"),
    # put forward from 23:30 to 00:30, so that the day began in the middle of an hour it lost
    ("America/Toronto", "1919-03-31T12:00", "1919-03-31T04:30", "1919-04-01T04:00"),
    # a whole day that never was
    ("Pacific/Apia", "2011-12-30T09:00", "2011-12-29T10:00", "2011-12-30T10:00"),
    ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),
]
MONTHS = [
    ("UTC", "2026-11-21T12:00", "2026-11-01T00:00", "2026-12-01T00:00"),
    ("UTC", "2026-12-31T23:59:59", "2026-12-01T00:00", "2027-01-01T00:00"),
    ("UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
    ("UTC", "2026-02-28T12:00", "2026-02-01T00:00", "2026-03-01T00:00"),
    ("Europe/Zurich", "2026-03-31T21:59:59", "2026-02-28T23:00", "2026-03-31T22:00"),
    ("Europe/Zurich", "2026-03-31T22:00", "2026-03-31T22:00", "2026-04-30T22:00"),
    ("America/New_York", "2026-11-01T04:00", "2026-11-01T04:00", "2026-12-01T05:00"),
    ("Pacific/Kiritimati", "2026-01-31T10:00", "2026-01-31T10:00", "2026-02-28T10:00"),
]


@pytest.mark.parametrize(("zone", "now", "begins", "following"), DAYS)
def test_a_day_begins_at_the_first_instant_of_its_date_in_the_zone(zone: str, now: str, begins: str, following: str) -> None:
    window = Window("calendar-day", zone=zone)
    assert window.begins(at(now)) == at(begins)
    assert window.leaves(at(now) // SECOND + 1) == at(following)


@pytest.mark.parametrize(("zone", "now", "begins", "following"), MONTHS)
def test_a_month_is_as_long_as_the_calendar_says(zone: str, now: str, begins: str, following: str) -> None:
    window = Window("calendar-month", zone=zone)
    assert window.begins(at(now)) == at(begins)
    assert window.leaves(at(now) // SECOND + 1) == at(following)


def test_what_ended_when_the_day_began_has_left_at_once() -> None:
    midnight = at("2026-11-20T23:00")
    assert Window("calendar-day", zone="Europe/Zurich").leaves(midnight // SECOND) == midnight


def test_a_rolling_window_is_the_last_so_many_seconds() -> None:
    window = Window("rolling", 60)
    assert window.begins(NOW) == NOW - 60 * SECOND
    assert window.leaves(NOW // SECOND) == NOW + 60 * SECOND
    assert Window("rolling", 60).begins(SECOND) == 0


def test_a_single_order_has_no_past() -> None:
    window = Window("per-transaction")
    assert (window.begins(NOW), window.leaves(NOW // SECOND)) == (NOW, NOW)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "europe/zurich"])
def test_a_zone_that_does_not_exist_is_said_to_be_unknown(zone: str) -> None:
    with pytest.raises(ZoneUnknown):
        Window("calendar-day", zone=zone).begins(NOW)


def test_every_zone_has_rules_of_its_own() -> None:
    assert len(zones()) > 400
    assert all(zone_named(name).key == name for name in zones())


@pytest.mark.parametrize(
    ("kind", "window_seconds", "kept_seconds", "width_seconds"),
    [
        ("per-transaction", 0, 0, 1),
        ("rolling", 1, 1, 1),
        ("rolling", 8_640, 8_640, 1),
        ("rolling", 8_641, 8_641, 5),
        ("rolling", 86_400, 86_400, 10),
        ("rolling", 86_401, 86_401, 30),
        ("rolling", 7 * 86_400, 7 * 86_400, 300),
        ("rolling", 30 * 86_400, 30 * 86_400, 300),
        ("rolling", 90 * 86_400, 90 * 86_400, 900),
        ("rolling", 366 * 86_400, 366 * 86_400, 4_500),
        ("calendar-day", 0, 97_200, 900),
        ("calendar-month", 0, 2_689_200, 900),
    ],
)
def test_what_is_kept_for_a_window(kind: str, window_seconds: int, kept_seconds: int, width_seconds: int) -> None:
    assert reach(kind, window_seconds) == (kept_seconds, width_seconds)


@given(st.integers(1, 10**9))
def test_a_rolling_window_never_has_more_buckets_than_agreed(window_seconds: int) -> None:
    kept, width = reach("rolling", window_seconds)
    assert kept == window_seconds
    assert kept <= width * BUCKETS_MAX
    assert width in WIDTHS_SECONDS or width % CALENDAR_WIDTH_SECONDS == 0


def test_buckets_of_every_width_begin_where_quarters_of_an_hour_do() -> None:
    assert all(CALENDAR_WIDTH_SECONDS % width == 0 for width in WIDTHS_SECONDS)


@given(st.integers(0, 10**16), st.integers(1, 5_000))
def test_a_bucket_ends_after_what_was_posted_by_at_most_its_width(now: int, width_seconds: int) -> None:
    end = bucket_end(now, width_seconds)
    assert 0 < end * SECOND - now <= width_seconds * SECOND
    assert end % width_seconds == 0


ZONES = st.sampled_from(sorted(zones()))
SINCE_1973 = st.integers(at("1973-01-01") // SECOND, at("2037-01-01") // SECOND).map(lambda second: second * SECOND)


def local(instant: int, zone: str) -> date:
    return (
        (datetime(1970, 1, 1, tzinfo=zone_named("UTC")) + timedelta(seconds=instant // SECOND))
        .astimezone(zone_named(zone))
        .date()
    )


@given(ZONES, SINCE_1973)
@example("America/Sao_Paulo", at("2018-11-04T03:00"))
@example("America/St_Johns", at("2010-11-07T02:45"))
@example("Pacific/Apia", at("2011-12-30T10:00"))
def test_a_day_holds_its_date_and_begins_with_it(zone: str, now: int) -> None:
    begins = Window("calendar-day", zone=zone).begins(now)
    assert begins <= now
    assert local(begins, zone) == local(now, zone) > local(begins - SECOND, zone)


@given(ZONES, SINCE_1973)
def test_a_month_holds_its_dates_and_begins_with_them(zone: str, now: int) -> None:
    begins = Window("calendar-month", zone=zone).begins(now)
    assert begins <= now
    assert local(begins, zone).replace(day=1) == local(now, zone).replace(day=1) > local(begins - SECOND, zone).replace(day=1)


WINDOWS = st.one_of(
    st.integers(1, 10**7).map(lambda seconds: Window("rolling", seconds)),
    ZONES.map(lambda zone: Window("calendar-day", zone=zone)),
    ZONES.map(lambda zone: Window("calendar-month", zone=zone)),
)


@given(WINDOWS, SINCE_1973)
def test_what_is_posted_counts_until_it_leaves_and_no_longer(window: Window, posted_at: int) -> None:
    end = bucket_end(posted_at, reach(window.kind, window.seconds).width_seconds)
    leaves = window.leaves(end)
    assert window.begins(leaves - 1) < end * SECOND <= window.begins(leaves)


@given(WINDOWS, SINCE_1973)
def test_what_leaves_a_window_was_kept_until_then(window: Window, posted_at: int) -> None:
    kept, width = reach(window.kind, window.seconds)
    end = bucket_end(posted_at, width)
    assert window.leaves(end) <= (end + kept) * SECOND


@given(st.sampled_from(["calendar-day", "calendar-month"]), ZONES, SINCE_1973)
def test_quarters_of_an_hour_never_carry_a_posting_into_the_next_day(kind: str, zone: str, posted_at: int) -> None:
    window = Window(kind, zone=zone)  # type: ignore[arg-type]
    begins, end = window.begins(posted_at), bucket_end(posted_at, CALENDAR_WIDTH_SECONDS)
    assert begins == window.begins(end * SECOND - 1)
