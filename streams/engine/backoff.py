"""Spaces the attempts for an input that waits: at once, then at intervals that double up to a bound. Pure.

The loop offers parked inputs every few milliseconds, which suits what changes here (a wallet that becomes free) and would
flood a node. Time comes in as a value. Forgetting a key is harmless: it is only asked about sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.values import MICROS_PER_MS, Instant

KEYS_REMEMBERED_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """The wait after the first question, and the longest between two."""

    first_ms: int
    longest_ms: int


@dataclass(frozen=True, slots=True)
class _Wait:
    until: Instant
    interval_ms: int


class Backoff:
    """Keeps, for each key, the time of the next attempt."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def due(self, key: str, now: Instant) -> bool:
        """Return True if the key may be asked about: never asked before, or its interval is over."""
        wait = self._waits.get(key)
        return wait is None or now >= wait.until

    def knows(self, key: str) -> bool:
        """Return True if the key was asked about and not settled since."""
        return key in self._waits

    def asked(self, key: str, now: Instant, intervals: Intervals) -> None:
        """Note a question; the next interval is twice the last, within the bounds."""
        before = self._waits.pop(key, None)
        interval_ms = intervals.first_ms if before is None else 2 * before.interval_ms
        interval_ms = min(max(interval_ms, intervals.first_ms), intervals.longest_ms)
        self._waits[key] = _Wait(now + interval_ms * MICROS_PER_MS, interval_ms)
        while len(self._waits) > KEYS_REMEMBERED_MAX:
            del self._waits[next(iter(self._waits))]

    def settled(self, key: str) -> None:
        """Forget a key: its question is answered."""
        self._waits.pop(key, None)
