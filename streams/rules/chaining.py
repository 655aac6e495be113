"""Gives events their positions, sequences and hashes, and encodes them for the log. Nothing else gives any.

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
"""The causation of events that only the passing of time caused."""


@dataclass(frozen=True, slots=True)
class ChainedEvent:
    """An event with its bytes, ready to be written."""

    topic: str
    key: bytes
    value: bytes
    recorded: Recorded


def causation_of(received: Received) -> str:
    """Return an event's cause: a command's id, or the hash of an event (or of unreadable bytes)."""
    return received.record.command_id if isinstance(received.record, (Command, FirmCommand)) else received.digest


def link_of(received: Received) -> tuple[str, Link] | None:
    """Return the order and link of an input that is an order's event; else None."""
    event = received.record
    return (event.order_id, Link(event.sequence, received.digest)) if isinstance(event, OrderEvent) else None


def chain_event(event: Event, *, position: int, now: Instant, causation: str, tail: Link) -> ChainedEvent:
    """Return `event` with its position in the writer's count and, for an order's event, in the order's chain after `tail`."""
    stamped = {**event.__dict__, "position": position, "decided_at": now, "causation_id": causation}
    if isinstance(event, OrderEvent):
        stamped["sequence"], stamped["previous_hash"] = tail.sequence + 1, tail.digest
    chained = _made(type(event))(stamped)
    topic = TOPIC_OF[type(event)].name
    value = wire.encode(chained)
    key = chained.desk_id if isinstance(chained, DeskEvent) else FIRM_KEY
    return ChainedEvent(topic, key.encode(), value, Recorded(topic, chained, digest_of(value)))


@cache
def _made(event_type: type[Event]) -> Callable[[dict[str, Any]], Event]:
    """Return a constructor without checks: the fields come from a valid event, and the stamps are ours."""
    return unchecked(event_type)
