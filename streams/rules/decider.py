"""Defines the decider that the engine runs, its inputs and its outputs (architecture, rules 1, 2 and 14).

A decider is pure. It has no clock, no randomness and no I/O: time comes in as `now`, facts come in with the message. Its
state is the fold of its own events and of nothing else, so that the log alone can restore it. Facts from the
outside (a node, the governance view) are read by an `Observer` before the decision, and given to it by value. Acts on the
outside (signing, sending) are done by a `Performer` between reading and deciding: the decision records them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from schemas.events.base import Event
from schemas.hash_chain import Link
from schemas.topics import Principal
from schemas.values import Instant, OrderId, Record

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741 - I for input, beside S for state
S_contra = TypeVar("S_contra", contravariant=True)
I_contra = TypeVar("I_contra", contravariant=True)
I_co = TypeVar("I_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Received:
    """One record from an input topic. `record` is None only for bytes of a command that could not be read."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    digest: str
    """SHA-256 of `value`, lowercase hex."""
    record: Record | None
    unreadable: str = ""
    """The reason if `record` is None."""
    content: Mapping[str, Any] | None = None
    """The fields of such a record if Avro could be read and only their values are wrong."""
    headers: tuple[tuple[str, bytes], ...] = ()
    """Kafka headers: the trace context. Decisions never depend on them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One of the decider's own events, chained, as it stands on the log."""

    topic: str
    event: Event
    digest: str


@dataclass(frozen=True, slots=True)
class Later:
    """Postpones the input: it stays uncommitted and is offered again. Never used if time cannot change the outcome."""

    reason: str


Outcome = tuple[Event, ...] | Later
"""Events in the order in which they happened, before they are chained (an empty tuple: nothing happened), or `Later`."""


class Decider(Protocol[S, I_contra]):
    """Decide, evolve, initial state: nothing else. Every method is pure, but `evolve` may update `state` in place."""

    state_type: type[S]
    """The type that `initial` returns; pydantic can write it to JSON and read it back, for snapshots.

    A snapshot is written every few thousand events, whole. Large parts of a state that no longer change (a day of used
    ids) belong in a `streams.rules.pages.Page`: `Page(content)` with bytes of the decider's own making, up to
    `PAGE_BYTES_MAX`, anywhere in the state (`pages: list[Page]`). A page is written when it first occurs in a snapshot and
    deleted once it occurs no longer; the decider does nothing but hold it or drop it, and reads `page.content`.
    """

    def initial(self) -> S:
        """Return the state before the first event."""
        ...

    def decide(self, state: S, message: I_contra, now: Instant) -> Outcome:
        """Return the events that `message` leads to. A refusal is an event; an exception is a bug and crashes."""
        ...

    def evolve(self, state: S, recorded: Recorded) -> S:
        """Return the state after one own event. Must never refuse: the event has happened."""
        ...

    def due(self, state: S, now: Instant) -> tuple[Event, ...]:
        """Return the events that follow from the passing of time (an expiry). Called at least every `TICK_MS_MAX`."""
        ...

    def tail(self, state: S, order_id: OrderId) -> Link | None:
        """Return the last link of an order if this decider may append to it without being given the link before; else None."""
        ...


class References(Protocol):
    """Delivers records that a processor reads and does not answer: `streams.engine.references`, or a simulation of it."""

    def poll(self) -> Iterable[Received]:
        """Return the records that arrived since the last call, in the order of each topic."""
        ...


class Observer(Protocol[S_contra, I_co]):
    """Reads the outside before a decision, and changes nothing there."""

    def refresh(self) -> None:
        """Take in all references that have arrived. Called before each batch, when it must not block, and once at the start."""
        ...

    def read(self, state: S_contra, received: Received, now: Instant) -> I_co | Later:
        """Return the decider's input for `received`, with every fact by value; `Later` if the outside cannot answer now."""
        ...


class Performer(Protocol[S_contra, I]):
    """Acts on the outside: signs, sends. Each act may be repeated after a crash, so each must be safe to repeat."""

    def perform(self, state: S_contra, received: Received, message: I, now: Instant) -> I | Later:
        """Act on the input read from `received`; return it with the results, or `Later` to act again."""
        ...

    def repeat(self, now: Instant) -> None:
        """Act again where an earlier act was lost. Called before each batch."""
        ...


@dataclass(frozen=True, slots=True)
class Processor(Generic[S, I]):
    """A decider with its place in the flow. One principal, one consumer group, one writer of `outputs`."""

    principal: Principal
    inputs: tuple[str, ...]
    """Co-partitioned with the outputs: desk-keyed topics, or those of the firm, which have one partition."""
    outputs: tuple[str, ...]
    decider: Decider[S, I]
    observer: Observer[S, I]
    performer: Performer[S, I] | None = None
    """None: this processor only reads."""

    def refresh(self, now: Instant) -> None:
        """Take in new references, then repeat acts that were lost. Called before each batch."""
        self.observer.refresh()
        if self.performer is not None:
            self.performer.repeat(now)

    def input_of(self, state: S, received: Received, now: Instant) -> I | Later:
        """Read, then act; return the decider's input."""
        message = self.observer.read(state, received, now)
        if self.performer is None or isinstance(message, Later):
            return message
        return self.performer.perform(state, received, message, now)
