"""Observing prices at independent venues, at every new block and at least every second.

All prices of one round are of one block. An unchanged chain is still an observation: its age tells readers that the chain was
read. A venue or node that gives no price is skipped and named in the log; readers notice by the age of the last price. Plain
records, no transaction: facts quote them by value and offset. Leaves out comparing venues; a price is that of one venue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from infra.chain.node import Node
from infra.chain.prices import ReferenceVenue, VenueEmpty, reference_price
from infra.chain.rpc import NodeError
from infra.ethereum.answers import AnswerUnreadable, BlockHeader
from schemas.events.observations import PriceObserved
from schemas.values import MICROS_PER_MS, AssetId, Instant
from streams.engine.backoff import Backoff, Intervals

SILENCE_MS_MAX: Final = 1_000
"""The longest between two observations while the chain stands still."""
AWAY: Final = Intervals(first_ms=200, longest_ms=2_000)
"""Between two questions to a node that gave no answer."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PriceSource:
    """The venue at which an asset's price is read."""

    asset_id: AssetId
    venue: ReferenceVenue

    @property
    def name(self) -> str:
        """Return the source's name in facts."""
        return f"uniswap-v2:{self.venue.pair}"


class PricePublisher:
    """Observes and publishes. `publish` hands a record over for delivery."""

    def __init__(self, node: Node, sources: Sequence[PriceSource], publish: Callable[[PriceObserved], None]) -> None:
        self._node = node
        self._sources = sources
        self._publish = publish
        self._patience = Backoff()
        self._seen: str | None = None
        self._observed_at: Instant = 0

    def step(self, now: Instant) -> int:
        """Observe prices at a new head, or if none was published for a while; return the number published."""
        if not self._patience.due(self._node.name, now):
            return 0
        try:
            head = self._node.head()
        except (NodeError, AnswerUnreadable) as fault:
            self._patience.asked(self._node.name, now, AWAY)
            log.warning("no prices: the node is away", reason=str(fault))
            return 0
        self._patience.settled(self._node.name)
        if head.hash == self._seen and now - self._observed_at < SILENCE_MS_MAX * MICROS_PER_MS:
            return 0
        self._seen, self._observed_at = head.hash, now
        return sum(self._observe(source, head, now) for source in self._sources)

    def _observe(self, source: PriceSource, head: BlockHeader, now: Instant) -> bool:
        try:
            price = reference_price(self._node, source.venue, head)
        except (NodeError, AnswerUnreadable, VenueEmpty) as fault:
            log.warning("no price", asset_id=source.asset_id, source=source.name, reason=str(fault))
            return False
        self._publish(
            PriceObserved(
                asset_id=source.asset_id,
                usd=price.usd,
                source=source.name,
                observed_at=now,
                block_number=price.block_number,
                block_hash=price.block_hash,
            )
        )
        return True
