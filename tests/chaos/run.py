"""Makes one chaos run: load throughout, faults from a seed, then a pause until every command is answered and projected."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from tests.chaos.faults import Faults
from tests.chaos.load import Load
from tests.chaos.watch import Watch

READY_SECONDS_MAX: Final = 90.0
DRAIN_SECONDS_MAX: Final = 180.0
QUIET_LOOKS: Final = 10
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """Length, intensity and seed of a run. It goes on beyond `seconds` until `faults_min` have struck."""

    seed: int
    seconds: float
    faults_min: int

    @property
    def interval_seconds(self) -> float:
        """The mean time between two faults, some of which turn out not to be possible when their time comes."""
        return self.seconds / self.faults_min / 1.2

    def gap(self, random: Random) -> float:
        """Faults come at random moments, now and then one upon the other."""
        return self.interval_seconds * random.uniform(0.1, 1.9)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run's commands, observations and faults."""

    plan: Plan
    load: Load
    watch: Watch
    faults: Faults


class NotReady(Exception):
    """The system never answered on all partitions, so that nothing could be learnt from faults."""


def run(cluster: Cluster, plan: Plan, progress: Callable[[str], None] = lambda _line: None) -> Ran:
    """Load and faults, then silence."""
    load = Load(cluster.description, Random(plan.seed))
    watch, faults = Watch(cluster.description, load.sent), Faults(cluster, Random(plan.seed + 1))
    try:
        _await_answers(load, watch)
        _under_faults(plan, load, watch, faults, progress)
    finally:
        faults.end()
    load.finish()
    _drain(load, watch)
    return Ran(plan, load, watch, faults)


def _await_answers(load: Load, watch: Watch) -> None:
    deadline = Deadline(READY_SECONDS_MAX)
    while not watch.everywhere:
        if deadline.passed:
            raise NotReady(f"only partitions {sorted(set(watch.answered.values()))} answer after {READY_SECONDS_MAX:g} s")
        load.tend()
        watch.look(LOOK_SECONDS)


def _under_faults(plan: Plan, load: Load, watch: Watch, faults: Faults, progress: Callable[[str], None]) -> None:
    begun = time.monotonic()
    due = begun + plan.gap(faults.random)
    while (now := time.monotonic()) < begun + plan.seconds or len(faults.struck) < plan.faults_min:
        load.tend()
        watch.look(LOOK_SECONDS)
        faults.tend()
        if now >= due:
            due = now + plan.gap(faults.random)
            fault = faults.strike()
            if fault is not None:
                watch.struck(fault)
                progress(
                    f"{now - begun:6.1f} s  {fault.kind:14} {fault.victim:10} "
                    f"sent {len(load.sent)}, written {load.written}, answered {len(watch.answered)}"
                )


def _drain(load: Load, watch: Watch) -> None:
    """No more commands: wait until every one is answered, and the log has been quiet for a while."""
    deadline, quiet = Deadline(DRAIN_SECONDS_MAX), 0
    while not deadline.passed and quiet < QUIET_LOOKS:
        quiet = 0 if watch.look(0.2) or load.unanswered(watch.answered) else quiet + 1
