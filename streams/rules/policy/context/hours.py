"""Computes the hour and the weekday in the firm's zone (IANA time zone database), for rules about nights and weekends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from schemas.firm import Zone
from schemas.values import Instant

MINUTE_MICROS: Final = 60 * 1_000_000
"""No zone has moved its clocks within a minute since 1972, so a minute has one hour and one weekday."""
MINUTES_CACHED_MAX: Final = 1_024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=MINUTES_CACHED_MAX)
def _local_minute(zone: Zone, minute: int) -> tuple[int, int]:
    local = (_EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(zone))
    return local.hour, local.isoweekday()


def local_hour(zone: Zone, now: Instant) -> int:
    """Return the hour of the day in `zone`, 0 to 23."""
    return _local_minute(zone, now // MINUTE_MICROS)[0]


def local_weekday(zone: Zone, now: Instant) -> int:
    """Return the day of the week in `zone`, 1 for Monday to 7 for Sunday (ISO 8601)."""
    return _local_minute(zone, now // MINUTE_MICROS)[1]
