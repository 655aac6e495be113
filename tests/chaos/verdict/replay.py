"""Determinism: the whole log decided again by the pure desk, and compared byte for byte (architecture, rules 1 and 5).

Nothing is taken from the events under test but what a decision names as its circumstances: which input it answers (its
header), when it was made, the governance position and the offsets of prices. Governance and prices are derived again from
their own topics as they were there; positions, sequences, hashes and bytes are made anew. Inputs that the desk said nothing
about are decided again, too: it must have nothing to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from schemas.events.answers import CommandRejected, OrderTried
from schemas.events.base import Event, FirmEvent
from schemas.events.facts import PriceFact
from schemas.events.lifecycle import Approved, PolicyEvaluated
from schemas.events.observations import PriceObserved
from schemas.values import AssetId, Instant
from streams.desk.observer import INPUTS, OUTPUTS, PRINCIPAL
from streams.engine.partition import Partition
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Later, Processor, Received
from streams.rules.firm.view import Governance, GovernanceFold
from streams.rules.orders.decider import DeskDecider, Message
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.state import DeskState
from streams.rules.prices.latest import Prices
from tests.chaos.verdict.log import Source, Stored

SHOWN_MAX: Final = 3
"""Differences that are told in full: what comes after the first follows from it."""


class Derivation:
    """The desk's outside facts at any position that a decision names."""

    def __init__(self, governance: Iterable[Received], prices: Iterable[Received]) -> None:
        self._fold = GovernanceFold()
        for each in governance:
            if isinstance(each.record, FirmEvent):
                self._fold.accept(each.record)
        self._observed = {each.offset: each.record for each in prices if isinstance(each.record, PriceObserved)}

    def governance(self, position: int) -> Governance:
        """The firm as it was at a position."""
        return self._fold.at(position)

    def price(self, offset: int) -> PriceFact:
        """The observation at an offset, as a fact."""
        prices, seen = Prices(), self._observed[offset]
        prices.accept(seen, offset)
        return prices.latest[seen.asset_id]


@dataclass(slots=True)
class AsItWas:
    """An observer that sees what was seen when the events under test were decided."""

    derivation: Derivation
    position: int = 0
    prices: dict[AssetId, PriceFact] = field(default_factory=dict)

    def recall(self, events: Iterable[Event]) -> None:
        """Set the circumstances of the decision that `events` are."""
        for event in events:
            match event:
                case PolicyEvaluated(facts=facts) | OrderTried(facts=facts) if facts is not None:
                    self.position = facts.governance_position
                    for price in facts.prices:
                        if price.log_offset >= 0:
                            self.prices[price.asset_id] = self.derivation.price(price.log_offset)
                case CommandRejected() | Approved():
                    self.position = event.governance_position
                case _:
                    pass

    def refresh(self) -> None:
        """Nothing arrives: the past is known."""

    def read(self, _state: DeskState, received: Received, _now: Instant) -> Message | Later:
        """The input in its circumstances of then."""
        view = self.derivation.governance(self.position)
        assert view.policy is not None, "no desk decides without a policy"
        return Message(received, Circumstances(view, view.policy, self.prices))


@dataclass(slots=True)
class Replay:
    """Compares one partition's log with its decisions made again. `differences`: events whose bytes differ."""

    inputs: Mapping[Source, Received]
    answered: Collection[Source]
    derivation: Derivation
    number: int
    events: int = 0
    differences: int = 0
    told: list[str] = field(default_factory=list)

    def run(self, log: Iterable[Stored]) -> Iterator[Stored]:
        """Decide everything again; gives back `log`, event by event."""
        observer = AsItWas(self.derivation)
        partition: Partition[DeskState, Message] = Partition(
            Processor(PRINCIPAL, INPUTS, OUTPUTS, DeskDecider(), observer), self.number
        )
        silent = iter([received for source, received in self.inputs.items() if source not in self.answered])
        quiet = next(silent, None)
        for (source, decided_at), group in groupby(log, key=lambda each: (each.source, each.event.decided_at)):
            stored = list(group)
            observer.recall(each.event for each in stored)
            while quiet is not None and quiet.topic == source[0] and quiet.offset < source[1]:
                self._compare([], partition.offer(quiet, partition.clock))
                quiet = next(silent, None)
            received = self.inputs.get(source)
            decided = partition.tick(decided_at) if received is None else partition.offer(received, decided_at)
            self._compare(stored, decided)
            yield from stored
        for received in [quiet, *silent] if quiet is not None else []:
            self._compare([], partition.offer(received, partition.clock))

    def _compare(self, stored: list[Stored], decided: list[ChainedEvent]) -> None:
        then = [(each.topic, each.value) for each in stored]
        now = [(each.topic, each.value) for each in decided]
        self.events += len(then)
        if then == now:
            return
        self.differences += max(len(then), len(now)) - sum(one == other for one, other in zip(then, now, strict=False))
        if len(self.told) < SHOWN_MAX:
            events = [each.event for each in stored], [each.recorded.event for each in decided]
            self.told.append(f"partition {self.number}: then {events[0]}\n    now {events[1]}")
