"""`python -m infra.local_cluster`: start, stop and show a cluster on this machine."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, get_args

import typer
from rich.console import Console

from infra.local_cluster import report
from infra.local_cluster.errors import ClusterError
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES
from infra.local_cluster.runtime import ROOT, Runtime
from infra.local_cluster.services import SERVICES, Service
from infra.settings.description import ClusterDescription

DEFAULT: Final = ROOT / ".runtime" / "default"

app = typer.Typer(
    help="The local cluster: start it, stop it, look at it.", no_args_is_help=True, pretty_exceptions_enable=False
)
console = Console(stderr=True, highlight=False)
Folder = Annotated[Path, typer.Option("--runtime", envvar="PROOFDESK_RUNTIME", help="The cluster's folder.")]


@app.command()
def up(
    runtime: Folder = DEFAULT,
    only: Annotated[str, typer.Option(help=f"Services, without our processes: {','.join(SERVICES)}.")] = "",
    found: Annotated[str, typer.Option(help="module:function that makes the institution, given the cluster.")] = "",
    brokers: Annotated[int | None, typer.Option(min=1, help="Kafka brokers of a new cluster; with 3, any one may die.")] = None,
) -> None:
    """Start every process that is not running, and wait until the system answers."""
    services = [each for each in SERVICES if not only or each in only.split(",")]
    unknown = set(filter(None, only.split(","))) - set(get_args(Service))
    if unknown:
        raise typer.BadParameter(f"no such service: {', '.join(sorted(unknown))}; choose from {', '.join(SERVICES)}")
    cluster = Cluster(runtime, services, () if only else PROCESSES, console.print, _founder(found), brokers=brokers)
    try:
        cluster.start()
        report.show(report.of(cluster, Runtime(runtime.resolve())), console)
    except ClusterError as error:
        _fail(error)


@app.command()
def down(
    runtime: Folder = DEFAULT,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Delete all of its data, keys included.")] = False,
) -> None:
    """Stop every process; the data stays."""
    try:
        Cluster(runtime).stop(delete=delete)
    except ClusterError as error:
        _fail(error)
    console.print(f"{runtime}: {'down, and deleted' if delete else 'down'}")


@app.command()
def restart(
    name: Annotated[str, typer.Argument(help="One process, as `status` names it: desk, cosigner-3, kafka …")],
    runtime: Folder = DEFAULT,
) -> None:
    """Stop one process and start it again; the others go on."""
    cluster = Cluster(runtime)
    try:
        states = {each.name: each.state for each in cluster.running()}
        if states.get(name) == "running":
            cluster.restart_process(name)
        elif name in states:
            cluster.start_process(name)
    except ClusterError as error:
        _fail(error)
    if name not in states:
        _fail(ClusterError(f"{runtime} runs no {name}; it runs {', '.join(sorted(states)) or 'nothing: make up'}"))
    console.print(f"{name}: restarted")


@app.command()
def status(
    runtime: Folder = DEFAULT,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show processes, ports, URLs and lag. Exit status 1 when it is down."""
    place = Runtime(runtime.resolve())
    if not (place.folder / "cluster.json").exists():
        _fail(ClusterError(f"no cluster in {runtime}; start one with make up"))
    try:
        found = report.of(Cluster(runtime), place)
    except ClusterError as error:
        _fail(error)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        report.show(found, Console(highlight=False))
    if not found["processes"]:
        raise typer.Exit(1)


def _founder(name: str) -> Callable[[ClusterDescription], object]:
    if not name:
        return lambda _: None
    module, _, function = name.partition(":")
    founder: Callable[[ClusterDescription], object] = getattr(importlib.import_module(module), function)
    return founder


def _fail(error: ClusterError) -> NoReturn:
    console.print(f"[red]{error}[/red]")
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
