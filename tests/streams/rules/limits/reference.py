"""The reference ledger: scans every entry ever made, one by one, each time. Slow, and obvious.

It knows no buckets' sums and no memory that is dropped. A posting counts on its own date, in its own month, or until the window
has passed since the end of the bucket it was made in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.firm import Limit

SECOND = 1_000_000
WIDTH_MAX = 900 * SECOND
"""Of the widest bucket of the limits here."""


class LimitKey(NamedTuple):
    """One limit of one subject, counted one way."""

    limit_id: str
    scope_key: str
    measure: str


class Entry(NamedTuple):
    """An order's amount, held or posted."""

    order: str
    amount: Decimal
    posted_at: int | None = None
    is_sure: bool = True
    """False once the account was evaluated under a limit that had forgotten it: a longer one may or may not find it."""


@dataclass
class ReferenceLedger:
    """Every entry there ever was."""

    entries: defaultdict[LimitKey, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    def used(self, limit: Limit, scope_key: str, now: int, besides: str = "") -> Decimal:
        """The usage now, except one order's own reservation."""
        entries = self.entries[LimitKey(limit.limit_id, scope_key, limit.measure)]
        held = [e.amount for e in entries if e.posted_at is None and e.order != besides]
        posted = [(e.amount, e.posted_at) for e in entries if e.posted_at is not None]
        return sum(held + [amount for amount, at in posted if counts(limit, end_of_bucket(limit, at), now)], Decimal(0))

    def between(self, limit: Limit, before: Limit, scope_key: str, now: int, besides: str) -> tuple[Decimal, Decimal]:
        """The least and the most that may count now, where the limit was another one `before`."""
        entries = self.entries[LimitKey(limit.limit_id, scope_key, limit.measure)]
        entries = [e for e in entries if e.order != besides or e.posted_at is not None]
        held = [e.amount for e in entries if e.posted_at is None]
        posted = [(e, e.posted_at) for e in entries if e.posted_at is not None]
        least = [e.amount for e, at in posted if e.is_sure and counts(before, at, now) and counts(limit, at, now)]
        most = [e.amount for e, at in posted if counts(limit, at + WIDTH_MAX, now)]
        return sum(held + least, Decimal(0)), sum(held + most, Decimal(0))

    def forget(self, place: LimitKey, before: Limit, now: int) -> None:
        """Drops usage that had left `before` by now."""
        self.entries[place] = [
            e._replace(is_sure=e.is_sure and (e.posted_at is None or counts(before, e.posted_at, now)))
            for e in self.entries[place]
        ]

    def reserve(self, order: str, amounts: dict[LimitKey, Decimal]) -> None:
        for place, amount in amounts.items():
            self.entries[place].append(Entry(order, amount))

    def release(self, order: str) -> None:
        self._change(lambda e: None if e.order == order else e)

    def post(self, order: str, now: int) -> None:
        self._change(lambda e: e._replace(posted_at=now) if e.order == order else e)

    def _change(self, change: Callable[[Entry], Entry | None]) -> None:
        for place, entries in self.entries.items():
            self.entries[place] = [changed for e in entries if (changed := change(e)) is not None]


def counts(limit: Limit, posted_until: int, now: int) -> bool:
    """True if an amount posted then counts now."""
    if limit.kind == "rolling":
        return now < posted_until + limit.window_seconds * SECOND
    then, today = (local(instant // SECOND, limit.zone).date() for instant in (posted_until, now))
    return then >= today if limit.kind == "calendar-day" else (then.year, then.month) >= (today.year, today.month)


def end_of_bucket(limit: Limit, posted_at: int) -> int:
    """A rolling window has no more than 8,640 buckets; on its own day, a posting counts as if there were none."""
    if limit.kind != "rolling":
        return posted_at
    width = next(width for width in (1, 5, 10, 30, 60, 300, 900) if limit.window_seconds <= 8_640 * width) * SECOND
    return (posted_at // width + 1) * width


@lru_cache(maxsize=100_000)
def local(second: int, zone: str) -> datetime:
    return datetime.fromtimestamp(second, ZoneInfo(zone))
