"""`python -m tests.bench [NAME]`: run the benchmarks, or one, each on a cluster of its own that is gone afterwards."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES, Process
from infra.local_cluster.services import SERVICES, Service
from infra.local_cluster.supervision import alive
from infra.settings.description import ClusterDescription
from streams.samples.institution import establish
from tests.bench import ROOT
from tests.bench.report import record

CLUSTERS: Final = ROOT / ".runtime"
CLUSTER_PREFIX: Final = "bench-cluster-"
LOG: Final = ROOT / ".runtime" / "bench.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module with `run(description) -> Iterable[Result]`, and what the cluster must have."""

    module: str
    services: tuple[Service, ...]
    processes: tuple[Process, ...] = ()


_ASIDE: Final = frozenset({"prices", "detectors", "projector", "gateway"})
"""Nobody between a command and its signature waits for these."""
_SIGNING: Final = tuple(each for each in PROCESSES if each.name not in _ASIDE)

BENCHMARKS: Final[dict[str, Benchmark]] = {
    "startup": Benchmark("tests.bench.startup", ()),
    "engine": Benchmark("tests.bench.window.benchmark", ("kafka",)),
    "desk": Benchmark("tests.bench.desk.benchmark", ("kafka", "postgres")),
    "restart": Benchmark("tests.bench.restart.benchmark", ("kafka",)),
    "projection-rebuild": Benchmark("tests.bench.projection", ("kafka", "postgres")),
    "order-latency": Benchmark("tests.bench.latency", SERVICES, PROCESSES),
    "signing-judge": Benchmark("tests.bench.signing.judging", ("kafka",)),
    "signing-hsm": Benchmark("tests.bench.signing.hsm", ("kafka", "token")),
    "signing-shares": Benchmark("tests.bench.signing.shares", ("kafka", "node", "token", "world"), _SIGNING),
}


@app.command()
def main(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(BENCHMARKS)}, or what several begin with; else all.")] = "",
) -> None:
    """Measure ours beside a floor and beside peers; print each figure and keep it in .runtime/bench.jsonl as it is measured.

    A benchmark that fails is reported and the others go on; then the exit status is 1.
    """
    chosen = [each for each in BENCHMARKS if not name or each == name or each.startswith(f"{name}-")]
    if not chosen:
        raise typer.BadParameter(f"no such benchmark: {name}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, _interrupted)
    failed = [each for each in chosen if not _ran(each)]
    if failed:
        console.print(f"failed: {', '.join(failed)}; what was measured before stands in {LOG}")
        raise typer.Exit(1)


def _ran(name: str) -> bool:
    """Run one benchmark, recording each result as it comes; False if it failed."""
    benchmark = BENCHMARKS[name]
    try:
        with _cluster(benchmark) as description:
            console.print(f"{name}: running")
            for result in importlib.import_module(benchmark.module).run(description):
                record(result, LOG)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the other benchmarks are still to be run
        console.print(f"{name}: failed: {type(failure).__name__}: {failure}", markup=False)
        return False
    return True


@contextmanager
def _cluster(benchmark: Benchmark) -> Iterator[ClusterDescription]:
    """A fresh cluster, deleted afterwards, also when interrupted. So is what runs that were killed have left."""
    for left in CLUSTERS.glob(f"{CLUSTER_PREFIX}*"):
        if not alive(int(left.name.removeprefix(CLUSTER_PREFIX))):
            Cluster(left).stop(delete=True)
    runtime = CLUSTERS / f"{CLUSTER_PREFIX}{os.getpid()}"
    cluster = Cluster(runtime, benchmark.services, benchmark.processes, console.print, found=establish)
    try:
        yield cluster.start()
    finally:
        cluster.stop(delete=True)


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """Stopped by SIGTERM as by Ctrl-C: what was started is stopped on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    app()
