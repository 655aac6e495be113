"""`proofdesk status` and `proofdesk schema`: what runs here, and whether what is said is compatible with what was said."""

from __future__ import annotations

from typing import Any, Final

import httpx
import typer

from commands.cli import profile
from commands.cli.output import EXIT_FAULT, EXIT_REFUSED, print_json, stderr, stdout

HEALTH_SECONDS_MAX: Final = 3

schemas = typer.Typer(no_args_is_help=True)
status_app = typer.Typer(add_completion=False)


@status_app.command()
def status(runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Show the local cluster: URLs, processes, lag, and whether it would take a command. Exit status 1 when it is down."""
    from infra.local_cluster import report  # noqa: PLC0415 - the chain's libraries take a second that no other command needs
    from infra.local_cluster.errors import ClusterError  # noqa: PLC0415 - as above
    from infra.local_cluster.local import Cluster  # noqa: PLC0415 - as above
    from infra.local_cluster.runtime import Runtime  # noqa: PLC0415 - as above

    place = Runtime(runtime.resolve())
    if not (place.folder / "cluster.json").exists():
        stderr.print(f"no cluster in {runtime}; start one with make up")
        raise typer.Exit(EXIT_FAULT)
    try:
        found = report.of(Cluster(place.folder), place)
    except ClusterError as error:
        stderr.print(str(error), markup=False)
        raise typer.Exit(EXIT_FAULT) from None
    health = _health(found["http"])
    if as_json:
        print_json({**found, "health": health})
    else:
        report.show(found, stdout)
        stdout.print(f"ready: {health}", markup=False)
    if not found["processes"]:
        raise typer.Exit(EXIT_FAULT)


@schemas.command("check")
def check(*, as_json: profile.Json = False) -> None:
    """Do models, catalogue and the bytes of every earlier version agree? Exit status 3 when they do not."""
    from schemas import catalogue  # noqa: PLC0415 - Avro's own checker is slow to import
    from schemas.check import problems  # noqa: PLC0415 - as above

    found = list(problems())
    if as_json:
        print_json({"versions": len(catalogue.entries()), "problems": found})
    else:
        for problem in found:
            stderr.print(problem, markup=False)
        if not found:
            stdout.print(f"{len(catalogue.entries())} versions, all compatible both ways")
    if found:
        raise typer.Exit(EXIT_REFUSED)


def _health(url: str) -> dict[str, Any]:
    """Return the gateway's own report on its readiness."""
    try:
        found: dict[str, Any] = httpx.get(f"{url}/readyz", timeout=HEALTH_SECONDS_MAX).json()
    except (httpx.HTTPError, ValueError) as error:
        return {"ready": False, "gateway": f"does not answer: {error}"}
    return found
