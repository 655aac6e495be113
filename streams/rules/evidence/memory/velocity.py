"""Caps a wallet's outflow in a day with this installation's own pinned caps, whatever governance says. Pure.

The caps stand in a file of the signer's own machine, so that no event, no quorum and no stolen credential can raise them.
Each signed amount counts in US dollars at the price that the order was approved at, by the minute, over a rolling day; a
minute counts until all of it is a day old. Source: the signer's own last line, beside limits that a firm may change.
Leaves out limits of policy (`streams.rules.limits`).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Final

from pydantic import Field

from schemas.values import USD_MAX, Instant, Record, Usd, WalletId, six_decimals

MICROS_PER_MINUTE: Final = 60_000_000
WINDOW_MINUTES: Final = 24 * 60
NOTHING: Final = Decimal(0)


class VelocityCaps(Record):
    """US dollars that may leave a wallet in 24 hours."""

    default_usd: Usd = USD_MAX
    """Cap of wallets that are not named."""
    wallets: dict[WalletId, Usd] = Field(default_factory=dict)

    def of(self, wallet_id: WalletId) -> Usd:
        """Return the cap of a wallet."""
        return self.wallets.get(wallet_id, self.default_usd)


class Velocity:
    """Each wallet's known outflow within a day."""

    def __init__(self) -> None:
        self.by_minute: defaultdict[WalletId, dict[int, Decimal]] = defaultdict(dict)

    def add(self, wallet_id: WalletId, at: Instant, usd: Decimal) -> None:
        """Count a signed amount; a negative amount takes back one counted at the same time."""
        minutes, minute = self.by_minute[wallet_id], at // MICROS_PER_MINUTE
        minutes[minute] = minutes.get(minute, NOTHING) + usd

    def used(self, wallet_id: WalletId, now: Instant) -> Decimal:
        """Return the wallet's outflow in the 24 hours before `now`, the signer's own time; amounts dated later count, too.

        Older amounts are forgotten here only: the time that an event claims must not make a wallet look unused.
        """
        minutes, oldest = self.by_minute[wallet_id], now // MICROS_PER_MINUTE - WINDOW_MINUTES
        for minute in [each for each in minutes if each < oldest]:
            del minutes[minute]
        return sum(minutes.values(), NOTHING)

    def refusal(self, wallet_id: WalletId, usd: Decimal, cap: Decimal, now: Instant) -> str | None:
        """Return the reason that `usd` more must not leave the wallet; None if it may."""
        used = self.used(wallet_id, now)
        if used + usd <= cap:
            return None
        return (
            f"{six_decimals(used)} USD left wallet {wallet_id} in 24 hours; {six_decimals(usd)} more would exceed "
            f"this signer's own cap of {six_decimals(cap)}"
        )
