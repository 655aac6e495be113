"""What an order would make of its limits: facts to decide on, what it reserves, and which limits refuse it.

A window's limit is hard: nothing is reserved that would go over it, and no approval lifts that. A limit per transaction is a
fact that policy judges. An order that asks for nothing of a limit goes over none, however much others have used.
Source: architecture, rules 4, 5 and 7. Left out: what an order is worth (`facts`), and what policy makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.events.base import Refusal
from schemas.events.facts import LimitFact
from schemas.firm import LimitKind, LimitMeasure, Zone
from schemas.orders import ReservedAmount
from schemas.values import Instant, Usd
from streams.desk.limits.forecast import frees_at
from streams.desk.limits.ledger import (
    UNADJUSTED,
    AccountKey,
    Adjustment,
    Ledger,
    Units,
    account_key,
    dollars,
    micros,
)
from streams.desk.limits.subjects import Applied
from streams.desk.limits.windows import Window
from streams.desk.refusals import LimitExceeded

GAUGES_REMEMBERED_MAX: Final = 8_192


class _Gauge(NamedTuple):
    """What does not change about a limit of a subject from one order to the next."""

    key: AccountKey
    window: Window
    cap: Units
    blank: LimitFact
    """Of a limit that is not used and not asked for."""
    held: ReservedAmount
    """Nothing of it."""


def limit_facts(
    ledger: Ledger, limits: Sequence[Applied], amount_usd: Decimal, now: Instant, adjustment: Adjustment = UNADJUSTED
) -> list[LimitFact]:
    """Each limit as it stands before an order of `amount_usd`, and whether the order would go over it."""
    worth = micros(amount_usd)
    return [_fact(ledger, each, worth, now, adjustment) for each in limits]


def reservation(facts: Iterable[LimitFact]) -> list[ReservedAmount]:
    """What an order with these facts reserves: its share of every limit with a window that it asks something of."""
    return [
        _held(fact)
        for fact in facts
        if fact.kind != "per-transaction" and (fact.requested_usd or fact.requested_count)
    ]


def refusals(facts: Iterable[LimitFact]) -> list[Refusal]:
    """Every limit with a window that the order would go over."""
    return [_refusal(fact) for fact in facts if _is_breach(fact)]


def breaches(applied: Sequence[Applied], facts: Sequence[LimitFact]) -> list[tuple[Applied, LimitFact]]:
    """The limits that refuse the order and trip a breaker for it, each with its fact; `facts` are those of `applied`."""
    return [(each, fact) for each, fact in zip(applied, facts, strict=True) if each.limit.trips and _is_breach(fact)]


def _fact(ledger: Ledger, each: Applied, worth: Units, now: Instant, adjustment: Adjustment) -> LimitFact:
    limit = each.limit
    gauge = _gauge(
        limit.limit_id, each.scope_key, limit.kind, limit.window_seconds, limit.measure, limit.zone, each.cap_usd, each.cap_count
    )
    asked = worth if limit.measure == "usd" else 1
    if limit.kind == "per-transaction":
        return gauge.blank.model_copy(update=_said(limit.measure, 0, asked, 0, asked > gauge.cap))
    counted_from = gauge.window.begins(now)
    used = ledger.used(gauge.key, counted_from) + adjustment.moved.get(gauge.key, 0)
    asked = adjustment.kept.get(gauge.key, asked)
    over = used + asked - gauge.cap
    exceeded = over > 0 and asked > 0
    said = _said(limit.measure, used, asked, counted_from, exceeded)
    if exceeded and (account := ledger.accounts.get(gauge.key)) is not None:
        said["frees_at"] = frees_at(account, gauge.window, now, over)
    return gauge.blank.model_copy(update=said)


def _said(measure: LimitMeasure, used: Units, asked: Units, counted_from: Instant, exceeded: bool) -> dict[str, object]:
    said: dict[str, object] = {"exceeded": exceeded, "counted_from": counted_from}
    if measure == "usd":
        said["used_usd"], said["requested_usd"] = dollars(used), dollars(asked)
    else:
        said["used_count"], said["requested_count"] = used, asked
    return said


@lru_cache(maxsize=GAUGES_REMEMBERED_MAX)
def _gauge(  # noqa: PLR0913, PLR0917 - all that a limit and its subject say, as the key of the memory
    limit_id: str,
    scope_key: str,
    kind: LimitKind,
    window_seconds: int,
    measure: LimitMeasure,
    zone: Zone,
    cap_usd: Usd,
    cap_count: int,
) -> _Gauge:
    has_calendar = kind in ("calendar-day", "calendar-month")
    blank = LimitFact(
        limit_id=limit_id,
        scope_key=scope_key,
        kind=kind,
        window_seconds=window_seconds,
        cap_usd=cap_usd if measure == "usd" else Decimal(0),
        used_usd=Decimal(0),
        requested_usd=Decimal(0),
        exceeded=False,
        measure=measure,
        cap_count=cap_count if measure == "count" else 0,
        zone=zone if has_calendar else "",
    )
    held = ReservedAmount(limit_id=limit_id, scope_key=scope_key, amount_usd=Decimal(0))
    cap = micros(cap_usd) if measure == "usd" else cap_count
    return _Gauge(account_key(limit_id, scope_key, measure), Window(kind, window_seconds, zone), cap, blank, held)


def _held(fact: LimitFact) -> ReservedAmount:
    return ReservedAmount(
        limit_id=fact.limit_id, scope_key=fact.scope_key, amount_usd=fact.requested_usd, count=fact.requested_count
    )


def _is_breach(fact: LimitFact) -> bool:
    return fact.exceeded and fact.kind != "per-transaction"


def _refusal(fact: LimitFact) -> Refusal:
    return LimitExceeded(
        limit_id=fact.limit_id,
        scope_key=fact.scope_key,
        requested=fact.requested_usd,
        cap=fact.cap_usd,
        headroom=max(fact.cap_usd - fact.used_usd, Decimal(0)),
        window_seconds=fact.window_seconds,
    ).record()
