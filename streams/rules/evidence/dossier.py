"""Collects every event of one order in sequence, verified as a chain, and counts limit use beside it.

The enclave reads the desks' topics whole, from the first record, and folds each partition in the order in which the desk wrote
it (`position`, gapless over all its topics), each event after the links before it. So it knows the use of every limit at each
decision by its own count. A partition whose log contradicts itself is not believed at all: two events at one position, time
that runs backwards, a reservation released while its transaction may still reach the chain.
Source: architecture, rules 4, 6, 7 and 10. Leaves out the verdict (`evidence`).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar, assert_never

from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import (
    ApprovalWithdrawn,
    CancellationRequested,
    OrderClosed,
    OrderInitiated,
    PolicyEvaluated,
    Simulated,
)
from schemas.events.limits import LedgerEvent, LimitPosted, LimitReleased, LimitReserved
from schemas.hash_chain import ChainBroken, Link
from schemas.partitioning import desk_partition
from schemas.topics import ORDER_TOPICS, written_by
from schemas.values import MICROS_PER_SECOND, DeskId, Instant, OrderId, Sha256
from streams.rules.access.freshness import COMMAND_AGE_SECONDS_MAX, COMMAND_SKEW_SECONDS_MAX
from streams.rules.decider import Received
from streams.rules.limits.ledger import AccountKey, Ledger, LedgerBroken, Units
from streams.rules.orders import lifecycle

EVIDENCE_TOPICS: Final = tuple(dict.fromkeys([*(topic.name for topic in written_by("desk")), *ORDER_TOPICS]))
"""The topics that the enclave follows: all of the desk's, for its positions, and every other link of an order."""
HELD_EVENTS_MAX: Final = 500_000
"""Desk events of one partition that wait for others. More means that a topic is missing or that the log is not ours."""
SPLITS_REMEMBERED_MAX: Final = 1_000
"""Splits remembered per partition. The parts follow their split at once, so one would do."""
ENDED_REMEMBERED_MICROS: Final = (COMMAND_AGE_SECONDS_MAX + COMMAND_SKEW_SECONDS_MAX) * MICROS_PER_SECOND
"""Ids of ended orders are kept until the command that began them is too old to begin them again."""

_ENDS: Final = lifecycle.ends()
_BEFORE_POSTING: Final = lifecycle.before("limit-posted")
_OF_THE_DESK: Final = frozenset(topic.record for topic in written_by("desk"))

E = TypeVar("E", bound=OrderEvent)


class EvidenceBroken(Exception):
    """The desk's log contradicts itself: nothing on that partition can be derived from it."""


@dataclass(frozen=True, slots=True)
class Split:
    """An order that was replaced by parts, and the desk's event that names them."""

    initiated: OrderInitiated
    closed: OrderClosed


@dataclass(frozen=True, slots=True)
class Dossier:
    """An order's whole chain, verified, from its first link to the simulation that is to be answered."""

    links: tuple[OrderEvent, ...]
    used: Mapping[AccountKey, Units]
    """Use of its rolling limits before its last evaluation, by the enclave's own count."""
    ledger: Ledger
    """Present use of all limits of the desk, by the enclave's own count; do not change it."""
    position: int
    """Position of the last folded desk event."""
    splits: tuple[Split, ...] = ()
    """The split that made this order, then the split that made its parent, and so on; empty for a whole order."""
    withdrawn: tuple[ApprovalWithdrawn, ...] = ()
    """Approvals that were withdrawn so far."""
    cancelled: CancellationRequested | None = None

    def all(self, kind: type[E]) -> tuple[E, ...]:
        """Return every link of a kind, in order."""
        return tuple(event for event in self.links if isinstance(event, kind))


@dataclass(slots=True)
class _Chain:
    """An order's links by sequence, each with its hash."""

    links: dict[int, tuple[OrderEvent, str]] = field(default_factory=dict)
    used: dict[AccountKey, Units] = field(default_factory=dict)
    splits: tuple[Split, ...] = ()
    withdrawn: list[ApprovalWithdrawn] = field(default_factory=list)
    cancelled: CancellationRequested | None = None
    contested: str = ""
    """The reason to believe none of its links; empty if there is none."""

    def has(self, *kinds: type[OrderEvent]) -> bool:
        return any(isinstance(event, kinds) for event, _ in self.links.values())

    def is_out(self) -> bool:
        """Return True if its transaction passed simulation, so may be signed, and has not failed for certain."""
        payloads = {lifecycle.step_of(event).payload for event, _ in self.links.values()}
        return "out" in payloads and "back" not in payloads


@dataclass(slots=True)
class _Writer:
    """The desk on one partition: its folded position, its waiting events, each desk's ledger so far."""

    position: int = 0
    clock: Instant = 0
    digest: bytes = b""
    """SHA-256 over the digest before and the last event's: a hash of all folded events in order."""
    watched: int = 0
    """A position remembered from an earlier reading, and `digest` at it."""
    watched_digest: str = ""
    waiting: dict[int, tuple[Event, Sha256]] = field(default_factory=dict)
    chains: dict[OrderId, _Chain] = field(default_factory=dict)
    """Open orders. Each partition has its own: an event on another partition neither ends nor changes an order here."""
    ledgers: defaultdict[DeskId, Ledger] = field(default_factory=lambda: defaultdict(Ledger))
    splits: OrderedDict[OrderId, tuple[Split, ...]] = field(default_factory=OrderedDict)
    ended: OrderedDict[OrderId, Instant] = field(default_factory=OrderedDict)
    broken: str = ""
    """The contradiction in its log; empty if there is none."""


class EvidenceFold:
    """Collects evidence, in any order between topics. Ended orders are forgotten."""

    def __init__(self, watched: Mapping[int, int] = MappingProxyType({})) -> None:
        """`watched`: for each partition, a position whose `digest` will be needed later."""
        self._writers: defaultdict[int, _Writer] = defaultdict(_Writer)
        self._read: dict[tuple[str, int], int] = {}
        for partition, position in watched.items():
            self._writers[partition].watched = position

    def accept(self, received: Received) -> None:
        """Take in the next record of one of `EVIDENCE_TOPICS`; a repeated record changes nothing."""
        event, writer, place = received.record, self._writers[received.partition], (received.topic, received.partition)
        if received.offset <= self._read.get(place, -1):
            return
        self._read[place] = received.offset
        of_the_desk = type(event) in _OF_THE_DESK
        if isinstance(event, OrderEvent):
            if is_misplaced(received, event):
                if of_the_desk:
                    writer.broken = f"order {event.order_id} stands on a partition of other desks"
                return
            self._link(writer, event, received.digest)
        if of_the_desk and isinstance(event, Event):
            _queue(writer, event, received.digest)
        self._advance(writer)

    def position(self, partition: int) -> int:
        """Return the position of the partition's last folded desk event."""
        return self._writers[partition].position

    def digest(self, partition: int, position: int) -> str | None:
        """Return the digest of the partition's desk events up to a position; None if it is neither watched nor the last."""
        writer = self._writers[partition]
        if position == writer.position:
            return writer.digest.hex()
        return writer.watched_digest if position == writer.watched else None

    def has_ended(self, received: Received, simulated: Simulated) -> bool:
        """Return True if the order has ended, remembered or not, so that it needs no answer."""
        if simulated.order_id in self._writers[received.partition].ended:
            return True
        chain = self._writers[received.partition].chains.get(simulated.order_id)
        is_read = received.offset <= self._read.get((received.topic, received.partition), -1)
        return is_read and (chain is None or simulated.sequence not in chain.links)

    def dossier(self, received: Received, simulated: Simulated) -> Dossier | None:
        """Return the order's chain up to `simulated`, which stands as `received`; None while some of its links are missing.

        Raises:
            ChainBroken: the links do not follow from one another.
            EvidenceBroken: the partition's log contradicts itself.
        """
        writer = self._writers[received.partition]
        self._link(writer, simulated, received.digest)
        chain = writer.chains[simulated.order_id]
        if writer.broken:
            raise EvidenceBroken(writer.broken)
        if chain.contested or simulated.sequence < 1:
            raise ChainBroken(chain.contested or f"order {simulated.order_id}: a link without a number")
        if not _reaches(chain, simulated.sequence):
            return None
        links = [chain.links[sequence] for sequence in range(1, simulated.sequence + 1)]
        tail = Link()
        for event, digest in links:
            if event.previous_hash != tail.digest:
                raise ChainBroken(f"order {event.order_id}: link {event.sequence} does not follow link {tail.sequence}")
            tail = Link(event.sequence, digest)
        if any(type(event) in _OF_THE_DESK and event.position > writer.position for event, _ in links):
            return None
        return Dossier(
            links=tuple(event for event, _ in links),
            used=chain.used,
            ledger=writer.ledgers[simulated.desk_id],
            position=writer.position,
            splits=chain.splits,
            withdrawn=tuple(chain.withdrawn),
            cancelled=chain.cancelled,
        )

    def _link(self, writer: _Writer, event: OrderEvent, digest: str) -> None:
        if event.order_id in writer.ended:
            return
        chain = writer.chains.setdefault(event.order_id, _Chain())
        known, known_digest = chain.links.setdefault(event.sequence, (event, digest))
        if known_digest == digest:
            return
        chain.contested = f"order {event.order_id}: two different events claim to be link {event.sequence}"
        if type(event) in _OF_THE_DESK or type(known) in _OF_THE_DESK:
            writer.broken = writer.broken or chain.contested

    def _advance(self, writer: _Writer) -> None:
        """Fold events by position; an event waits for those before it, and for the links before it of its own order."""
        while not writer.broken and (queued := writer.waiting.get(writer.position + 1)) is not None:
            event, digest = queued
            chain = writer.chains.get(event.order_id) if isinstance(event, OrderEvent) else None
            if isinstance(event, OrderEvent) and chain is not None and not _reaches(chain, event.sequence):
                return
            del writer.waiting[event.position]
            _move(writer, event, digest)
            if event.decided_at < writer.clock:
                writer.broken = f"desk event {event.position} was decided before the one before it"
            writer.clock = event.decided_at
            if isinstance(event, OrderEvent):
                self._fold(writer, event, chain)
            elif isinstance(event, ApprovalWithdrawn | CancellationRequested):
                _set_beside(writer, event)

    def _fold(self, writer: _Writer, event: OrderEvent, chain: _Chain | None) -> None:
        if chain is None:
            writer.broken = f"order {event.order_id} goes on after its end"
            return
        try:
            _reckon(writer.ledgers[event.desk_id], event, chain)
        except (LedgerBroken, KeyError) as broken:
            writer.broken = f"desk event {event.position}: {broken}"
        match event:
            case OrderInitiated() if event.order.parent_order_id is not None:
                chain.splits = writer.splits.get(event.order.parent_order_id, ())
            case LimitReleased() | OrderClosed() if chain.is_out():
                writer.broken = f"order {event.order_id} was given up while its transaction may still reach the chain"
            case LimitPosted() if not chain.has(*_BEFORE_POSTING):
                writer.broken = f"order {event.order_id} was posted without having been confirmed"
            case _:
                pass
        if isinstance(event, _ENDS) and not writer.broken:
            del writer.chains[event.order_id]
            _remember_end(writer, event, chain)


def is_misplaced(received: Received, event: OrderEvent) -> bool:
    """Return True for an event outside its desk's partition: its limits and nonces would be counted from zero there."""
    return received.partition != desk_partition(event.desk_id.encode())


def _set_beside(writer: _Writer, event: ApprovalWithdrawn | CancellationRequested) -> None:
    """Keep a withdrawal or cancellation beside an order's chain; an ended order needs none."""
    chain = writer.chains.get(event.order_id)
    if chain is None:
        return
    if isinstance(event, ApprovalWithdrawn):
        chain.withdrawn.append(event)
    else:
        chain.cancelled = event


def _reaches(chain: _Chain, sequence: int) -> bool:
    """Return True if all links before `sequence` are there."""
    return all(number in chain.links for number in range(1, sequence))


def _queue(writer: _Writer, event: Event, digest: Sha256) -> None:
    if event.position <= writer.position or event.position in writer.waiting:
        writer.broken = writer.broken or f"two desk events claim position {event.position}"
    writer.waiting[event.position] = event, digest
    if len(writer.waiting) > HELD_EVENTS_MAX:
        writer.broken = f"desk event {writer.position + 1} is missing; {len(writer.waiting)} later ones are here"


def _move(writer: _Writer, event: Event, digest: Sha256) -> None:
    writer.position = event.position
    writer.digest = hashlib.sha256(writer.digest + bytes.fromhex(digest)).digest()
    if event.position == writer.watched:
        writer.watched_digest = writer.digest.hex()


def _reckon(ledger: Ledger, event: OrderEvent, chain: _Chain) -> None:
    """Apply `event` to the desk's ledger by the desk's own rules; at an evaluation, record the use of its limits."""
    if isinstance(event, PolicyEvaluated):
        ledger.evaluated(event.facts.limits, event.decided_at)
        chain.used = ledger.used_by_others(event.order_id, event.facts.limits)
    elif isinstance(event, LedgerEvent):
        _book(ledger, event)


def _book(ledger: Ledger, event: LedgerEvent) -> None:
    match event:
        case LimitReserved():
            ledger.reserve(event.order_id, event.reserved)
        case LimitReleased():
            ledger.release(event.order_id)
        case LimitPosted():
            ledger.post(event.order_id, event.decided_at)
        case _ as unknown:
            assert_never(unknown)


def _remember_end(writer: _Writer, event: OrderEvent, chain: _Chain) -> None:
    first = chain.links.get(1)
    if isinstance(event, OrderClosed) and event.child_order_ids and first is not None and isinstance(first[0], OrderInitiated):
        writer.splits[event.order_id] = (Split(first[0], event), *chain.splits)
    if len(writer.splits) > SPLITS_REMEMBERED_MAX:
        writer.splits.popitem(last=False)
    writer.ended[event.order_id] = event.decided_at
    while next(iter(writer.ended.values())) + ENDED_REMEMBERED_MICROS < writer.clock:
        writer.ended.popitem(last=False)
