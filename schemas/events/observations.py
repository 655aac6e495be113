"""Defines observations of the outside. Plain idempotent records, no transaction: facts quote them by value and offset."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.values import AssetId, Hash32, Instant, Record, Usd


class PriceObserved(Record):
    """The price of an asset at one source."""

    asset_id: AssetId
    usd: Usd
    """Per whole unit."""
    source: Annotated[str, Field(max_length=100)]
    observed_at: Instant
    block_number: Annotated[int, Field(ge=0)]
    block_hash: Hash32
