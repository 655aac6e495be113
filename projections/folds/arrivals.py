"""An event as it came off the log: decoded, hashed, with its place and its trace.

Left out: where it belongs in its order's chain (`projections.folds.chains`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas import wire
from schemas.events.base import Event, OrderEvent
from schemas.hash_chain import digest_of
from schemas.topics import TOPICS

TRACEPARENT: Final = "traceparent"
TRACE_ID_CHARACTERS: Final = 32
PROJECTED_TOPICS: Final = tuple(
    topic.name for topic in TOPICS.values() if topic.record is not None and issubclass(topic.record, Event)
)
"""Everything that was decided: all topics of events. Commands and observations are quoted in them by value."""


class LogPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


PROJECTED_PARTITIONS: Final = tuple(
    LogPartition(topic, partition) for topic in PROJECTED_TOPICS for partition in range(TOPICS[topic].partitions)
)


class UnreadableEvent(Exception):
    """Bytes on a topic of events that are no event of it. Nothing can be projected beyond them without guessing."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event at its place on the log."""

    topic: str
    partition: int
    offset: int
    event: Event
    digest: str
    """SHA-256 of its value's bytes, lowercase hex."""
    trace_id: str = ""
    """W3C trace id, 32 hex digits; empty when it came without a trace."""


def arrived(place: LogPartition, offset: int, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Arrived:
    """Decode one record's value.

    Raises:
        UnreadableEvent: it is not an event of this topic.
    """
    try:
        record = wire.decode(place.topic, value)
    except wire.Unreadable as error:
        message = f"{place.topic}[{place.partition}]@{offset} is no event of this topic: {error}"
        raise UnreadableEvent(message) from error
    if not isinstance(record, Event):
        message = f"{place.topic} is not a topic of events"
        raise UnreadableEvent(message)
    if isinstance(record, OrderEvent) and record.sequence == 0:
        message = f"{place.topic}[{place.partition}]@{offset} was never sealed: it has no place in its order's chain"
        raise UnreadableEvent(message)
    return Arrived(place.topic, place.partition, offset, record, digest_of(value), trace_id_of(headers))


def trace_id_of(headers: Sequence[tuple[str, bytes]]) -> str:
    """The trace id of a `traceparent` header (W3C Trace Context: version-trace-parent-flags); empty without one."""
    for name, value in headers:
        if name == TRACEPARENT:
            parts = value.decode("ascii", "replace").split("-")
            if len(parts) == 4 and len(parts[1]) == TRACE_ID_CHARACTERS:  # noqa: PLR2004 - the four parts named above
                return parts[1]
    return ""
