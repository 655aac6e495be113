"""Defines a detector: an event and the firm's view in, the breaker that it asks for out. Pure.

The command's id comes from the event's bytes and the detector's name, so that the same event never asks twice, however often it
is read. Leaves out whether the breaker may be tripped: governance asks its policy.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final, Generic, TypeVar

from schemas.canonical import ORDER_NAMESPACE
from schemas.events.base import Event
from schemas.firm_commands import TripBreaker
from schemas.topics import TOPIC_OF, Principal
from schemas.values import CommandId, Sha256
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.breakers import goes_further

PRINCIPAL: Final[Principal] = "detectors"

E = TypeVar("E", bound=Event)


class Detector(ABC, Generic[E]):
    """Reads one type of event. A subclass is registered by being defined; it has no state."""

    name: ClassVar[str]
    """Stands in the ids of its commands, so it never changes."""
    record: ClassVar[type[Event]]
    """The events that it reads."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Register the detector. Raises ValueError: another detector has its name."""
        super().__init_subclass__(**kwargs)
        readers = DETECTORS.setdefault(TOPIC_OF[cls.record].name, [])
        if any(each.name == cls.name for every in DETECTORS.values() for each in every):
            raise ValueError(f"two detectors are named {cls.name!r}; give each its own name")
        readers.append(cls())

    @abstractmethod
    def asks(self, event: E, firm: Governance) -> TripBreaker | None:
        """Return the breaker that `event` asks for; None when it asks for none."""


DETECTORS: Final[dict[str, list[Detector[Any]]]] = {}
"""All detectors, by the topic that they read."""


def proposal(detector: Detector[Any], event: Event, firm: Governance) -> TripBreaker | None:
    """Return the breaker that `detector` asks for after `event`; None if it is tripped as far already."""
    body = detector.asks(event, firm)
    if body is None or not goes_further(firm.breakers.get((body.scope, body.subject)), body.state):
        return None
    return body


def command_id(detector: Detector[Any], digest: Sha256) -> CommandId:
    """Return the id of the command by which `detector` answers the event whose bytes have this hash."""
    return str(uuid.uuid5(ORDER_NAMESPACE, f"{detector.name}/{digest}"))
