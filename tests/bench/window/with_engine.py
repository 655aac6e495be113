"""Ours: the engine as every processor of a cluster runs, with the window as its decider; state folded from its own events."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.settings.description import current
from schemas.commands import Command
from schemas.events.base import Event
from schemas.events.limits import LimitReserved
from schemas.hash_chain import Link
from schemas.values import DeskId, Instant, OrderId
from streams.engine.process import run
from streams.rules.decider import Processor, Received, Recorded
from tests.bench.window.work import EVENTS, Window, reservation


@dataclass(slots=True)
class Windows:
    """Those of one partition."""

    by_desk: dict[DeskId, Window] = field(default_factory=dict)


class WindowDecider:
    """Reserves what each command asks for."""

    state_type = Windows

    def initial(self) -> Windows:
        return Windows()

    def decide(self, state: Windows, message: Received, now: Instant) -> tuple[Event, ...]:
        assert isinstance(message.record, Command)
        return (reservation(message.record, state.by_desk.get(message.record.desk_id) or Window(), now),)

    def evolve(self, state: Windows, recorded: Recorded) -> Windows:
        event = recorded.event
        assert isinstance(event, LimitReserved)
        state.by_desk.setdefault(event.desk_id, Window()).add(event.reserved[0].amount_usd, event.decided_at)
        return state

    def due(self, _state: Windows, _now: Instant) -> tuple[Event, ...]:
        return ()

    def tail(self, _state: Windows, _order_id: OrderId) -> Link | None:
        return None


class NothingOutside:
    """Has nothing to look at."""

    def refresh(self) -> None:
        """Nothing arrives."""

    def read(self, _state: Windows, received: Received, _now: Instant) -> Received:
        return received


if __name__ == "__main__":
    run(Processor("desk", ("commands",), EVENTS, WindowDecider(), NothingOutside()), current())
