"""The latest price of each asset, as a fact with its place on the log (architecture, rule 5). Pure.

Decides that governance's peg goes before any observation, that the newest record of an asset counts, and that a price of
zero is none. Leaves out whether several sources agree: there is one source an asset for now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed
from schemas.events.observations import PriceObserved
from schemas.values import MICROS_PER_SECOND, AssetId, Instant

PEG: Final = "peg"
PEG_OFFSET: Final = -1
SKEW_SECONDS_MAX: Final = 30
"""The furthest that the price feed's clock may be ahead of ours."""


class Prices:
    """Folds `price-observed` into the latest price of each asset."""

    def __init__(self) -> None:
        self._latest: Mapping[AssetId, PriceFact] = {}

    @property
    def latest(self) -> Mapping[AssetId, PriceFact]:
        """Return all observed prices as they are now, by value: later observations do not change the result."""
        return self._latest

    def accept(self, observed: PriceObserved, log_offset: int) -> None:
        """Take in one observation, also a repeated one; one that is older than the latest changes nothing."""
        known = self._latest.get(observed.asset_id)
        if observed.usd == 0 or (known is not None and known.log_offset >= log_offset):
            return
        fact = PriceFact(
            asset_id=observed.asset_id,
            usd=observed.usd,
            source=observed.source,
            observed_at=observed.observed_at,
            log_offset=log_offset,
        )
        self._latest = {**self._latest, observed.asset_id: fact}

    def fact(self, asset: AssetListed) -> PriceFact | None:
        """Return the price of an asset in US dollars per whole unit; None if it has none."""
        return price_in(self._latest, asset)


def price_in(latest: Mapping[AssetId, PriceFact], asset: AssetListed) -> PriceFact | None:
    """Return the price of an asset: the peg, if governance has fixed one, else its observation in `latest`."""
    if asset.peg_usd:
        return PriceFact(
            asset_id=asset.asset_id,
            usd=asset.peg_usd,
            source=PEG,
            observed_at=asset.decided_at,
            log_offset=PEG_OFFSET,
        )
    return latest.get(asset.asset_id)


def is_stale(price: PriceFact, now: Instant, age_seconds_max: int) -> bool:
    """Return True if an observation is older than allowed, or from the future; a peg holds until governance changes it."""
    if price.log_offset == PEG_OFFSET:
        return False
    return not -SKEW_SECONDS_MAX * MICROS_PER_SECOND <= now - price.observed_at <= age_seconds_max * MICROS_PER_SECOND
