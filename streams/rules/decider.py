"""Defines the decider that the engine runs, its inputs and its outputs (architecture, rules 1, 2 and 14).

A decider is pure. It has no clock, no randomness and no I/O: time comes in as `now`, facts come in with the message. Its
state is the fold of its own events and of nothing else, so that the log alone can restore it. What has to be asked of the
outside (a node, the governance view) is read by an `Observer` before the decision, and given to it by value. What has to be
done outside (signing, sending) is done by a `Performer` between reading and deciding: the decision records what was done.
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
    """Why `record` is None."""
    content: Mapping[str, Any] | None = None
    """The fields of such a record where Avro could be read and only their values are wrong."""
    headers: tuple[tuple[str, bytes], ...] = ()
    """Kafka headers: the trace context. Nothing is ever decided on them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One of the decider's own events, chained, as it stands on the log."""

    topic: str
    event: Event
    digest: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: the input stays uncommitted and is offered again. Never used for what time cannot change."""

    reason: str


Outcome = tuple[Event, ...] | Later
"""Events in the order in which they happened, before they are chained (an empty tuple: nothing happened), or `Later`."""


class Decider(Protocol[S, I_contra]):
    """Decide, evolve, initial state: nothing else. Every method is pure, but `evolve` may update `state` in place."""

    state_type: type[S]
    """What `initial` returns; pydantic can write it to JSON and read it back, for snapshots.

    A snapshot is written every few thousand events, whole. What is large in a state and no longer changes (a day of ids that
    were used) belongs in a `streams.rules.pages.Page`: `Page(content)` with bytes of the decider's own making, up to
    `PAGE_BYTES_MAX`, anywhere in the state (`pages: list[Page]`). A page is written when it first occurs in a snapshot and
    deleted once it occurs no longer; the decider does nothing but hold it or drop it, and reads `page.content`.
    """

    def initial(self) -> S:
        """The state before the first event."""
        ...

    def decide(self, state: S, message: I_contra, now: Instant) -> Outcome:
        """What happens because of `message`. A refusal is an event, not an exception; an exception is a bug and crashes."""
        ...

    def evolve(self, state: S, recorded: Recorded) -> S:
        """The state after one own event. Must never refuse: the event has happened."""
        ...

    def due(self, state: S, now: Instant) -> tuple[Event, ...]:
        """What happens because time has passed (an expiry). Asked at least every `TICK_MS_MAX`."""
        ...

    def tail(self, state: S, order_id: OrderId) -> Link | None:
        """The last link of an order that this decider may append to without being given the link before; else None."""
        ...


class References(Protocol):
    """Delivers records that a processor reads and does not answer: `streams.engine.references`, or a simulation of it."""

    def poll(self) -> Iterable[Received]:
        """Return what has arrived since, in the order of each topic."""
        ...


class Observer(Protocol[S_contra, I_co]):
    """Reads the outside before a decision, and changes nothing there."""

    def refresh(self) -> None:
        """Take in whatever references have arrived. Called before each batch, when it must not block, and once at the start."""
        ...

    def read(self, state: S_contra, received: Received, now: Instant) -> I_co | Later:
        """Return the decider's input for `received`, with every fact by value; `Later` if the outside cannot answer now."""
        ...


class Performer(Protocol[S_contra, I]):
    """Acts on the outside: signs, sends. Each act may be repeated after a crash, so each must be safe to repeat."""

    def perform(self, state: S_contra, received: Received, message: I, now: Instant) -> I | Later:
        """Act on what was read of `received`; return the decider's input with what was done, or `Later` to act again."""
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
