"""A log in memory that is read like Kafka's, to test what happens around the reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from projections.folds.arrivals import Arrived, LogPartition
from projections.projector.projecting import Outside
from projections.storage.tables import Writer
from tests.world.firm.story import Story, Written

TAKEN_EVENTS_MAX = 7


@dataclass(slots=True)
class MemoryEvents:
    """One reader of a story that may still be told."""

    story: Story
    starts: Mapping[LogPartition, int]
    seen: int = 0
    closed: bool = False

    @property
    def at_end(self) -> bool:
        return self.seen == len(self.story.written)

    def take(self, wait_seconds: float) -> list[Arrived]:
        if self.at_end:
            time.sleep(wait_seconds / 10)
        new = self.story.written[self.seen : self.seen + TAKEN_EVENTS_MAX]
        self.seen += len(new)
        return [each.arrived() for each in new if self._wanted(each)]

    def close(self) -> None:
        self.closed = True

    def _wanted(self, written: Written) -> bool:
        return written.offset >= self.starts[written.place]


@dataclass(slots=True)
class Stage:
    """A database, a story, and whether projectors are to stop."""

    connect: Callable[[], Writer]
    story: Story = field(default_factory=Story)
    stopping: bool = False
    readers: list[MemoryEvents] = field(default_factory=list)

    def read(self, starts: Mapping[LogPartition, int]) -> MemoryEvents:
        self.readers.append(MemoryEvents(self.story, starts))
        return self.readers[-1]

    def outside(self) -> Outside:
        return Outside(self.connect, follow=self.read, read_to_end=self.read, stopping=lambda: self.stopping)
