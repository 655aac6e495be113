"""One partition of a processor: its state, what it answered, what it parked. Pure; the same in the loop and in simulation.

An input is answered once. Its offset is committed when everything before it on its topic is answered too, so a parked input
holds the committed offset back. Inputs that were answered beyond it are remembered by offset (from a header that each own event
carries) and skipped when they are read again. Source: architecture, rules 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic

from schemas.events.base import Event, OrderEvent
from schemas.hash_chain import Link
from schemas.values import Instant
from streams.rules.chaining import CLOCK, ChainedEvent, causation_of, chain_event, link_of
from streams.rules.decider import I, Later, Processor, Received, Recorded, S


class LogDamaged(Exception):
    """The processor's own events are not what it wrote: a gap, a repetition, a foreign record. Never guessed over."""


class Partition(Generic[S, I]):
    """The state of one partition and the rules by which it moves."""

    def __init__(self, processor: Processor[S, I], number: int) -> None:
        self.number = number
        self.state: S = processor.decider.initial()
        self.position = 0
        self.clock: Instant = 0
        self._processor = processor
        self._decider = processor.decider
        self._next: dict[str, int] = {}
        self._answered: dict[str, set[int]] = {}
        self._parked: dict[tuple[str, int], Received] = {}
        self._reasons: dict[tuple[str, int], str] = {}
        self._early: dict[int, tuple[Recorded, str, int]] = {}

    # Restoring -------------------------------------------------------------------------------------------------

    def start_at(self, committed: Mapping[str, int]) -> None:
        """Begin from the committed offsets (next to be read, per input topic)."""
        self._next = dict(committed)
        for topic, offsets in self._answered.items():
            offsets.intersection_update({offset for offset in offsets if offset >= committed.get(topic, 0)})

    def resume(self, state: S, position: int, clock: Instant, answered: Mapping[str, Iterable[int]]) -> None:
        """Begin from a snapshot instead of from nothing."""
        self.state, self.position, self.clock = state, position, clock
        self._answered = {topic: set(offsets) for topic, offsets in answered.items()}

    def replay(self, recorded: Recorded, source_topic: str, source_offset: int) -> None:
        """Fold one own event read back from the log; topics may come in any interleaving.

        Raises:
            LogDamaged: this position was there already.
        """
        position = recorded.event.position
        if position <= self.position:
            return  # covered by the snapshot
        if position in self._early:
            message = f"partition {self.number}: two own events claim position {position}"
            raise LogDamaged(message)
        self._early[position] = (recorded, source_topic, source_offset)
        while (step := self._early.pop(self.position + 1, None)) is not None:
            self._fold(*step)

    def replayed(self) -> None:
        """Called when the own log has been read to its end.

        Raises:
            LogDamaged: a position is missing before one that is there.
        """
        if self._early:
            message = f"partition {self.number}: own event {self.position + 1} is missing before {min(self._early)}"
            raise LogDamaged(message)

    def _fold(self, recorded: Recorded, source_topic: str, source_offset: int) -> None:
        self.state = self._decider.evolve(self.state, recorded)
        self.position = recorded.event.position
        self.clock = recorded.event.decided_at
        if source_topic:
            self._answered.setdefault(source_topic, set()).add(source_offset)

    # Running ---------------------------------------------------------------------------------------------------

    def offer(self, received: Received, wall_clock: Instant) -> list[ChainedEvent]:
        """Decide on one input; the events to be written, already folded. Parks it when the answer is `Later`."""
        place = (received.topic, received.offset)
        self._next[received.topic] = max(received.offset + 1, self._next.get(received.topic, 0))
        if received.offset in self._answered.get(received.topic, ()):
            return []
        now = self._at(wall_clock)
        message = self._processor.input_of(self.state, received, now)
        outcome = message if isinstance(message, Later) else self._decider.decide(self.state, message, now)
        if isinstance(outcome, Later):
            self._parked[place], self._reasons[place] = received, outcome.reason
            return []
        self._parked.pop(place, None)
        self._reasons.pop(place, None)
        chained = self._write(outcome, now, causation_of(received), link_of(received))
        if chained:
            self._answered.setdefault(received.topic, set()).add(received.offset)
        return chained

    def tick(self, wall_clock: Instant) -> list[ChainedEvent]:
        """Return the events that became due as time passed."""
        now = self._at(wall_clock)
        return self._write(self._decider.due(self.state, now), now, CLOCK, None)

    def parked(self) -> list[Received]:
        """Inputs to be offered again, oldest first per topic."""
        return [self._parked[place] for place in sorted(self._parked)]

    def waiting(self) -> list[tuple[Received, str]]:
        """Return the oldest parked input of each topic, with the reason why it waits."""
        oldest = {topic: (topic, offset) for topic, offset in sorted(self._parked, reverse=True)}
        return [(self._parked[place], self._reasons[place]) for place in oldest.values()]

    def offsets(self) -> dict[str, int]:
        """Return the offsets that may be committed: per topic, the first that is not answered yet."""
        committable = dict(self._next)
        for topic, offset in self._parked:
            committable[topic] = min(offset, committable[topic])
        for topic, answered in self._answered.items():
            self._answered[topic] = {offset for offset in answered if offset >= committable.get(topic, 0)}
        return committable

    def answered(self) -> dict[str, list[int]]:
        """Return the offsets that were answered beyond the committed ones, for a snapshot."""
        return {topic: sorted(offsets) for topic, offsets in self._answered.items() if offsets}

    def _at(self, wall_clock: Instant) -> Instant:
        """Decision time: the wall clock, but never before the last decision; a clock that runs backwards stands still."""
        return max(wall_clock, self.clock)

    def _write(
        self, events: Iterable[Event], now: Instant, causation: str, given: tuple[str, Link] | None
    ) -> list[ChainedEvent]:
        tails: dict[str, Link] = dict([given] if given else [])
        written: list[ChainedEvent] = []
        for event in events:
            tail = self._tail(event, tails)
            chained = chain_event(event, position=self.position + 1, now=now, causation=causation, tail=tail)
            if isinstance(chained.recorded.event, OrderEvent):
                link = Link(chained.recorded.event.sequence, chained.recorded.digest)
                tails[chained.recorded.event.order_id] = link
            self._fold(chained.recorded, "", 0)
            written.append(chained)
        return written

    def _tail(self, event: Event, tails: Mapping[str, Link]) -> Link:
        """Return the later of the decider's and the input's last link; the first link for an order new to both."""
        if not isinstance(event, OrderEvent):
            return Link()
        known, said = self._decider.tail(self.state, event.order_id), tails.get(event.order_id)
        if known is None or said is None:
            return known or said or Link()
        return max(known, said, key=lambda link: link.sequence)
