"""Faults from a seed: processes, brokers and the database killed behind the supervisor's back, workers and brokers stopped.

The supervisor is the one that `make up` uses, and brings back whoever dies. One broker at a time, and only while all of
them have everything: that is what three brokers promise to survive. All else may happen together.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from infra.kafka import clients
from infra.kafka.topics import out_of_sync
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import Process
from infra.local_cluster.runtime import broker_names

Kind = Literal["kill-worker", "pause-worker", "kill-broker", "pause-broker", "kill-postgres", "kill-projector"]
BROKERS: Final = 3
WORKERS: Final = 3
DESK: Final = Process("desk", "streams.desk", "desk", replicas=WORKERS)
PROJECTOR: Final = Process("projector", "projections.projector", "projector")
PROCESSES: Final = (Process("governance", "streams.governance", "governance"), DESK, PROJECTOR)
WEIGHTS: Final[dict[Kind, int]] = {
    "kill-worker": 30,
    "pause-worker": 15,
    "kill-broker": 25,
    "pause-broker": 5,
    "kill-postgres": 15,
    "kill-projector": 10,
}
PAUSE_SECONDS: Final = 8.0
"""Longer than a worker's and a broker's session: others take over, and then the stopped one wakes up."""
BROKER_REST_SECONDS: Final = 12.0
"""From one broker's fault to the next: it must be back and have everything again."""
READ_SIDE: Final[frozenset[Kind]] = frozenset({"kill-postgres", "kill-projector"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, with when it struck."""

    kind: Kind
    victim: str
    at: float


@dataclass(slots=True)
class Faults:
    """Faults for one cluster."""

    cluster: Cluster
    random: Random
    struck: list[Fault] = field(default_factory=list)
    _paused: dict[int, tuple[str, float]] = field(default_factory=dict)
    """By process id: whom, and until when."""

    def strike(self) -> Fault | None:
        """Let one thing happen, drawn from what may happen now; None when that one cannot."""
        kind: Kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        victims = [name for name in self._candidates(kind) if name not in {paused for paused, _ in self._paused.values()}]
        if not victims or ("broker" in kind and not self._may_lose_a_broker()):
            return None
        victim = self.random.choice(victims)
        pids = {each.name: each.pid for each in self.cluster.running()}
        if not pids.get(victim):
            return None  # it is being brought back already
        fault = Fault(kind, victim, time.monotonic())
        try:
            os.kill(pids[victim], signal.SIGSTOP if kind.startswith("pause") else signal.SIGKILL)
        except ProcessLookupError:
            return None
        if kind.startswith("pause"):
            self._paused[pids[victim]] = (victim, fault.at + PAUSE_SECONDS)
        self.struck.append(fault)
        return fault

    def tend(self) -> None:
        """Wakes processes that were stopped long enough."""
        for pid in [pid for pid, (_, until) in self._paused.items() if time.monotonic() >= until]:
            self._wake(pid)

    def end(self) -> None:
        """Wake everybody: no more faults."""
        for pid in list(self._paused):
            self._wake(pid)

    def counts(self) -> dict[str, int]:
        """Faults by kind."""
        return dict(Counter(fault.kind for fault in self.struck))

    def _wake(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        del self._paused[pid]

    def _candidates(self, kind: Kind) -> tuple[str, ...]:
        match kind:
            case "kill-worker" | "pause-worker":
                return DESK.instances
            case "kill-broker" | "pause-broker":
                return broker_names(BROKERS)
            case "kill-postgres":
                return ("postgres",)
            case "kill-projector":
                return PROJECTOR.instances

    def _may_lose_a_broker(self) -> bool:
        last = max(self._of_brokers(), default=0.0)
        if time.monotonic() - last < BROKER_REST_SECONDS:
            return False
        return out_of_sync(clients.admin(self.cluster.description, "admin"), BROKERS, seconds_max=1) == 0

    def _of_brokers(self) -> Iterator[float]:
        return (fault.at for fault in self.struck if "broker" in fault.kind)
