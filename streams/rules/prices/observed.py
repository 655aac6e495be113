"""Remembers the prices on `price-observed`, so that the enclave can find a price that others used. Pure.

Decides that an observation is known by its offset, and that a bounded number of the newest is remembered: an order that waited
for longer than that has to be placed again. Leaves out whether an observation is true: there is one source an asset.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.events.facts import PriceFact
from schemas.events.observations import PriceObserved

OBSERVATIONS_MAX: Final = 50_000
"""Observations kept: some hours of a handful of assets; about 50 MB."""


class Observations:
    """The newest observations, by their offset on the topic's one partition."""

    def __init__(self) -> None:
        self._by_offset: dict[int, PriceFact] = {}
        self.by_offset: Mapping[int, PriceFact] = MappingProxyType(self._by_offset)
        self.reached = -1
        """The last offset that was read."""

    def accept(self, observed: PriceObserved, log_offset: int) -> None:
        """Take in the next observation; a repeated one changes nothing."""
        if log_offset <= self.reached:
            return
        self.reached = log_offset
        self._by_offset[log_offset] = PriceFact(
            asset_id=observed.asset_id,
            usd=observed.usd,
            source=observed.source,
            observed_at=observed.observed_at,
            log_offset=log_offset,
        )
        if len(self._by_offset) > OBSERVATIONS_MAX:
            del self._by_offset[next(iter(self._by_offset))]
