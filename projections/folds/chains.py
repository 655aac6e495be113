"""An order's links in the order of its chain, whatever order they arrived in (architecture, rule 6).

A link that comes before the one it follows waits. The row is the fold of the longest beginning of the chain in which each
link is the only one that claims its place and follows from the one before; beyond the first that does not, nothing is
believed and the order is marked. So the rows depend on which links there are, never on when they came.

Left out: who may write which link. Kafka's access lists see to that, and the signer judges each link's content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from projections.folds.ledger import Hold, HoldKey, holds_of
from projections.folds.orders import OrderRow, advance, beginning, broken
from schemas.events.base import OrderEvent
from schemas.hash_chain import Link


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
    holds: dict[HoldKey, Hold] = {}
    reached = 0 if row is None else row.tail_sequence
    claimed = 0
    for link in sorted(links, key=_place):
        event = link.event
        if event.sequence <= reached or event.sequence == claimed:
            return None
        claimed = event.sequence
        if event.sequence > reached + 1:
            continue
        before = beginning(event) if row is None else row
        if event.previous_hash != before.tail_digest:
            return None
        row = advance(before, event, Link(event.sequence, link.digest))
        reached = event.sequence
        holds |= {hold.key: hold for hold in holds_of(event)}
    return Folded(row, holds)


def refold(links: Sequence[ChainLink]) -> Folded:
    """An order from all of its links that are there, of which two contradict each other."""
    claims: dict[int, list[ChainLink]] = {}
    for link in links:
        claims.setdefault(link.event.sequence, []).append(link)
    first = min(links, key=_place).event
    row, holds = beginning(first), dict[HoldKey, Hold]()
    while (claimants := claims.pop(row.tail_sequence + 1, None)) is not None:
        why = _fault(row, claimants)
        if why is not None:
            return Folded(broken(row, why), holds)
        event = claimants[0].event
        row = advance(row, event, Link(event.sequence, claimants[0].digest))
        holds |= {hold.key: hold for hold in holds_of(event)}
    if forked := [sequence for sequence, claimants in claims.items() if len(claimants) > 1]:
        return Folded(broken(row, f"{min(forked)}: more than one link claims this place"), holds)
    return Folded(row if row.tail_sequence else None, holds)


def _fault(row: OrderRow, claimants: list[ChainLink]) -> str | None:
    """Why the next link cannot be believed; None when it can."""
    event = claimants[0].event
    if len(claimants) > 1:
        return f"{event.sequence}: more than one link claims this place"
    if event.previous_hash != row.tail_digest:
        return (
            f"{event.sequence}: says that it follows {event.previous_hash}, but the link before it has hash {row.tail_digest}"
        )
    return None


def _place(link: ChainLink) -> tuple[int, str]:
    return link.event.sequence, link.digest
