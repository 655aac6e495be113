"""Limits that would not hold as they seem to are refused before they are in force, with every reason at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.firm import Allotment, Limit
from streams.rules.governance.review.limits import LIMITS_MAX, KnownSubjects, problems
from tests.world.firm.desk import CUSTODIAN, STRANGER, VENUE

KNOWN: KnownSubjects = {
    "trader": {"alice"},
    "wallet": {"treasury-1"},
    "asset": {"USDC"},
    "destination": {CUSTODIAN},
    "contract": {VENUE},
    "protocol": {"newswap"},
    "counterparty": {"bank"},
    "desk": {"d1", "d2"},
}
DAY = 86_400


def limit(**changes: Any) -> Limit:
    """A sound one: each trader's rolling day."""
    shape = {"limit_id": "cap", "scope": "trader", "subject": "*", "kind": "rolling", "window_seconds": DAY, "cap_usd": 100}
    return Limit.model_validate(shape | changes)


def firm(*parts: tuple[str, int, int], **changes: Any) -> Limit:
    allotments = [Allotment(desk_id=desk, cap_usd=Decimal(usd), cap_count=count) for desk, usd, count in parts]
    return limit(scope="firm", **({"allotments": allotments} | changes))


CALENDAR = {"kind": "calendar-day", "window_seconds": 0}
SINGLE = {"kind": "per-transaction", "window_seconds": 0}
COUNT = {"measure": "count", "cap_usd": 0, "cap_count": 5}

SOUND = [
    limit(),
    limit(window_seconds=1),
    limit(window_seconds=366 * DAY),
    limit(cap_usd=0),
    limit(**SINGLE),
    limit(**CALENDAR),
    limit(**CALENDAR, zone="Europe/Zurich"),
    limit(kind="calendar-month", window_seconds=0, zone="America/New_York"),
    limit(**COUNT),
    *(
        limit(scope=scope, subject=name, trips="reducing")
        for scope in KNOWN
        if scope != "trader"
        for name in sorted(KNOWN[scope])
    ),
    limit(scope="contract", subject=VENUE.lower()),
    firm(("d1", 60, 0), ("d2", 40, 0)),
    firm(("d1", 10, 0)),
    firm(("d1", 0, 3), ("d2", 0, 2), **COUNT),
    firm(**SINGLE),
    firm(("d1", 10, 0), trips="open"),
]


@pytest.mark.parametrize("sound", SOUND, ids=str)
def test_nothing_speaks_against_a_sound_limit(sound: Limit) -> None:
    assert list(problems([sound], KNOWN)) == []


UNSOUND = [
    (limit(limit_id=""), "limit : a limit's name has at least one character, and none of them is |"),
    (limit(limit_id="a|b"), "limit a|b: a limit's name has at least one character, and none of them is |"),
    (limit(subject="bob"), "there is no trader bob"),
    (limit(scope="wallet", subject="alice"), "there is no wallet alice"),
    (limit(scope="contract", subject=STRANGER), f"there is no contract {STRANGER}"),
    (limit(scope="destination", subject=VENUE), f"there is no destination {VENUE}"),
    (firm(("d1", 1, 0), subject="d1"), "there is one firm; set subject to *"),
    (limit(window_seconds=0), "a rolling limit needs a window of at least a second"),
    (
        limit(window_seconds=DAY * 1_000),
        "a window of 86400000 s is longer than a year; window_seconds are not milliseconds",
    ),
    (limit(kind="per-transaction"), "a limit per transaction has no window; set window_seconds to 0"),
    (limit(kind="calendar-month"), "a calendar-month limit has no window; set window_seconds to 0"),
    (limit(**CALENDAR, zone="Zurich"), "there is no time zone Zurich; zones are named as in Europe/Zurich"),
    (limit(zone="CET-1"), "there is no time zone CET-1; zones are named as in Europe/Zurich"),
    (limit(zone="Europe/Zurich"), "a rolling limit is the same in every time zone; leave zone out"),
    (limit(**SINGLE, zone="Europe/Zurich"), "a per-transaction limit is the same in every time zone; leave zone out"),
    (limit(cap_count=5), "is measured in US dollars and has a cap_count; set measure to count, or cap_count to 0"),
    (limit(measure="count", cap_count=5), "counts orders and has a cap_usd; set measure to usd, or cap_usd to 0"),
    (limit(**SINGLE, **COUNT), "a single order is always one order; a limit per transaction is measured in usd"),
    (
        firm(("d1", 1, 1), cap_count=0),
        "is measured in US dollars and has a cap_count; set measure to count, or cap_count to 0",
        "the allotments add up to 1 orders, and the cap is 0",
    ),
    (
        firm(("d1", 1, 1), **COUNT),
        "counts orders and has a cap_usd; set measure to usd, or cap_usd to 0",
        "the allotments add up to 1 USD, and the cap is 0 USD",
    ),
    (
        limit(allotments=[Allotment(desk_id="d1", cap_usd=Decimal(1))]),
        "only a limit of the firm with a window is divided into allotments",
    ),
    (firm(("d1", 1, 0), **SINGLE), "only a limit of the firm with a window is divided into allotments"),
    (firm(), "a limit of the firm needs an allotment for each desk that is to use it; without one, no desk can"),
    (firm(("d1", 1, 0), ("d1", 1, 0)), "desk d1 has 2 allotments"),
    (firm(("d9", 1, 0)), "there is no desk d9"),
    (firm(("d1", 60, 0), ("d2", 41, 0)), "the allotments add up to 101 USD, and the cap is 100 USD"),
    (firm(("d1", 0, 3), ("d2", 0, 3), **COUNT), "the allotments add up to 6 orders, and the cap is 5"),
    (limit(trips="open"), "a trader has no breaker to trip; leave trips out"),
    (
        limit(scope="desk", **SINGLE, trips="open"),
        "policy decides about a limit per transaction, so that nothing goes over it and trips a breaker; leave trips out",
    ),
]


@pytest.mark.parametrize("row", UNSOUND, ids=lambda row: row[1])
def test_a_limit_that_holds_nothing_or_something_else_is_refused_in_words(row: tuple[Any, ...]) -> None:
    found, *expected = row
    prefix = f"limit {found.limit_id}: "
    assert list(problems([found], KNOWN)) == [f"{prefix}{text.removeprefix(prefix)}" for text in expected]


def test_every_problem_of_every_limit_is_said() -> None:
    limits = [limit(subject="bob", trips="open"), limit(), firm(limit_id="firm")]
    assert [text.split(";")[0] for text in problems(limits, {})] == [
        "limit cap: listed 2 times",
        "limit cap: there is no trader bob",
        "limit cap: a trader has no breaker to trip",
        "limit firm: a limit of the firm needs an allotment for each desk that is to use it",
    ]


def test_no_more_limits_than_orders_can_be_held_against() -> None:
    limits = [limit(limit_id=f"cap-{number}") for number in range(LIMITS_MAX + 1)]
    assert list(problems(limits[:-1], KNOWN)) == []
    assert list(problems(limits, KNOWN)) == ["policy: 501 limits, and 500 are the most that orders are held against"]
