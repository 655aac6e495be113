"""`proofdesk breaker`: what is stopped, stopping something at once, and proposing that it may go on."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.cli import profile
from commands.cli.firm.answers import answered
from commands.cli.output import answering, print_json, table, when
from schemas.firm_commands import ProposeReset, TripBreaker

app = typer.Typer(no_args_is_help=True)

Scope = Annotated[str, typer.Argument(help="firm, desk, wallet, asset, contract, protocol or counterparty.")]
Subject = Annotated[str, typer.Argument(help="Which one; * for all of them, and for the firm.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


@app.command("list")
def list_breakers(
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were reset.")] = False,
    as_json: profile.Json = False,
) -> None:
    """Print the breakers that are tripped."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/breakers", **({"all": "true"} if everything else {}))["breakers"]
    if as_json:
        print_json(found)
        return
    rows = [(f"{b['scope']} {b['subject']}", b["state"], when(b["changed_at"]), b["tripped_by"], b["reason"]) for b in found]
    table(("breaker", "state", "since", "tripped by", "because"), rows)


@app.command()
def trip(  # noqa: PLR0913, PLR0917 - options
    scope: Scope,
    subject: Subject,
    reason: Reason,
    state: Annotated[str, typer.Option(help="open: only evacuation passes; reducing: what lowers exposure, too.")] = "open",
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Stop something at once."""
    with answering(as_json=as_json):
        asked = TripBreaker.model_validate({"scope": scope, "subject": subject, "state": state, "reason": reason})
        with profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
            answered(client.trip(asked.scope, asked.subject, asked.state, asked.reason), as_json=as_json)


@app.command()
def reset(  # noqa: PLR0913, PLR0917 - options
    scope: Scope,
    subject: Subject,
    reason: Reason,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose that it may go on; a quorum of others must agree."""
    with answering(as_json=as_json):
        asked = ProposeReset.model_validate({"scope": scope, "subject": subject, "reason": reason})
        with profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
            answered(client.propose_reset(asked.scope, asked.subject, asked.reason), as_json=as_json)
