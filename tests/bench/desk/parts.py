"""Splits the processor time of a decision, run in memory, by part, and writes a profile.

The parts are timed by a stopwatch around the functions that do them: a profiler makes our calls dearer than a library's, and
would say that a signature costs a third of what it does. What Kafka and the loop cost is not in here: the difference
between the rate on Kafka and the rate in memory says that.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from infra.proofs import ed25519
from schemas import wire
from schemas.events.base import FirmEvent
from schemas.hash_chain import digest_of
from schemas.partitioning import desk_partition
from schemas.values import MICROS_PER_SECOND, Instant
from streams.desk.observer import DeskObserver, processor
from streams.engine.partition import Partition
from streams.rules.decider import Received
from streams.rules.orders.decider import DeskDecider, Message
from streams.rules.orders.judging import judgement
from streams.rules.orders.state import DeskState
from tests.bench.racing.keyed import Keyed

WARM_UP: Final = 300
MEASURED: Final = 2_000
"""Commands without the profiler, and as many with it."""
LINES_SHOWN: Final = 60

PARTS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("decode Avro", wire, "decode"),
    ("verify the signature", ed25519, "verify"),
    ("Cedar", judgement, "evaluate"),
    ("limits", judgement, "limit_facts"),
    ("encode Avro", wire, "encode"),
    ("fold", DeskDecider, "evolve"),
)
"""What is told apart, and where it is looked up when it is called. None of them calls another."""


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
    """Write a profile to `file`, and return in one line what a command costs in memory, in microseconds, by part."""
    desk = InMemory(firm, now)
    desk.answer(commands[:WARM_UP])
    begun = time.process_time()
    told = _timed(lambda: desk.answer(commands[WARM_UP : WARM_UP + MEASURED]))
    whole = time.process_time() - begun
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(desk.answer, commands[WARM_UP + MEASURED : WARM_UP + 2 * MEASURED])
    text = io.StringIO()
    stats = pstats.Stats(profiler, stream=text)
    stats.sort_stats("cumulative").print_stats(LINES_SHOWN)
    stats.sort_stats("tottime").print_stats(LINES_SHOWN)
    file.write_text(text.getvalue(), encoding="utf-8")
    told["the rest"] = whole - sum(told.values())
    each = {name: seconds / MEASURED * MICROS_PER_SECOND for name, seconds in [("whole", whole), *told.items()]}
    parts = ", ".join(f"{name} {each[name]:.0f}" for name in told)
    return f"in memory {each['whole']:.0f} µs of processor time a command: {parts} (profile: {file})"


def _timed(run: Callable[[], None]) -> dict[str, float]:
    """Seconds of processor time in each part of a run."""
    spent = dict.fromkeys((name for name, _, _ in PARTS), 0.0)
    with ExitStack() as stack:
        for name, owner, function in PARTS:
            stack.enter_context(patch.object(owner, function, _stopwatch(spent, name, getattr(owner, function))))
        run()
    return spent


def _stopwatch(spent: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        begun = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - begun

    return timed
