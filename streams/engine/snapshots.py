"""A partition's state as bytes, so that a restart need not fold the whole log (architecture, rule 2).

A snapshot only shortens the fold: it names the position and the offsets it covers, and one whose state has another shape
than today's code (told by a fingerprint of the state's schema) is ignored, not guessed at.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final, Generic

from pydantic import TypeAdapter, ValidationError

from schemas.values import Instant
from streams.engine.decider import I, Processor, S
from streams.engine.partition import Partition

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


class SnapshotCodec(Generic[S]):
    """Writes and reads the snapshots of one processor."""

    def __init__(self, processor: Processor[S, Any]) -> None:
        self._state: TypeAdapter[S] = TypeAdapter(processor.decider.state_type)
        schema = json.dumps(self._state.json_schema(), sort_keys=True)
        self._fingerprint = hashlib.sha256(schema.encode()).hexdigest()

    def write(self, partition: Partition[S, I], offsets: dict[str, int]) -> bytes:
        """Compressed JSON of the partition as it stands; `offsets` are the next to be read of its own topics."""
        content = {
            "fingerprint": self._fingerprint,
            "position": partition.position,
            "clock": partition.clock,
            "offsets": offsets,
            "answered": partition.answered(),
        }
        # The state goes to JSON in one step: by way of Python objects it takes twice as long, and the loop stands still.
        beside = json.dumps(content, separators=(",", ":")).encode()
        whole = beside.removesuffix(b"}") + b',"state":' + self._state.dump_json(partition.state) + b"}"
        return zlib.compress(whole, level=1)

    def read(self, value: bytes) -> Snapshot[S] | None:
        """The snapshot, or None when it was written by code whose state had another shape."""
        content = json.loads(zlib.decompress(value))
        if content.pop("fingerprint") != self._fingerprint:
            return None
        try:
            state = self._state.validate_python(content.pop("state"))
        except ValidationError:
            return None
        return Snapshot(state=state, **content)
