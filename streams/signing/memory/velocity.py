"""How much may leave a wallet in a day, whatever governance says: caps that this installation has pinned. Pure.

The caps stand in a file of the signer's own machine, so that no event, no quorum and no stolen credential can raise them.
What was signed is counted in US dollars at the price that the order was approved at, by the minute, over a rolling day; a
minute counts until all of it is a day old. Source: the signer's own last line, beside limits that a firm may change.
Leaves out limits of policy (`streams.desk.limits`).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import Field

from infra.identity.private_file import read_private
from schemas.values import USD_MAX, Instant, Record, Usd, WalletId, six_decimals

MICROS_PER_MINUTE: Final = 60_000_000
WINDOW_MINUTES: Final = 24 * 60
NOTHING: Final = Decimal(0)


class VelocityCaps(Record):
    """US dollars that may leave a wallet in 24 hours."""

    default_usd: Usd = USD_MAX
    """Of wallets that are not named."""
    wallets: dict[WalletId, Usd] = Field(default_factory=dict)

    def of(self, wallet_id: WalletId) -> Usd:
        """The cap of a wallet."""
        return self.wallets.get(wallet_id, self.default_usd)


def pinned_caps(file: Path) -> VelocityCaps:
    """The caps of this installation: JSON such as `{"default_usd": "5000000", "wallets": {"treasury-1": "20000000"}}`.

    Raises:
        PrivateFileRefused: somebody else could have changed the file, or there is none.
        ValidationError: it does not hold caps.
    """
    return VelocityCaps.model_validate_json(read_private(file))


class Velocity:
    """What left each wallet within a day, as far as it was told."""

    def __init__(self) -> None:
        self.by_minute: defaultdict[WalletId, dict[int, Decimal]] = defaultdict(dict)

    def add(self, wallet_id: WalletId, at: Instant, usd: Decimal) -> None:
        """Count what was signed; a negative amount takes back what was counted at the same time."""
        minutes, minute = self.by_minute[wallet_id], at // MICROS_PER_MINUTE
        minutes[minute] = minutes.get(minute, NOTHING) + usd
        for old in [each for each in minutes if each < max(minutes) - WINDOW_MINUTES]:
            del minutes[old]

    def used(self, wallet_id: WalletId, now: Instant) -> Decimal:
        """What left the wallet in the 24 hours before `now`; what was signed by a clock ahead of it counts, too."""
        oldest = now // MICROS_PER_MINUTE - WINDOW_MINUTES
        return sum((usd for minute, usd in self.by_minute.get(wallet_id, {}).items() if minute >= oldest), NOTHING)

    def refusal(self, wallet_id: WalletId, usd: Decimal, cap: Decimal, now: Instant) -> str | None:
        """Why so much more must not leave the wallet; None when it may."""
        used = self.used(wallet_id, now)
        if used + usd <= cap:
            return None
        return (
            f"{six_decimals(used)} USD left wallet {wallet_id} in 24 hours; {six_decimals(usd)} more would exceed "
            f"this signer's own cap of {six_decimals(cap)}"
        )
