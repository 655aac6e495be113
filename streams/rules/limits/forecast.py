"""Forecasts when enough is free for an order: postings leave their windows, reservations stay."""

from __future__ import annotations

from bisect import bisect_left

from schemas.values import Instant
from streams.rules.limits.ledger import Account, Units
from streams.rules.limits.windows import Window


def frees_at(account: Account, window: Window, now: Instant, needed: Units) -> Instant:
    """Return the time at which at least `needed` (> 0) of the posted amounts have left the window; 0 if all are too little."""
    first = account.left(window.begins(now))
    enough = (account.sums[first - 1] if first else account.dropped) + needed
    entry = bisect_left(account.sums, enough, lo=first)
    return window.leaves(account.ends[entry]) if entry < len(account.ends) else 0
