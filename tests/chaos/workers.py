"""The workers under fault: desk processes that are killed, stopped past their session, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

WORKERS: Final = 3
PAUSE_SECONDS: Final = 8.0
"""Longer than the session timeout: the others take the partitions over, and then the stopped one wakes up."""


@dataclass(slots=True)
class Fault:
    """One fault, with when it struck."""

    kind: str
    at: float


@dataclass(slots=True)
class Workers:
    """Three desk workers of one group, supervised as `make up` would."""

    runtime: Path
    module: str = "streams.desk"
    faults: list[Fault] = field(default_factory=list)
    _running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _paused: dict[int, float] = field(default_factory=dict)

    def start(self) -> None:
        """Start all of them."""
        for number in range(WORKERS):
            self._spawn(number)

    def strike(self, random: Random) -> Fault:
        """Kill a worker, or stop one for longer than its session."""
        number = random.choice([n for n in range(WORKERS) if n not in self._paused] or [0])
        kind = "kill" if random.random() < 0.65 or self._paused else "pause"
        fault = Fault(kind, time.monotonic())
        if kind == "kill":
            self._running[number].kill()
        else:
            self._running[number].send_signal(signal.SIGSTOP)
            self._paused[number] = fault.at + PAUSE_SECONDS
        self.faults.append(fault)
        return fault

    def tend(self) -> None:
        """Wake who has been stopped long enough; start again who has died."""
        for number, until in list(self._paused.items()):
            if time.monotonic() >= until:
                self._running[number].send_signal(signal.SIGCONT)
                del self._paused[number]
        for number, process in self._running.items():
            if process.poll() is not None:
                self._spawn(number)

    def stop(self) -> None:
        """End all of them."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def counts(self) -> dict[str, int]:
        """Faults by kind."""
        return dict(Counter(fault.kind for fault in self.faults))

    def _spawn(self, number: int) -> None:
        with (self.runtime / f"worker-{number}.log").open("ab") as output:
            self._running[number] = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env={
                    **os.environ,
                    "PROOFDESK_RUNTIME": str(self.runtime),
                    "PROOFDESK_INSTANCE": str(number),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
