"""Everything the log says about one order, in order and verified as a chain; and the desks' limit ledgers beside it.

The enclave reads the desks' topics whole, from the first record, and folds each partition in the order in which the desk wrote
it (`position`, gapless over all its topics). So it knows what every limit held at each decision, by its own reckoning.
Source: architecture, rules 6, 7 and 10. Leaves out what any of it means (`evidence`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from schemas.events.base import Event, OrderEvent
from schemas.events.facts import Facts
from schemas.events.lifecycle import Approved, OrderClosed, OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.hash_chain import ChainBroken, Link, digest_of
from schemas.topics import ORDER_TOPICS, written_by
from schemas.values import DeskId, OrderId
from streams.desk.limits import Ledger, account_key, amounts, micros
from streams.engine.decider import Received

EVIDENCE_TOPICS: Final = tuple(dict.fromkeys([*(topic.name for topic in written_by("desk")), *ORDER_TOPICS]))
"""What the enclave follows: all that the desk writes, for its positions, and every other link of an order."""
HELD_EVENTS_MAX: Final = 100_000
"""Events of one partition behind a gap. More means that a topic is missing or that the log is not ours."""
ENDED_ORDERS_MAX: Final = 100_000
"""Ids of ended orders that are remembered for links that come late."""

_OF_THE_DESK: Final = frozenset(topic.name for topic in written_by("desk"))

E = TypeVar("E", bound=OrderEvent)


class EvidenceBroken(Exception):
    """The desks' log contradicts itself: the enclave must stop."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """An order's whole chain, verified, from its first link to its newest."""

    links: tuple[OrderEvent, ...]
    tail: Link
    disputes: tuple[str, ...] = ()
    """Limits whose recorded use is not what the enclave reckons it was, in words."""
    parent: OrderInitiated | None = None
    """The order that this one is a part of, if it was split."""

    def all(self, kind: type[E]) -> tuple[E, ...]:
        """Every link of a kind, in order."""
        return tuple(event for event in self.links if isinstance(event, kind))

    def only(self, kind: type[E]) -> E | None:
        """The one link of a kind; None when there is none or more than one."""
        found = self.all(kind)
        return found[0] if len(found) == 1 else None


@dataclass(slots=True)
class _Chain:
    """An order's links by sequence, each with its hash, and what its limit facts got wrong."""

    links: dict[int, tuple[OrderEvent, str]] = field(default_factory=dict)
    disputes: list[str] = field(default_factory=list)
    unfolded: set[int] = field(default_factory=set)
    """Positions of the desk's links that the ledger has not reached yet."""


@dataclass(slots=True)
class _Writer:
    """One partition of the desks' log: how far it is folded, what came early, each desk's ledger so far."""

    position: int = 0
    early: dict[int, Event] = field(default_factory=dict)
    ledgers: dict[DeskId, Ledger] = field(default_factory=dict)


class EvidenceFold:
    """Collects evidence in any order between topics. Orders that have ended are forgotten, but for the start of those split."""

    def __init__(self) -> None:
        self._chains: dict[OrderId, _Chain] = {}
        self._parents: dict[OrderId, OrderInitiated] = {}
        self._writers: dict[int, _Writer] = {}
        self._ended: OrderedDict[OrderId, None] = OrderedDict()

    def accept(self, received: Received) -> None:
        """Take in one record of `EVIDENCE_TOPICS`.

        Raises:
            EvidenceBroken: two different events claim one place.
        """
        event = received.record
        if isinstance(event, OrderEvent) and event.order_id not in self._ended:
            self._link(event, digest_of(received.value), of_the_desk=received.topic in _OF_THE_DESK)
        if isinstance(event, Event) and received.topic in _OF_THE_DESK:
            self._advance(self._writers.setdefault(received.partition, _Writer()), event)

    def dossier(self, order_id: OrderId, upto: int) -> Dossier | None:
        """The order's links 1 to `upto`, with the ledgers folded as far; None while some of it is still on its way.

        Raises:
            ChainBroken: the links do not follow from one another.
        """
        chain = self._chains.get(order_id)
        if chain is None or chain.unfolded or any(sequence not in chain.links for sequence in range(1, upto + 1)):
            return None
        tail = Link()
        for sequence in range(1, upto + 1):
            event, digest = chain.links[sequence]
            if event.previous_hash != tail.digest:
                raise ChainBroken(f"order {order_id}: link {sequence} does not follow link {tail.sequence}")
            tail = Link(sequence, digest)
        links = tuple(chain.links[sequence][0] for sequence in range(1, upto + 1))
        first = links[0]
        parent_id = first.order.parent_order_id if isinstance(first, OrderInitiated) else None
        return Dossier(links, tail, tuple(chain.disputes), self._parents.get(parent_id) if parent_id else None)

    def _link(self, event: OrderEvent, digest: str, *, of_the_desk: bool) -> None:
        chain = self._chains.setdefault(event.order_id, _Chain())
        if chain.links.setdefault(event.sequence, (event, digest))[1] != digest:
            raise EvidenceBroken(f"order {event.order_id}: two different events claim to be link {event.sequence}")
        if of_the_desk:
            chain.unfolded.add(event.position)

    def _advance(self, writer: _Writer, event: Event) -> None:
        """Fold in order of position; what lies behind a gap waits."""
        writer.early[event.position] = event
        while (following := writer.early.pop(writer.position + 1, None)) is not None:
            writer.position += 1
            if isinstance(following, OrderEvent):
                self._fold(writer.ledgers.setdefault(following.desk_id, Ledger()), following)
        if len(writer.early) > HELD_EVENTS_MAX:
            raise EvidenceBroken(f"desk event {writer.position + 1} is missing; {len(writer.early)} later ones are here")

    def _fold(self, ledger: Ledger, event: OrderEvent) -> None:
        chain = self._chains.setdefault(event.order_id, _Chain())
        chain.unfolded.discard(event.position)
        match event:
            case LimitReserved():
                ledger.reserve(event.order_id, event.reserved)
            case LimitReleased():
                ledger.release(event.order_id)
            case PolicyEvaluated() | Approved():
                ledger.evaluated(event.facts.limits, event.decided_at)
                chain.disputes += _disputes(ledger, event.order_id, event.facts)
            case LimitPosted():
                ledger.post(event.order_id, event.decided_at)
                self._forget(event.order_id)
            case OrderClosed():
                self._close(event)
            case _:
                pass

    def _close(self, event: OrderClosed) -> None:
        first = self._chains[event.order_id].links.get(1)
        self._forget(event.order_id)
        if event.child_order_ids and first is not None and isinstance(first[0], OrderInitiated):
            self._parents[event.order_id] = first[0]

    def _forget(self, order_id: OrderId) -> None:
        """Drop an order that has ended; its id is kept for a while, since links of other topics may still be on their way."""
        self._chains.pop(order_id, None)
        self._ended[order_id] = None
        if len(self._ended) > ENDED_ORDERS_MAX:
            self._ended.popitem(last=False)


def _disputes(ledger: Ledger, order_id: OrderId, facts: Facts) -> Iterator[str]:
    """Yield every rolling limit whose use before this order, as recorded, is not what the ledger says."""
    own = amounts(ledger.held.get(order_id, []))
    for fact in facts.limits:
        if fact.kind != "rolling":
            continue
        key = account_key(fact.limit_id, fact.scope_key)
        reckoned = ledger.used(key, fact.window_seconds, facts.evaluated_at) - own.get(key, 0)
        if micros(fact.used_usd) != reckoned:
            yield f"{key}: recorded {fact.used_usd} USD used, reckoned {reckoned} millionths"
