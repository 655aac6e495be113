"""`proofdesk contract`: contracts and accounts that the firm may deal with."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.answers import PROBLEM_TYPE_PREFIX, Problem
from commands.cli import profile
from commands.cli.output import answering, fields, print_json, table, when
from commands.client import CommandRefused

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_contracts(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print all that are listed."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/contracts")["contracts"]
    if as_json:
        print_json(found)
    else:
        rows = [(each["name"], each["kind"], each["chain_id"], each["address"], each["open_findings"]) for each in found]
        table(("name", "kind", "chain", "address", "open findings"), rows)


@app.command()
def show(
    address: Annotated[str, typer.Argument(help="The contract's or account's address.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    *,
    as_json: profile.Json = False,
) -> None:
    """Print what governance has said of one address."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        listed = client.read("/v1/contracts")["contracts"]
        found = [each for each in listed if each["address"].lower() == address.lower()]
        if not found:
            raise CommandRefused(_unlisted(address))
    if as_json:
        print_json(found)
        return
    for each in found:
        fields([*each.items(), ("listed", when(each["listed_at"]))])


def _unlisted(address: str) -> Problem:
    remedy = "check the address at its source, or have governance list it"
    return Problem(
        type=f"{PROBLEM_TYPE_PREFIX}contract-unlisted",
        title="Not Found",
        status=404,
        detail=f"{address} is not listed; {remedy}",
        check="contract-unlisted",
        remedy=remedy,
    )
