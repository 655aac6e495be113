"""Starts each contender as a program in the virtual environment it needs, with the repository on its path.

The peers' libraries want other versions than the product does (quixstreams: pydantic before 2.14, confluent-kafka before
2.13), so each has an environment of its own under `.runtime/`, made from a lock file with hashes when it is missing or old.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from infra.setup.environment import make_environment
from tests.bench import ROOT
from tests.bench.report import say

INSTANCE_VARIABLE: Final = "PROOFDESK_INSTANCE"
STOP_SECONDS_MAX: Final = 20


class ContenderFailed(Exception):
    """A contender ended, hung, or wrote something else than it should; the message ends with what it printed last."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing the work."""

    name: str
    module: str
    records: int
    """How many it is given: fewer where they would take too long."""
    warm_up: int
    """The first outputs, which do not count."""
    events: tuple[str, ...]
    """The topics on which each record must have led to exactly one event; none for who writes elsewhere and tells."""
    environment: str | None = None
    """Its virtual environment under `.runtime/`, locked in `requirements-<name>.lock`; None: the product's own."""
    workers: int = 1


def install(contenders: Sequence[Contender]) -> list[Contender]:
    """Make the environments that are missing, or older than their lock; give the contenders that can run.

    One whose environment cannot be made is reported and left out.
    """
    ready = []
    for contender in contenders:
        try:
            if contender.environment is not None:
                _install(contender.environment)
        except (subprocess.SubprocessError, OSError) as failure:
            say(f"{contender.name} is left out: its environment cannot be made: {failure}")
            continue
        ready.append(contender)
    return ready


def _install(environment: str) -> None:
    folder, lock = _folder(environment), ROOT / "tests" / "bench" / f"requirements-{environment}.lock"
    stamp = folder / "proofdesk.stamp"
    if stamp.exists() and stamp.stat().st_mtime > lock.stat().st_mtime:
        return
    make_environment(folder, lock)
    stamp.touch()


def _folder(environment: str) -> Path:
    return ROOT / ".runtime" / f"bench-{environment}"


@contextmanager
def running(contender: Contender, description: ClusterDescription, log: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The contender's processes, stopped at the end whatever happens."""
    python = sys.executable if contender.environment is None else str(_folder(contender.environment) / "bin" / "python")
    shared = {**os.environ, RUNTIME_VARIABLE: str(description.runtime), "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        processes = [
            subprocess.Popen(
                [python, "-m", contender.module],
                cwd=ROOT,
                env={**shared, INSTANCE_VARIABLE: str(number)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for number in range(contender.workers)
        ]
        try:
            yield processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
