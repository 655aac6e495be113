"""An order's events as a hash chain (architecture, rule 6): each names the SHA-256 of the one before.

The hash is over a record's whole value as it stands on its topic, so that any Kafka tool can compute it.
Left out: who may write which link (`schemas.topics`) and whether a link's content is right (streams/signing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events.base import GENESIS_HASH, OrderEvent


class ChainBroken(Exception):
    """An order's events do not follow from one another."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link's place: its number (0: before the first) and the hash of its bytes."""

    sequence: int = 0
    digest: str = GENESIS_HASH


def digest_of(value: bytes) -> str:
    """SHA-256 of a record's value, lowercase hex."""
    return hashlib.sha256(value).hexdigest()


def follow(tail: Link, event: OrderEvent, value: bytes) -> Link:
    """The new tail after `event`, whose bytes are `value`.

    Raises:
        ChainBroken: the event is not the one that follows `tail`.
    """
    if event.sequence != tail.sequence + 1 or event.previous_hash != tail.digest:
        message = (
            f"order {event.order_id}: event {event.sequence} after {event.previous_hash[:12]}… does not follow "
            f"event {tail.sequence} with hash {tail.digest[:12]}…"
        )
        raise ChainBroken(message)
    return Link(event.sequence, digest_of(value))


def verify(links: Iterable[tuple[OrderEvent, bytes]]) -> Link:
    """The tail of a whole chain in order of sequence.

    Raises:
        ChainBroken: a link is missing, twice, changed or out of place.
    """
    tail = Link()
    for event, value in links:
        tail = follow(tail, event, value)
    return tail
