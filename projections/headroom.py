"""Computes each limit's use, headroom and next release by the desk's own arithmetic on the tables' sums. Pure.

The tables hold each order's part of each limit. They are summed by what still counts and by when it leaves its window, with
the buckets of the desk's ledger (`streams.rules.limits.windows`), so that what is shown here is what the desk would say.
Sums that leave close to one another are shown together, at the time of the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from schemas.firm import Limit
from schemas.values import Instant, Record, Usd
from streams.rules.limits.windows import CALENDAR, BucketEnd, Window, reach

FREES_MAX: Final = 24
"""Moments at which something will be free, shown of one limit."""


class Freed(Record):
    """Names an amount that stops counting at an instant, if nothing else happens."""

    at: Instant
    amount_usd: Usd
    count: int


class LimitUse(Record):
    """A limit of the policy in force, its subject, and its use now."""

    limit_id: str
    scope: str
    subject: str
    """As the policy names it; `*` for each on its own."""
    scope_key: str
    """The subject of this use: `trader:alice`, `firm:newswap` for a desk's allotment of a limit of the firm."""
    kind: str
    window_seconds: int
    zone: str
    """In which a calendar day or month is reckoned."""
    measure: str
    """`usd` or `count`; the amounts of the other measure are 0."""
    cap_usd: Usd
    reserved_usd: Usd
    """Held by orders that are not confirmed yet."""
    posted_usd: Usd
    """Of confirmed orders within the window."""
    headroom_usd: Usd
    cap_count: int
    reserved_count: int
    posted_count: int
    headroom_count: int
    counted_from: Instant
    """The start of the window."""
    frees: list[Freed]
    """The amounts that leave the window, and the times; reservations stay until their orders end."""
    trips: str
    """The state into which going over it trips a breaker; empty: none."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Tells how to sum a limit's postings."""

    limit_id: str
    counted_from: Instant
    width_seconds: int
    """The width of the ledger's buckets: a posting counts until the end of its bucket leaves the window."""
    together_seconds: int
    """Buckets that are shown together."""


@dataclass(frozen=True, slots=True)
class Summed:
    """Holds a sum of one limit for one subject: all its reservations, or the postings that leave together."""

    limit_id: str
    scope_key: str
    is_posted: bool
    last_end: BucketEnd
    """Of the last bucket in it."""
    amount_usd: Decimal
    orders: int


def countings(limits: Iterable[Limit], now: Instant) -> list[Counting]:
    """Return the counting at `now` of each limit with a window."""
    return [_counting(limit, now) for limit in limits if limit.kind != "per-transaction"]


def uses(limits: Sequence[Limit], sums: Iterable[Summed], now: Instant) -> list[LimitUse]:
    """Return every limit for each of its known subjects: those that the policy names, and those that have used it."""
    held: dict[str, dict[str, list[Summed]]] = {}
    for each in sums:
        held.setdefault(each.limit_id, {}).setdefault(each.scope_key, []).append(each)
    return [use for limit in limits for use in _uses(limit, held.get(limit.limit_id, {}), now)]


def _counting(limit: Limit, now: Instant) -> Counting:
    window = _window(limit)
    kept, width = reach(limit.kind, limit.window_seconds)
    groups = 1 if limit.kind in CALENDAR else FREES_MAX
    return Counting(limit.limit_id, window.begins(now), width, width * max(1, -(-kept // (groups * width))))


def _uses(limit: Limit, held: Mapping[str, list[Summed]], now: Instant) -> Iterator[LimitUse]:
    caps = {f"firm:{part.desk_id}": (part.cap_usd, part.cap_count) for part in limit.allotments}
    named = set(caps) if caps or held else {f"{limit.scope}:{limit.subject}"}
    for scope_key in sorted(named | held.keys()):
        cap = caps.get(scope_key, (Decimal(0), 0)) if caps else (limit.cap_usd, limit.cap_count)
        yield _use(limit, scope_key, cap, held.get(scope_key, []), now)


def _use(limit: Limit, scope_key: str, cap: tuple[Decimal, int], held: Sequence[Summed], now: Instant) -> LimitUse:
    counts, window = limit.measure == "count", _window(limit)
    reserved_usd, reserved_count = _total(counts, (each for each in held if not each.is_posted))
    posted_usd, posted_count = _total(counts, (each for each in held if each.is_posted))
    cap_usd, cap_count = (Decimal(0), cap[1]) if counts else (cap[0], 0)
    return LimitUse(
        limit_id=limit.limit_id,
        scope=limit.scope,
        subject=limit.subject,
        scope_key=scope_key,
        kind=limit.kind,
        window_seconds=limit.window_seconds,
        zone=limit.zone if limit.kind in CALENDAR else "",
        measure=limit.measure,
        cap_usd=cap_usd,
        reserved_usd=reserved_usd,
        posted_usd=posted_usd,
        headroom_usd=max(cap_usd - reserved_usd - posted_usd, Decimal(0)),
        cap_count=cap_count,
        reserved_count=reserved_count,
        posted_count=posted_count,
        headroom_count=max(cap_count - reserved_count - posted_count, 0),
        counted_from=window.begins(now),
        frees=_frees(window, counts=counts, posted=[each for each in held if each.is_posted]),
        trips=limit.trips,
    )


def _frees(window: Window, *, counts: bool, posted: Sequence[Summed]) -> list[Freed]:
    together: dict[Instant, list[Summed]] = {}
    for each in posted:
        together.setdefault(window.leaves(each.last_end), []).append(each)
    found = []
    for at, leaving in sorted(together.items()):
        amount_usd, count = _total(counts, leaving)
        found.append(Freed(at=at, amount_usd=amount_usd, count=count))
    return found


def _total(counts: bool, sums: Iterable[Summed]) -> tuple[Decimal, int]:  # noqa: FBT001 - which of the two is counted
    """In dollars and in orders, of which a limit counts one."""
    usd, orders = Decimal(0), 0
    for each in sums:
        usd, orders = usd + each.amount_usd, orders + each.orders
    return (Decimal(0), orders) if counts else (usd, 0)


def _window(limit: Limit) -> Window:
    return Window(limit.kind, limit.window_seconds, limit.zone)
