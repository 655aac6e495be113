"""`proofdesk access`: who may do what, and proposing that somebody's rights be others."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from commands.cli import files, profile
from commands.cli.firm.answers import answered
from commands.cli.output import answering, print_json, table
from schemas.firm import Access

FILE_BYTES_MAX: Final = 65_536

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_access(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print everybody, with their roles, site and desks."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/access")["principals"]
    if as_json:
        print_json(found)
        return
    rows = [
        (each["principal"], each["kind"], each["status"], ", ".join(each["roles"]), each["site"], ", ".join(each["desks"]))
        for each in found
    ]
    table(("principal", "what", "status", "roles", "site", "desks"), rows)


@app.command()
def propose(  # noqa: PLR0913, PLR0917 - options
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The rights, whole, as `access list --json` prints them.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose somebody's rights; a quorum of others must agree to it."""
    said = files.json_in(file, files.content(file, FILE_BYTES_MAX))
    with answering(as_json=as_json):
        access = Access.model_validate(said)
        with profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
            answered(client.propose_access(access, reason), as_json=as_json)
