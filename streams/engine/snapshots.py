"""A partition's state as bytes, so that a restart need not fold the whole log (architecture, rule 2).

A snapshot only shortens the fold: it names the position and the offsets it covers. A snapshot whose state has another shape
than today's code (found by a fingerprint of the state's schema) is ignored.

It is several records of the snapshots topic: a head under the partition's number, and pages under their names
(`streams.rules.pages`): those of the state, and the state's own JSON, cut to the size of a record. All are written in the
transaction of the events they cover, so that a reader of committed records finds the whole of the newest one.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic

from pydantic import TypeAdapter, ValidationError

from schemas.values import Instant
from streams.engine.partition import Partition
from streams.rules.decider import I, Processor, S
from streams.rules.pages import Page, cut, joined

SNAPSHOT_EVENTS: Final = 5_000
"""Own events between two snapshots of a partition."""


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[S]):
    """The state after `position` own events, and from where to read on."""

    position: int
    clock: Instant
    offsets: dict[str, int]
    """Per own topic, the first offset that is not covered."""
    answered: dict[str, list[int]]
    state: S


@dataclass(frozen=True, slots=True)
class Written:
    """A snapshot as records: what stands under the partition's number, and the pages that it needs."""

    head: bytes
    pages: dict[str, Page]

    def records(self, number: int, standing: set[str]) -> Iterator[tuple[bytes, bytes | None]]:
        """Keys and values to be written for partition `number`, when the pages named `standing` are on the topic already.

        Pages that are new, tombstones for those that are needed no longer, and the head.
        """
        for name in self.pages.keys() - standing:
            yield name.encode(), self.pages[name].content
        for name in standing - self.pages.keys():
            yield name.encode(), None
        yield str(number).encode(), self.head


class SnapshotCodec(Generic[S]):
    """Writes and reads the snapshots of one processor."""

    def __init__(self, processor: Processor[S, Any]) -> None:
        self._state: TypeAdapter[S] = TypeAdapter(processor.decider.state_type)
        schema = json.dumps(self._state.json_schema(), sort_keys=True)
        self._fingerprint = hashlib.sha256(schema.encode()).hexdigest()

    def write(self, partition: Partition[S, I], offsets: dict[str, int]) -> Written:
        """Return the snapshot of a partition; `offsets` are the next to be read of its own topics."""
        pages: dict[str, Page] = {}
        # The state goes to JSON in one step: by way of Python objects it takes twice as long, and the loop stands still.
        state = self._state.dump_json(partition.state, context=pages)
        cuts = list(cut(zlib.compress(state, level=1)))
        head = {
            "fingerprint": self._fingerprint,
            "state": [page.name for page in cuts],
            "position": partition.position,
            "clock": partition.clock,
            "offsets": offsets,
            "answered": partition.answered(),
        }
        return Written(json.dumps(head, separators=(",", ":")).encode(), pages | {page.name: page for page in cuts})

    def read(self, head: bytes, pages: Mapping[str, Page]) -> Snapshot[S] | None:
        """Return the snapshot, or None if code with another shape of state wrote it, or a page is missing."""
        content = json.loads(head)
        if content.pop("fingerprint", None) != self._fingerprint:
            return None
        cuts = [pages.get(name) for name in content.pop("state")]
        if None in cuts:
            return None
        try:
            written = zlib.decompress(joined(page for page in cuts if page is not None))
            return Snapshot(state=self._state.validate_json(written, context=dict(pages)), **content)
        except ValidationError:
            return None
