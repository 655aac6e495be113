"""An attacker with a process's real Kafka credentials: writes on its topics whatever its principal may write."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import PolicyEvaluated
from schemas.hash_chain import Link
from schemas.topics import Principal
from schemas.values import Instant
from streams.rules.chaining import chain_event

WRITTEN_SECONDS_MAX: Final = 15
CAUSE: Final = "0" * 64


@dataclass
class StolenProcess:
    """A principal's credentials, and where its own count and its orders' chains stand on one partition.

    What it writes is chained as the engine would chain it: positions, sequences and hashes all fit.
    """

    description: ClusterDescription
    principal: Principal
    partition: int
    position: int
    tails: dict[str, Link] = field(default_factory=dict)

    def write(self, *events: Event) -> None:
        """Put events on the log, one after the other."""
        producer = clients.producer(self.description, self.principal)
        for event in events:
            self.position += 1
            tail = self.tails.get(event.order_id, Link()) if isinstance(event, OrderEvent) else Link()
            now = time.time_ns() // 1_000
            chained = chain_event(_evaluated_at(event, now), position=self.position, now=now, causation=CAUSE, tail=tail)
            producer.produce(chained.topic, chained.value, chained.key, self.partition)
            written = chained.recorded
            if isinstance(written.event, OrderEvent):
                self.tails[written.event.order_id] = Link(written.event.sequence, written.digest)
        assert producer.flush(WRITTEN_SECONDS_MAX) == 0


def _evaluated_at(event: Event, now: Instant) -> Event:
    """An evaluation names its own moment twice, and rolling windows begin so long before it."""
    if not isinstance(event, PolicyEvaluated):
        return event
    later = now - event.facts.evaluated_at
    limits = [
        each.model_copy(update={"counted_from": each.counted_from + later}) if each.kind == "rolling" else each
        for each in event.facts.limits
    ]
    return event.model_copy(update={"facts": event.facts.model_copy(update={"evaluated_at": now, "limits": limits})})
