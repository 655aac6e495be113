"""`proofdesk`, the command line: orders, approvals, breakers, policies, proposals, keys, Safes, limits, the cluster, schemas.

Exit status: 0, done; 3, refused, with the reason and what would change it; 2, used wrongly; 1, something is away or broken.
`--json` makes every command print one JSON value on stdout, of a refusal its problem (RFC 9457).
"""

from __future__ import annotations

import sys
from typing import Final

import typer

from commands.cli import keys, safe, system
from commands.cli.desk import approvals, orders
from commands.cli.firm import access, breakers, contracts, limits, policies, proposals

EXIT_USAGE: Final = 2

app = typer.Typer(
    name="proofdesk",
    help="Ask for orders, approve them, look at what became of them; stop what must stop, and change the rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(orders.app, name="order")
app.add_typer(approvals.app, name="approval")
app.add_typer(limits.app, name="limit")
app.add_typer(breakers.app, name="breaker")
app.add_typer(policies.app, name="policy")
app.add_typer(proposals.app, name="proposal")
app.add_typer(access.app, name="access")
app.add_typer(contracts.app, name="contract")
app.add_typer(keys.app, name="key")
app.add_typer(safe.app, name="safe")
app.add_typer(system.schemas, name="schema")
app.command("status")(system.status)


def main() -> None:
    """The entry point."""
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        sys.stderr.write("an argument is not UTF-8, and nothing of ours could hold it: type it again in a UTF-8 locale\n")
        sys.exit(EXIT_USAGE)
    app()
