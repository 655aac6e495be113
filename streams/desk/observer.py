"""Folds governance and prices from their topics and gives them to each desk decision by value.

A decision asks no other process: it rests on the records that have arrived, and the event records their positions (governance
position, price offset), so that the same facts can be derived again (architecture, rule 5).
"""

from __future__ import annotations

from typing import Final

from schemas.events.base import FirmEvent
from schemas.events.observations import PriceObserved
from schemas.topics import GOVERNANCE_TOPICS, TOPIC_OF, written_by
from schemas.values import Instant
from streams.rules.decider import Later, Processor, Received, References
from streams.rules.firm.view import GovernanceFold
from streams.rules.orders.decider import DeskDecider, Message
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.state import DeskState
from streams.rules.prices.latest import Prices

PRINCIPAL: Final = "desk"
REFERENCE_TOPICS: Final = (*GOVERNANCE_TOPICS, TOPIC_OF[PriceObserved].name)
INPUTS: Final = ("commands", "simulated", "signing-refused", "confirmed", "reverted")
OUTPUTS: Final = tuple(topic.name for topic in written_by(PRINCIPAL))


class DeskObserver:
    """The desk's view of the outside."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._governance = GovernanceFold()
        self._prices = Prices()

    def accept(self, received: Received) -> None:
        """Take in one reference record; of an asset's prices, the newest counts."""
        match received.record:
            case PriceObserved() as seen:
                self._prices.accept(seen, received.offset)
            case FirmEvent() as event:
                self._governance.accept(event)
            case _:
                pass

    def refresh(self) -> None:
        """Take in what has arrived."""
        for received in self._references.poll():
            self.accept(received)

    def read(self, _state: DeskState, received: Received, _now: Instant) -> Message | Later:
        """Return the input with the current facts; Later if governance has no policy to decide by yet."""
        view = self._governance.view
        if view.policy is None:
            return Later("no policy is active yet")
        return Message(received, Circumstances(view, view.policy, self._prices.latest))


def processor(observer: DeskObserver) -> Processor[DeskState, Message]:
    """Return the desk's processor."""
    return Processor(PRINCIPAL, INPUTS, OUTPUTS, DeskDecider(), observer)
