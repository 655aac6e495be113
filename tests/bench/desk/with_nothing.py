"""The floor: the desk's loop decodes its inputs and writes its transactions with one small event and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from infra.settings.description import current
from schemas.commands import Command
from schemas.events.base import Event
from schemas.events.limits import LimitReserved
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.engine.process import run
from streams.rules.decider import Processor, Received, Recorded


@dataclass(slots=True)
class Nothing:
    """An empty state."""


class EmptyDecider:
    """Answers each command with one event of a few fields."""

    state_type = Nothing

    def initial(self) -> Nothing:
        return Nothing()

    def decide(self, _state: Nothing, message: Received, _now: Instant) -> tuple[Event, ...]:
        assert isinstance(message.record, Command)
        return (LimitReserved(desk_id=message.record.desk_id, order_id=message.record.command_id, reserved=[]),)

    def evolve(self, state: Nothing, _recorded: Recorded) -> Nothing:
        return state

    def due(self, _state: Nothing, _now: Instant) -> tuple[Event, ...]:
        return ()

    def tail(self, _state: Nothing, _order_id: OrderId) -> Link | None:
        return None


class NothingOutside:
    """Has nothing to look at."""

    def refresh(self) -> None:
        """Nothing arrives."""

    def read(self, _state: Nothing, received: Received, _now: Instant) -> Received:
        return received


if __name__ == "__main__":
    run(Processor("desk", ("commands",), ("limit-reserved",), EmptyDecider(), NothingOutside()), current())
