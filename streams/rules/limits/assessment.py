"""Assesses an order against its limits: states the facts, the amounts to reserve, and the limits that refuse it.

A limit with a window is hard: no reservation goes over it, and no approval lifts it. A limit per transaction is a fact that
policy judges. An order that requests nothing of a limit never exceeds it, however much of it is used.
Source: architecture, rules 4, 5 and 7. Leaves out the order's worth, and policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from schemas.events.base import Refusal
from schemas.events.facts import LimitFact
from schemas.firm import BreakerScope, BreakerState, LimitKind, LimitMeasure, Subject, Zone
from schemas.orders import ReservedAmount
from schemas.values import MICROS_PER_SECOND, Instant, Record, Usd
from streams.rules.limits.forecast import frees_at
from streams.rules.limits.ledger import UNADJUSTED, AccountKey, Adjustment, Ledger, Units, account_key, dollars, micros
from streams.rules.limits.scopes import SCOPES
from streams.rules.limits.subjects import Applied
from streams.rules.limits.windows import CALENDAR, Window
from streams.rules.refusals.orders import LimitExceeded

GAUGES_REMEMBERED_MAX: Final = 8_192

R = TypeVar("R", bound=Record)


class Breach(NamedTuple):
    """A limit that refuses an order, and the breaker that the limit's setting trips for it."""

    fact: LimitFact
    scope: BreakerScope
    subject: Subject
    state: BreakerState


class _Gauge(NamedTuple):
    """The parts of a limit's fact that are the same for every order."""

    key: AccountKey
    window: Window
    cap: Units
    unused: LimitFact
    """The fact with nothing used and nothing requested."""


def limit_facts(
    ledger: Ledger, limits: Sequence[Applied], amount_usd: Decimal, now: Instant, adjustment: Adjustment = UNADJUSTED
) -> list[LimitFact]:
    """Return each limit as it stands before an order of `amount_usd`, and whether the order would exceed it."""
    worth = micros(amount_usd)
    return [_fact(ledger, each, worth, now, adjustment) for each in limits]


def reservation(facts: Iterable[LimitFact]) -> list[ReservedAmount]:
    """Return the amounts that an order with these facts reserves: its request of each limit with a window."""
    return [
        _with(_nothing_of(fact.limit_id, fact.scope_key), {"amount_usd": fact.requested_usd, "count": fact.requested_count})
        for fact in facts
        if fact.kind != "per-transaction" and (fact.requested_usd or fact.requested_count)
    ]


def refusals(facts: Iterable[LimitFact]) -> list[Refusal]:
    """Return a refusal for every limit with a window that the order would exceed."""
    return [_refusal(fact) for fact in facts if _is_over(fact)]


def breaches(limits: Sequence[Applied], facts: Sequence[LimitFact]) -> list[Breach]:
    """Return the limits that refuse an order and trip a breaker; `facts` are those of `limits`, in their order."""
    return [
        Breach(fact, breaker, each.subject, limit.trips)
        for each, fact in zip(limits, facts, strict=True)
        if (limit := each.limit).trips and (breaker := SCOPES[limit.scope].breaker) and _is_over(fact)
    ]


def _fact(ledger: Ledger, each: Applied, worth: Units, now: Instant, adjustment: Adjustment) -> LimitFact:
    limit = each.limit
    gauge = _gauge(
        limit.limit_id,
        each.scope_key,
        limit.kind,
        limit.window_seconds,
        limit.measure,
        limit.zone,
        each.cap_usd,
        each.cap_count,
    )
    if limit.kind == "per-transaction":
        return _with(gauge.unused, {"requested_usd": dollars(worth), "exceeded": worth > gauge.cap})
    counted_from = gauge.window.begins(now)
    used = ledger.used(gauge.key, counted_from) + adjustment.moved.get(gauge.key, 0)
    asked = adjustment.kept.get(gauge.key, worth if limit.measure == "usd" else 1)
    over = used + asked - gauge.cap if asked else 0
    said: dict[str, object] = {"exceeded": over > 0, "counted_from": counted_from}
    if limit.measure == "usd":
        said["used_usd"], said["requested_usd"] = dollars(used), dollars(asked)
    else:
        said["used_count"], said["requested_count"] = used, asked
    if over > 0 and (account := ledger.accounts.get(gauge.key)) is not None:
        said["frees_at"] = frees_at(account, gauge.window, now, over)
    return _with(gauge.unused, said)


@lru_cache(maxsize=GAUGES_REMEMBERED_MAX)
def _gauge(  # noqa: PLR0913, PLR0917 - all that is the same, as the key of the memory
    limit_id: str,
    scope_key: str,
    kind: LimitKind,
    window_seconds: int,
    measure: LimitMeasure,
    zone: Zone,
    cap_usd: Usd,
    cap_count: int,
) -> _Gauge:
    counts, nothing = measure == "count", Decimal(0)
    unused = LimitFact(
        limit_id=limit_id,
        scope_key=scope_key,
        kind=kind,
        window_seconds=window_seconds,
        cap_usd=nothing if counts else cap_usd,
        used_usd=nothing,
        requested_usd=nothing,
        exceeded=False,
        measure=measure,
        cap_count=cap_count if counts else 0,
        used_count=0,
        requested_count=0,
        counted_from=0,
        frees_at=0,
        zone=zone if kind in CALENDAR else "",
    )
    cap = cap_count if counts else micros(cap_usd)
    return _Gauge(account_key(limit_id, scope_key, measure), Window(kind, window_seconds, zone), cap, unused)


@lru_cache(maxsize=GAUGES_REMEMBERED_MAX)
def _nothing_of(limit_id: str, scope_key: str) -> ReservedAmount:
    return ReservedAmount(limit_id=limit_id, scope_key=scope_key, amount_usd=Decimal(0), count=0)


def _with(record: R, values: dict[str, object]) -> R:
    """Return `record.model_copy(update=values)` in half the time, if all fields are set: an order has twelve such records."""
    copy = record.__class__.__new__(record.__class__)
    object.__setattr__(copy, "__dict__", record.__dict__ | values)
    object.__setattr__(copy, "__pydantic_fields_set__", record.__pydantic_fields_set__)
    object.__setattr__(copy, "__pydantic_extra__", None)
    object.__setattr__(copy, "__pydantic_private__", None)
    return copy


def _is_over(fact: LimitFact) -> bool:
    return fact.exceeded and fact.kind != "per-transaction"


def _refusal(fact: LimitFact) -> Refusal:
    if fact.measure == "usd":
        headroom = max(fact.cap_usd - fact.used_usd, Decimal(0))
        requested, cap, left = f"{fact.requested_usd} USD", f"{fact.cap_usd} USD", f"{headroom} USD"
    else:
        headroom = Decimal(max(fact.cap_count - fact.used_count, 0))
        requested, cap, left = f"{fact.requested_count} more order", f"{fact.cap_count}", f"{headroom}"
    smaller = f"ask for at most {left}, or " if headroom and fact.measure == "usd" else ""
    return LimitExceeded(
        limit_id=fact.limit_id,
        scope_key=fact.scope_key,
        requested=requested,
        cap=cap,
        headroom=left,
        way_out=f"{smaller}wait until {_free_again(fact.frees_at)}",
    ).record()


def _free_again(frees_at: Instant) -> str:
    if frees_at == 0:
        return "orders that hold it have closed"
    moment = datetime.fromtimestamp(frees_at // MICROS_PER_SECOND, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, when enough of it has left the window"
