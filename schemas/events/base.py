"""Defines the fields of every event, and the chain of an order's events (architecture, rule 6).

A decider returns events *unsealed*: position, sequence and hashes at their defaults. The engine seals them, because only
it knows the bytes of the event before.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas.values import DeskId, Instant, OrderId, Record, Sha256, Text

GENESIS_HASH: Final = "0" * 64
"""The `previous_hash` of the first event of an order."""


class Event(Record):
    """Something that was decided or done, once."""

    position: Annotated[int, Field(ge=0)] = 0
    """The writer's own count on this partition over all its topics: 1, 2, 3 … without a gap. 0: not sealed yet."""
    decided_at: Instant = 0
    causation_id: Annotated[str, Field(max_length=200)] = ""
    """The command's id, or the SHA-256 of the event, that this one answers; `clock` when only time passed."""


class DeskEvent(Event):
    """An event of a desk that belongs to no order's chain."""

    desk_id: DeskId


class OrderEvent(DeskEvent):
    """A link of an order's hash chain."""

    order_id: OrderId
    sequence: Annotated[int, Field(ge=0)] = 0
    """1, 2, 3 … over all writers. 0: not sealed yet."""
    previous_hash: Sha256 = GENESIS_HASH
    """SHA-256 of the previous link's bytes as they stand on its topic."""


class FirmEvent(Event):
    """An event of governance: the same for every desk."""


class Refusal(Record):
    """Why something was refused, in words a person can act on."""

    check: Annotated[str, Field(max_length=100)]
    """The name of the check that refused, stable over versions."""
    message: Text
    remedy: Text
    """What would change the outcome."""
