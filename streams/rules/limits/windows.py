"""Decides the period in which a posting counts: rolling windows, and calendar days and months in a time zone.

A rolling window is the last so many seconds. A calendar day begins at the first instant of its date in the zone: where clocks
are put forward over midnight that is when they are, where midnight comes twice it is the first. Days of 23 and 25 hours and
months of 28 to 31 days are as long as the calendar says. The zones are those of the pinned package `tzdata`, not the
machine's, so that a repeated decision follows the same rules.
Postings are counted in buckets, and a bucket counts until its end has left the window: a posting may count a little
longer than the window, by at most a bucket, and never shorter. Calendar buckets are quarters of an hour, on which every zone's
days have begun since 1973, so that nothing counts on a day it was not posted on.
Pure, but that a zone's rules are read once. Left out: a clock that runs backwards; the engine's never does.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.firm import LimitKind, Zone
from schemas.values import MICROS_PER_SECOND, Instant

BUCKETS_MAX: Final = 8_640
"""Buckets of a rolling window, whose width is chosen for it: 10 s in a day."""
WIDTHS_SECONDS: Final = (1, 5, 10, 30, 60, 300, 900)
"""Widths of buckets; beyond them whole multiples of the last. Each divides it, so all begin where quarters of an hour do."""
CALENDAR_WIDTH_SECONDS: Final = WIDTHS_SECONDS[-1]

CALENDAR: Final[tuple[LimitKind, ...]] = ("calendar-day", "calendar-month")

_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 24 * _HOUR_SECONDS
_SHIFT_SECONDS_MAX: Final = 3 * _HOUR_SECONDS
"""More than any zone puts its clocks back at once, so that a day or month never keeps too little."""
_MEMORY_DAYS: Final = 4_096

BucketEnd = int
"""Seconds since the Unix epoch at which a bucket of postings ends."""


class ZoneUnknown(Exception):
    """The name is no time zone of the IANA database."""


class Window(NamedTuple):
    """The period whose postings count. A limit per transaction has an empty one: no earlier posting counts."""

    kind: LimitKind
    seconds: int = 0
    """Length of a rolling window."""
    zone: Zone = "UTC"
    """Zone of a calendar day or month."""

    def begins(self, now: Instant) -> Instant:
        """Return the start of the window at `now`: buckets that ended then or before no longer count."""
        if self.kind == "rolling":
            return max(0, now - self.seconds * MICROS_PER_SECOND)
        if self.kind == "per-transaction":
            return now
        return _begins(self.zone, self._period(now // MICROS_PER_SECOND)) * MICROS_PER_SECOND

    def leaves(self, end: BucketEnd) -> Instant:
        """Return the first instant at which a bucket that ends at `end` no longer counts."""
        if self.kind == "rolling":
            return (end + self.seconds) * MICROS_PER_SECOND
        if self.kind == "per-transaction":
            return end * MICROS_PER_SECOND
        period = self._period(end)
        while (begins := _begins(self.zone, period)) < end:
            period = self._following(period)
        return begins * MICROS_PER_SECOND

    def _period(self, second: int) -> date:
        """Return the first date of the day or month of `second`."""
        local = datetime.fromtimestamp(second, zone_named(self.zone)).date()
        return local if self.kind == "calendar-day" else local.replace(day=1)

    def _following(self, period: date) -> date:
        following = date.fromordinal(period.toordinal() + (1 if self.kind == "calendar-day" else 31))
        return following if self.kind == "calendar-day" else following.replace(day=1)


class Reach(NamedTuple):
    """The postings that an account must keep for a window."""

    kept_seconds: int
    """Seconds after its end for which a bucket may still count, in any zone."""
    width_seconds: int
    """Width of its buckets."""


@cache
def reach(kind: LimitKind, window_seconds: int) -> Reach:
    """Return the reach of limits of a kind."""
    if kind == "calendar-day":
        return Reach(_DAY_SECONDS + _SHIFT_SECONDS_MAX, CALENDAR_WIDTH_SECONDS)
    if kind == "calendar-month":
        return Reach(31 * _DAY_SECONDS + _SHIFT_SECONDS_MAX, CALENDAR_WIDTH_SECONDS)
    least, widest = -(-window_seconds // BUCKETS_MAX), WIDTHS_SECONDS[-1]
    width = next((width for width in WIDTHS_SECONDS if width >= least), -(-least // widest) * widest)
    return Reach(window_seconds, width)


def bucket_end(at: Instant, width_seconds: int) -> BucketEnd:
    """Return the end of the bucket of a posting at `at`: later than `at`, by at most a width."""
    return (at // (width_seconds * MICROS_PER_SECOND) + 1) * width_seconds


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@cache
def zone_named(name: Zone) -> ZoneInfo:
    """Return the rules of a time zone.

    Raises:
        ZoneUnknown: no zone has that name.
    """
    if name not in zones():
        raise ZoneUnknown(f"there is no time zone {name}")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


@lru_cache(maxsize=_MEMORY_DAYS)
def _begins(name: Zone, day: date) -> int:
    """Return the second at which a date begins in a zone."""
    zone = zone_named(name)
    before, after = (_second(datetime(day.year, day.month, day.day, tzinfo=zone, fold=fold)) for fold in (0, 1))
    if after >= before:
        return before
    # Clocks are put forward over midnight, so that there is none: by the rules before, and by those after, it would have
    # been at these two seconds, and the date begins between them, when they are put forward.
    between = range(after, before)
    return between[0] + bisect_left(between, day, key=lambda second: datetime.fromtimestamp(second, zone).date())


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
