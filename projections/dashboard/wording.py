"""How values read on a page: amounts with their unit, instants in UTC, hashes short with the whole in the title.

Returns text, never markup: the templates escape it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from projections.headroom import LimitUse
from schemas.values import Instant

NOTHING: Final = "\N{EN DASH}"
HASH_CHARACTERS: Final = 10
FULL: Final = Decimal(100)
NEARLY_FULL_PERCENT: Final = 80

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = {"day": 86_400, "hour": 3_600, "minute": 60}


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit's use, in percent of its cap."""

    limit: LimitUse
    posted: Decimal
    reserved: Decimal
    """Of what is left beside `posted`."""
    nearly_full: bool

    @classmethod
    def of(cls, limit: LimitUse) -> Bar:
        """The bar of a limit; full when it is overdrawn or its cap is nothing."""
        if limit.cap_usd == 0:
            return cls(limit, FULL, Decimal(0), nearly_full=True)
        posted = min(FULL, limit.posted_usd * 100 / limit.cap_usd).quantize(Decimal("0.1"))
        reserved = min(FULL - posted, limit.reserved_usd * 100 / limit.cap_usd).quantize(Decimal("0.1"))
        return cls(limit, posted, reserved, nearly_full=posted + reserved >= NEARLY_FULL_PERCENT)


def usd(amount: Decimal | None) -> str:
    """US dollars to the cent, thousands apart; a dash for none."""
    return NOTHING if amount is None else f"${amount:,.2f}"


def quantity(amount: str) -> str:
    """An amount of an asset exactly as it was asked for, thousands apart."""
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


def window(seconds: int) -> str:
    """A window's length in its largest whole unit; a limit per transaction has none."""
    if seconds == 0:
        return "per transaction"
    unit, length = next(((unit, length) for unit, length in _SECONDS.items() if seconds % length == 0), ("second", 1))
    count = seconds // length
    return f"rolling {count} {unit}{'s' if count > 1 else ''}"


def action(content: Mapping[str, Any] | None) -> str:
    """What an order asks for, in a line."""
    match content:
        case {"kind": "transfer", "amount": amount, "asset_id": asset, "destination": destination}:
            return f"Transfer {quantity(amount)} {asset} to {destination}"
        case {"kind": "swap", "amount": amount, "asset_id": asset, "buy_asset_id": buys, "venue": venue}:
            return f"Swap {quantity(amount)} {asset} for {buys} at {venue}"
        case {"kind": "approve_token", "amount": amount, "asset_id": asset, "spender": spender}:
            return f"Let {spender} draw {quantity(amount)} {asset}"
        case None:
            return NOTHING
        case _:
            return json.dumps(dict(content), ensure_ascii=False)


def as_json(content: Any) -> str:
    """JSON on several lines."""
    return json.dumps(content, ensure_ascii=False, indent=2)


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "usd": usd,
    "instant": instant,
    "short": short,
    "slippage": slippage,
    "window": window,
    "action": action,
    "as_json": as_json,
}
