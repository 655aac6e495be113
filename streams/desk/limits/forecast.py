"""What will be free again, and when, if nothing else happens: postings leave their windows, reservations stay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from schemas.values import Instant
from streams.desk.limits.ledger import Account, Units
from streams.desk.limits.windows import Window


class Freed(NamedTuple):
    """What leaves a window at an instant."""

    at: Instant
    amount: Units


def frees(account: Account, window: Window, now: Instant) -> Iterator[Freed]:
    """What leaves the window after `now`, in order, each instant once."""
    first = account.left(window.begins(now))
    before = account.sums[first - 1] if first else account.dropped
    entries = zip(account.ends[first:], account.sums[first:], strict=True)
    for at, together in groupby(entries, key=lambda entry: window.leaves(entry[0])):
        *_, (_, total) = together
        yield Freed(at, total - before)
        before = total


def frees_at(account: Account, window: Window, now: Instant, needed: Units) -> Instant:
    """When at least `needed` (> 0) of what is posted will have left the window; 0 when all of it is not enough."""
    first = account.left(window.begins(now))
    enough = (account.sums[first - 1] if first else account.dropped) + needed
    entry = bisect_left(account.sums, enough, lo=first)
    return window.leaves(account.ends[entry]) if entry < len(account.ends) else 0
