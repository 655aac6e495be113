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

from infra.cluster.description import ClusterDescription
from infra.cluster.local import Cluster
from infra.cluster.processes import PROCESSES, Process
from infra.cluster.services import SERVICES, Service
from infra.cluster.supervision import alive
from tests.bench import ROOT
from tests.bench.report import Result, show
from tests.scenarios.newswap.institution import establish

CLUSTERS: Final = ROOT / ".runtime"
CLUSTER_PREFIX: Final = "bench-cluster-"
LOG: Final = ROOT / ".runtime" / "bench.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module with `run(description) -> list[Result]`, and what the cluster must have."""

    module: str
    services: tuple[Service, ...]
    processes: tuple[Process, ...] = ()


_ASIDE: Final = frozenset({"observer", "detectors", "projector", "gateway"})
"""Nobody between a command and its signature waits for these."""
_SIGNING: Final = tuple(each for each in PROCESSES if each.name not in _ASIDE)

BENCHMARKS: Final[dict[str, Benchmark]] = {
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
    """Ours beside a floor and beside peers, all in one run; a table, and a line of JSON each in .runtime/bench.jsonl."""
    chosen = [each for each in BENCHMARKS if not name or each == name or each.startswith(f"{name}-")]
    if not chosen:
        raise typer.BadParameter(f"no such benchmark: {name}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, _interrupted)
    results: list[Result] = []
    for each in chosen:
        benchmark = BENCHMARKS[each]
        with _cluster(benchmark) as description:
            console.print(f"{each}: running")
            results += importlib.import_module(benchmark.module).run(description)
    show(results, LOG)


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
