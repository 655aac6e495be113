"""Formats values for pages: amounts with their unit, instants in UTC, hashes short with the whole in the title.

Returns text, never markup: the templates escape it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from projections.headroom import Freed, LimitUse
from projections.keys.shapes import Key
from projections.keys.telling import asked
from schemas.values import Instant, in_ether, in_gwei
from streams.rules.actions.table import ACTIONS

NOTHING: Final = "\N{EN DASH}"
HASH_CHARACTERS: Final = 10
FULL: Final = Decimal(100)
NEARLY_FULL_PERCENT: Final = 80
FULLEST_MAX: Final = 8

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = {"day": 86_400, "hour": 3_600, "minute": 60}


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit's use, in percent of its cap."""

    limit: LimitUse
    posted: Decimal
    reserved: Decimal
    """Percent of the cap, at most the rest beside `posted`."""

    @classmethod
    def of(cls, limit: LimitUse) -> Bar:
        """The bar of a limit; full when it is overdrawn or its cap is nothing."""
        cap, posted, reserved = (
            (Decimal(limit.cap_count), Decimal(limit.posted_count), Decimal(limit.reserved_count))
            if limit.measure == "count"
            else (limit.cap_usd, limit.posted_usd, limit.reserved_usd)
        )
        if cap == 0:
            return cls(limit, FULL, Decimal(0))
        posted_percent = min(FULL, posted * 100 / cap).quantize(Decimal("0.1"))
        return cls(limit, posted_percent, min(FULL - posted_percent, reserved * 100 / cap).quantize(Decimal("0.1")))

    @property
    def nearly_full(self) -> bool:
        """Return True if little of the limit is left."""
        return self.posted + self.reserved >= NEARLY_FULL_PERCENT

    @property
    def caption(self) -> str:
        """Return the use of the limit, in its unit."""
        limit = self.limit
        if limit.kind == "per-transaction":
            return usd(limit.cap_usd)
        if limit.measure == "count":
            used = f"{limit.posted_count} done, {limit.reserved_count} under way of {limit.cap_count} orders"
            return f"{used}, {limit.headroom_count} left"
        used = f"{usd(limit.posted_usd)} used, {usd(limit.reserved_usd)} reserved of {usd(limit.cap_usd)}"
        return f"{used}, {usd(limit.headroom_usd)} left"

    def freed(self, freed: Freed) -> str:
        """Return the amount that becomes free, in the limit's unit."""
        return f"{freed.count} orders" if self.limit.measure == "count" else usd(freed.amount_usd)


def fullest(limits: Iterable[LimitUse]) -> list[Bar]:
    """The bars of which least is left, fullest first; those per transaction have none."""
    bars = [Bar.of(each) for each in limits if each.kind != "per-transaction"]
    return sorted(bars, key=lambda bar: bar.posted + bar.reserved, reverse=True)[:FULLEST_MAX]


def usd(amount: Decimal | None) -> str:
    """US dollars to the cent, thousands apart; a dash for none."""
    return NOTHING if amount is None else f"${amount:,.2f}"


def quantity(amount: str) -> str:
    """Return an order's exact amount, with thousands separated."""
    return f"{Decimal(amount):,f}"


def instant(micros: Instant | None) -> str:
    """UTC to the millisecond; a dash for none."""
    if micros is None:
        return NOTHING
    return (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def short(digest: str | None) -> str:
    """The beginning of a hash or id; a dash for none."""
    if not digest:
        return NOTHING
    return digest if len(digest) <= HASH_CHARACTERS else digest[:HASH_CHARACTERS] + "…"


def slippage(ppm: int | None) -> str:
    """Parts per million as percent."""
    return NOTHING if ppm is None else f"{Decimal(ppm) / 10_000:.2f} %"


def gas(used: int, price: int | None) -> str:
    """Return a transaction's gas and cost; before inclusion, the gas of its simulation. `price` in wei."""
    if price is None:
        return f"{used:,} when simulated"
    return f"{used:,} at {in_gwei(price)} gwei: {in_ether(used * price)} ETH"


def window(limit: LimitUse) -> str:
    """Return the limit's window in the largest whole unit; a limit per transaction has none."""
    match limit.kind:
        case "per-transaction":
            return "per transaction"
        case "calendar-day" | "calendar-month":
            return f"each {limit.kind.removeprefix('calendar-')}, {limit.zone}"
    seconds = limit.window_seconds
    unit, length = next(((unit, length) for unit, length in _SECONDS.items() if seconds % length == 0), ("second", 1))
    count = seconds // length
    return f"rolling {count} {unit}{'s' if count > 1 else ''}"


def difference(line: str) -> str:
    """Return the kind of a line of `diff -u`."""
    if line.startswith(("+++", "---", "@@")):
        return "place"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")


def action(content: Mapping[str, Any] | None) -> str:
    """Describe an order's action in one line."""
    if content is None:
        return NOTHING
    kind = ACTIONS.get(content["kind"])
    if kind is None:
        return json.dumps(dict(content), ensure_ascii=False)
    return kind.sentence.format_map({**content, "amount": quantity(content["amount"])})


def kept(key: Key) -> str:
    """Describe a key's backend and the number of signers."""
    if key.backend is None:
        return NOTHING
    if not key.threshold:
        return key.backend
    among = f" of {len(key.cosigners)}" if key.cosigners else ""
    sites = f", from {key.sites_min} sites" if key.sites_min > 1 else ""
    epoch = f", epoch {key.epoch}" if key.epoch else ""
    return f"{key.backend} {key.threshold}{among}{sites}{epoch}"


def age(since: Instant, now: Instant | None = None) -> str:
    """Return the time since `since`, in the largest whole unit."""
    seconds = max(0, (time.time_ns() // 1_000 if now is None else now) - since) // 1_000_000
    unit, length = next(((unit, length) for unit, length in _SECONDS.items() if seconds >= length), ("second", 1))
    count = seconds // length
    return f"{count} {unit}{'' if count == 1 else 's'}"


def as_json(content: Any) -> str:
    """JSON on several lines."""
    return json.dumps(content, ensure_ascii=False, indent=2)


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "usd": usd,
    "instant": instant,
    "short": short,
    "slippage": slippage,
    "gas": gas,
    "window": window,
    "action": action,
    "difference": difference,
    "kept": kept,
    "age": age,
    "key_change": asked,
    "as_json": as_json,
}
