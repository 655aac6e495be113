"""From unsealed events to bytes on the log: positions, sequences and hashes are given here and nowhere else.

Source: architecture, rules 1 (the engine stamps time) and 6 (an order is a hash chain).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from schemas import wire
from schemas.commands import Command
from schemas.events.base import DeskEvent, Event, OrderEvent
from schemas.firm_commands import FirmCommand
from schemas.hash_chain import Link, digest_of
from schemas.topics import FIRM_KEY, TOPIC_OF
from schemas.values import Instant, unchecked
from streams.rules.decider import Received, Recorded

CLOCK: Final = "clock"
"""The causation of what happened because time passed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event with its bytes, ready to be written."""

    topic: str
    key: bytes
    value: bytes
    recorded: Recorded


def causation_of(received: Received) -> str:
    """What an event names as its cause: a command by its id, an event (or unreadable bytes) by its hash."""
    return received.record.command_id if isinstance(received.record, (Command, FirmCommand)) else received.digest


def link_of(received: Received) -> tuple[str, Link] | None:
    """The order and link that an input is, if it is an order's event."""
    event = received.record
    return (event.order_id, Link(event.sequence, received.digest)) if isinstance(event, OrderEvent) else None


def seal(event: Event, *, position: int, now: Instant, causation: str, tail: Link) -> Sealed:
    """`event` with its place in the writer's count and, for an order's event, in the order's chain after `tail`."""
    stamped = {**event.__dict__, "position": position, "decided_at": now, "causation_id": causation}
    if isinstance(event, OrderEvent):
        stamped["sequence"], stamped["previous_hash"] = tail.sequence + 1, tail.digest
    sealed = _made(type(event))(stamped)
    topic = TOPIC_OF[type(event)].name
    value = wire.encode(sealed)
    key = sealed.desk_id if isinstance(sealed, DeskEvent) else FIRM_KEY
    return Sealed(topic, key.encode(), value, Recorded(topic, sealed, digest_of(value)))


@cache
def _made(event_type: type[Event]) -> Callable[[dict[str, Any]], Event]:
    """What an event is made with whose fields are an event's already: stamps are ours, and need no check."""
    return unchecked(event_type)
