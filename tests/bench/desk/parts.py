"""Where the time of a decision goes: one run in memory under cProfile, counted in processor time, told by part.

A profiler makes calls dearer than they are, so only the shares are its own; they are scaled to a run without it. What
Kafka and the loop cost is not in here: the difference between the rate on Kafka and the rate in memory says that.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from schemas import wire
from schemas.events.base import FirmEvent
from schemas.hash_chain import digest_of
from schemas.partitioning import desk_partition
from schemas.values import Instant
from streams.desk.decider import Message
from streams.desk.observer import DeskObserver, processor
from streams.desk.state import DeskState
from streams.engine.decider import Received
from streams.engine.partition import Partition
from tests.bench.desk.workload import Keyed

WARM_UP: Final = 300
MEASURED: Final = 2_000
"""Commands without the profiler, and as many with it."""
LINES_SHOWN: Final = 60
MICROS_PER_SECOND: Final = 1_000_000

PARTS: Final = (
    ("decode Avro", "schemas/wire.py", "decode"),
    ("verify the signature", "infra/identity/ed25519.py", "verify"),
    ("Cedar", "streams/desk/policy.py", "evaluate"),
    ("limits", "streams/desk/limits.py", "limit_facts"),
    ("encode Avro", "schemas/wire.py", "encode"),
    ("fold", "streams/desk/decider.py", "evolve"),
)
"""What is told apart, by the function that does it; none of them calls another of them."""


class NoNews:
    """Governance has said all it will say."""

    def poll(self) -> list[Received]:
        return []


class InMemory:
    """The desk without Kafka: the same partitions, offered the same bytes."""

    def __init__(self, firm: Sequence[FirmEvent], now: Instant) -> None:
        observer = DeskObserver(NoNews())
        for event in firm:
            observer.accept(Received("governance", 0, event.position, b"", b"", "", event))
        self._processor = processor(observer)
        self._partitions: dict[int, Partition[DeskState, Message]] = {}
        self._now = now
        self._offset = 0

    def answer(self, commands: Iterable[Keyed]) -> None:
        """Read and decide each command, and seal what it leads to."""
        for command in commands:
            number = desk_partition(command.key)
            partition = self._partitions.setdefault(number, Partition(self._processor, number))
            record = wire.decode("commands", command.value)
            self._offset += 1
            digest = digest_of(command.value)
            partition.offer(Received("commands", number, self._offset, command.key, command.value, digest, record), self._now)


def profile(firm: Sequence[FirmEvent], commands: Sequence[Keyed], now: Instant, file: Path) -> str:
    """Write the profile to `file`, and return in one line what a command costs in memory, in microseconds, by part."""
    desk = InMemory(firm, now)
    desk.answer(commands[:WARM_UP])
    begun = time.process_time()
    desk.answer(commands[WARM_UP : WARM_UP + MEASURED])
    micros = (time.process_time() - begun) / MEASURED * MICROS_PER_SECOND
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(desk.answer, commands[WARM_UP + MEASURED : WARM_UP + 2 * MEASURED])
    text = io.StringIO()
    stats = pstats.Stats(profiler, stream=text)
    stats.sort_stats("cumulative").print_stats(LINES_SHOWN)
    stats.sort_stats("tottime").print_stats(LINES_SHOWN)
    file.write_text(text.getvalue(), encoding="utf-8")
    told = {name: micros * _share(stats, source, function) for name, source, function in PARTS}
    told["the rest"] = micros - sum(told.values())
    parts = ", ".join(f"{name} {part:.0f}" for name, part in told.items())
    return f"in memory {micros:.0f} µs of processor time a command: {parts} (profile: {file})"


def _share(stats: pstats.Stats, source: str, function: str) -> float:
    """Of the profiled time, what was spent in a function and what it called."""
    found = [
        cumulative
        for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items()  # type: ignore[attr-defined] # undeclared
        if name == function and file.endswith(source)
    ]
    assert len(found) == 1, f"{source} has {len(found)} functions called {function}"
    return float(found[0]) / float(stats.total_tt)  # type: ignore[attr-defined] # undeclared
