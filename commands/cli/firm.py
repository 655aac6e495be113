"""`proofdesk limit` and `proofdesk contract`: what governance has set, and what is used of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from commands.answers import PROBLEM_TYPE_PREFIX, Problem
from commands.cli import profile
from commands.cli.output import answering, fields, print_json, table, when
from commands.client import CommandRefused

limits = typer.Typer(help="Limits.", no_args_is_help=True)
contracts = typer.Typer(help="Contracts and accounts that the firm may deal with.", no_args_is_help=True)


@limits.command("list")
def list_limits(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print every limit in force and what is left of it."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/limits")["limits"]
    if as_json:
        print_json(found)
    else:
        table(("limit", "whose", "window", "cap", "reserved", "posted", "left"), [_limit(each) for each in found])


@contracts.command("list")
def list_contracts(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print all that are listed."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/contracts")["contracts"]
    if as_json:
        print_json(found)
    else:
        rows = [(each["name"], each["kind"], each["chain_id"], each["address"], each["open_findings"]) for each in found]
        table(("name", "kind", "chain", "address", "open findings"), rows)


@contracts.command()
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


def _limit(limit: dict[str, Any]) -> tuple[object, ...]:
    window = f"{limit['window_seconds'] // 3_600} h" if limit["window_seconds"] else "each"
    used = Decimal(limit["reserved_usd"]) + Decimal(limit["posted_usd"])
    left = Decimal(limit["cap_usd"]) - used
    return limit["limit_id"], limit["scope_key"], window, limit["cap_usd"], limit["reserved_usd"], limit["posted_usd"], left


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
