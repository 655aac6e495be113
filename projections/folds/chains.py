"""An order's links in the order of its chain, whatever order they arrived in (architecture, rule 6).

A link that comes before the one it follows waits. The row is the fold of the longest beginning of the chain in which each
link is the only one that claims its place and follows from the one before; beyond the first that does not, nothing is
believed and the order is marked. So the rows depend on which links there are, never on when they came.

Left out: who may write which link. Kafka's access lists see to that, and the signer judges each link's content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from projections.folds.ledger import Hold, HoldKey, holds_of
from projections.folds.orders import OrderRow, advance, beginning, broken
from schemas.events.base import OrderEvent
from schemas.hash_chain import Link

_FORK: Final = "more than one link claims this place"


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One link as it stands on the log: what it says and the hash of its bytes."""

    event: OrderEvent
    digest: str


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch of links made of one order. No row: its first link is not there yet."""

    row: OrderRow | None
    holds: dict[HoldKey, Hold] = field(default_factory=dict)
    """Those that changed; all of them after a refold."""


def extend(row: OrderRow | None, links: Iterable[ChainLink]) -> Folded | None:
    """`row` and whatever of `links` follows it now: new links and those that wait, in any order.

    None when the chain does not hold: two links claim one place or one does not follow. Then all of the order's links
    must be folded afresh (`refold`), since what is to be believed may end before where `row` is already.
    """
    if row is not None and row.chain_broken is not None:
        return None
    following: list[tuple[OrderEvent, str]] = []
    holds: dict[HoldKey, Hold] = {}
    tail = Link() if row is None else Link(row.tail_sequence, row.tail_digest)
    claimed = 0
    for link in sorted(links, key=_place):
        event = link.event
        if event.sequence <= tail.sequence or event.sequence == claimed:
            return None
        claimed = event.sequence
        if event.sequence > tail.sequence + 1:
            continue
        if event.previous_hash != tail.digest:
            return None
        tail = Link(event.sequence, link.digest)
        following.append((event, link.digest))
        holds |= {hold.key: hold for hold in holds_of(event)}
    if not following:
        return Folded(row)
    return Folded(advance(row or beginning(following[0][0]), following), holds)


def refold(links: Sequence[ChainLink]) -> Folded:
    """An order from all of its links that are there, of which two contradict each other."""
    claims: dict[int, list[ChainLink]] = {}
    for link in links:
        claims.setdefault(link.event.sequence, []).append(link)
    believed: list[ChainLink] = []
    tail, why = Link(), None
    while why is None and (claimants := claims.pop(tail.sequence + 1, None)) is not None:
        why = _fault(tail, claimants)
        if why is None:
            believed.append(claimants[0])
            tail = Link(tail.sequence + 1, claimants[0].digest)
    if why is None:  # the contradiction lies beyond a link that is not there yet
        why = f"{min(sequence for sequence, claimants in claims.items() if len(claimants) > 1)}: {_FORK}"
    row = advance(beginning(min(links, key=_place).event), [(link.event, link.digest) for link in believed])
    return Folded(broken(row, why), {hold.key: hold for link in believed for hold in holds_of(link.event)})


def _fault(tail: Link, claimants: list[ChainLink]) -> str | None:
    """Why the next link cannot be believed; None when it can."""
    event = claimants[0].event
    if len(claimants) > 1:
        return f"{event.sequence}: {_FORK}"
    if event.previous_hash != tail.digest:
        return f"{event.sequence}: says that it follows {event.previous_hash}, but the link before it has hash {tail.digest}"
    return None


def _place(link: ChainLink) -> tuple[int, str]:
    return link.event.sequence, link.digest
