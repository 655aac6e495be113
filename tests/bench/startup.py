"""`startup`: what starting costs, in processor time of each process's imports and of a help text, and in seconds for a system.

Ours of the imports is their sum over all processes of a whole system, its floor as many interpreters that import nothing.
Ours of the system is the time from an empty folder until the gateway says that it is ready; its floor the same without our
processes, so only Kafka, PostgreSQL, the chain and the token. Processor time hardly depends on what else the machine does, the
seconds do: the note names the load.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES, Process
from infra.local_cluster.services import SERVICES
from infra.settings.description import ClusterDescription
from streams.samples.institution import establish
from tests.bench import ROOT
from tests.bench.report import Result, say

IMPORT_RUNS: Final = 5
SYSTEM_RUNS: Final = 3
MS_PER_SECOND: Final = 1_000
NOTHING: Final = ("-c", "pass")


def run(description: ClusterDescription) -> Iterator[Result]:
    """Imports, the help text, then whole systems in the folder of `description`, whose own cluster ends."""
    yield _imports()
    yield _help()
    yield _systems(description.runtime)


def entries() -> dict[str, str]:
    """The module that each kind of process runs, by the name of its first process."""
    found: dict[str, str] = {}
    for each in PROCESSES:
        if each.module not in found.values():
            found[each.name] = each.module
    return found


def _imports() -> Result:
    """One process of each kind after the other, in rounds: a machine that slows down slows all of them."""
    runs: dict[str, list[float]] = {"ours": [], "floor": []}
    counts = {name: sum(each.module == module for each in PROCESSES) for name, module in entries().items()}
    for number in range(IMPORT_RUNS):
        took = {name: _processor_ms("-c", f"import {module}.__main__") for name, module in entries().items()}
        runs["ours"].append(sum(took[name] * count for name, count in counts.items()))
        runs["floor"].append(_processor_ms(*NOTHING) * len(PROCESSES))
        for name, ms in took.items():
            runs.setdefault(name, []).append(ms)
        say(f"imports, round {number + 1}: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in took.items()))
    return Result.of("startup-imports", "ms of processor time", runs, "ours: the sum of all processes of a system")


def _help() -> Result:
    runs: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(IMPORT_RUNS):
        runs["ours"].append(_processor_ms("-m", "commands.cli", "--help"))
        runs["floor"].append(_processor_ms(*NOTHING))
    return Result.of(
        "startup-help", "ms of processor time", runs, "proofdesk --help; floor: an interpreter that imports nothing"
    )


def _systems(folder: Path) -> Result:
    runs: dict[str, list[float]] = {"ours": [], "floor": []}
    spent: list[float] = []
    for number in range(SYSTEM_RUNS):
        for who, processes in (("floor", ()), ("ours", PROCESSES)):
            seconds, processor_seconds = _started(folder, processes)
            say(f"system, round {number + 1}: {who} ready after {seconds:.1f} s, {processor_seconds:.1f} s of processor time")
            runs[who].append(seconds)
            if who == "ours":
                spent.append(processor_seconds)
    load, cores = os.getloadavg()[1], os.cpu_count()
    note = (
        "from an empty folder to ready; floor: services alone. "
        f"Processor time of what then runs, median: {median(spent):.1f} s; "
        f"load of the last five minutes {load:.1f} on {cores} cores"
    )
    return Result.of("startup-system", "s", runs, note)


def _started(folder: Path, processes: Sequence[Process]) -> tuple[float, float]:
    """Seconds until a new system is ready, and the processor time that everything which then runs has taken."""
    Cluster(folder).stop(delete=True)
    cluster = Cluster(folder, SERVICES, processes, found=establish)
    begun = time.perf_counter()
    try:
        cluster.start()
        seconds = time.perf_counter() - begun
        times = [psutil.Process(each.pid).cpu_times() for each in cluster.running() if each.pid]
        return seconds, sum(each.user + each.system for each in times)
    finally:
        cluster.stop(delete=True)


def _processor_ms(*arguments: str) -> float:
    """Processor time of one Python program, from its beginning to its end."""
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return (used.ru_utime + used.ru_stime) * MS_PER_SECOND
