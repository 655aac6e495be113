"""Reviews limits before they are in force: known subjects, one unit each, windows that exist, parts that add up.

A table of checks for genesis and for proposals alike, each giving sentences a person can act on; all are made, so that a
policy is corrected in one go. A limit whose subject is mistyped, or whose window is in another unit, would hold nothing.
Pure. Source: architecture, rules 4 and 7. Leaves out how high a cap should be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from schemas.firm import EVERYBODY, Limit, LimitScope
from schemas.values import plain
from streams.rules.limits.scopes import SCOPES
from streams.rules.limits.windows import zones

LIMITS_MAX: Final = 500
"""Every order is held against each of them."""
WINDOW_SECONDS_MAX: Final = 366 * 86_400
"""A year. A longer one was most likely given in milliseconds."""

KnownSubjects = Mapping[LimitScope, Collection[str]]
"""The subjects that exist, by scope (`limits.scopes`)."""


def problems(limits: Sequence[Limit], known: KnownSubjects) -> Iterator[str]:
    """Yield everything that speaks against `limits`, a sentence each."""
    if len(limits) > LIMITS_MAX:
        yield f"policy: {len(limits)} limits, and {LIMITS_MAX} are the most that orders are held against"
    for limit_id, times in Counter(limit.limit_id for limit in limits).items():
        if times > 1:
            yield f"limit {limit_id}: listed {times} times"
    for limit in limits:
        yield from (f"limit {limit.limit_id}: {problem}" for check in _CHECKS for problem in check(limit, known))


def _name(limit: Limit, _: KnownSubjects) -> Iterator[str]:
    if not limit.limit_id or "|" in limit.limit_id:
        yield "a limit's name has at least one character, and none of them is |"


def _subject(limit: Limit, known: KnownSubjects) -> Iterator[str]:
    if limit.subject == EVERYBODY:
        return
    if SCOPES[limit.scope].in_parts:
        yield f"there is one firm; set subject to {EVERYBODY}"
    elif limit.subject.lower() not in {each.lower() for each in known.get(limit.scope, ())}:
        yield f"there is no {limit.scope} {limit.subject}"


def _window(limit: Limit, _: KnownSubjects) -> Iterator[str]:
    if limit.kind == "rolling":
        if limit.window_seconds == 0:
            yield "a rolling limit needs a window of at least a second"
        if limit.window_seconds > WINDOW_SECONDS_MAX:
            yield f"a window of {limit.window_seconds} s is longer than a year; window_seconds are not milliseconds"
    elif limit.window_seconds != 0:
        name = "a limit per transaction" if limit.kind == "per-transaction" else f"a {limit.kind} limit"
        yield f"{name} has no window; set window_seconds to 0"


def _zone(limit: Limit, _: KnownSubjects) -> Iterator[str]:
    if limit.zone not in zones():
        yield f"there is no time zone {limit.zone}; zones are named as in Europe/Zurich"
    elif limit.kind in ("per-transaction", "rolling") and limit.zone != "UTC":
        yield f"a {limit.kind} limit is the same in every time zone; leave zone out"


def _unit(limit: Limit, _: KnownSubjects) -> Iterator[str]:
    if limit.measure == "usd" and (limit.cap_count or any(part.cap_count for part in limit.allotments)):
        yield "is measured in US dollars and has a cap_count; set measure to count, or cap_count to 0"
    if limit.measure == "count" and (limit.cap_usd or any(part.cap_usd for part in limit.allotments)):
        yield "counts orders and has a cap_usd; set measure to usd, or cap_usd to 0"
    if limit.measure == "count" and limit.kind == "per-transaction":
        yield "a single order is always one order; a limit per transaction is measured in usd"


def _allotments(limit: Limit, known: KnownSubjects) -> Iterator[str]:
    parts = limit.allotments
    if not SCOPES[limit.scope].in_parts or limit.kind == "per-transaction":
        if parts:
            yield "only a limit of the firm with a window is divided into allotments"
        return
    if not parts:
        yield "a limit of the firm needs an allotment for each desk that is to use it; without one, no desk can"
    for desk_id, times in Counter(part.desk_id for part in parts).items():
        if times > 1:
            yield f"desk {desk_id} has {times} allotments"
        if desk_id not in known.get("desk", ()):
            yield f"there is no desk {desk_id}"
    usd, count = sum((part.cap_usd for part in parts), Decimal(0)), sum(part.cap_count for part in parts)
    if usd > limit.cap_usd:
        yield f"the allotments add up to {plain(usd)} USD, and the cap is {plain(limit.cap_usd)} USD"
    if count > limit.cap_count:
        yield f"the allotments add up to {count} orders, and the cap is {limit.cap_count}"


def _trips(limit: Limit, _: KnownSubjects) -> Iterator[str]:
    if limit.trips and SCOPES[limit.scope].breaker is None:
        yield f"a {limit.scope} has no breaker to trip; leave trips out"
    if limit.trips and limit.kind == "per-transaction":
        yield "policy decides about a limit per transaction, so that nothing goes over it and trips a breaker; leave trips out"


_CHECKS: Final[tuple[Callable[[Limit, KnownSubjects], Iterator[str]], ...]] = (
    _name,
    _subject,
    _window,
    _zone,
    _unit,
    _allotments,
    _trips,
)
