"""`proofdesk safe`: setting up wallets that are Safes, contracts whose owners are keys of the firm's."""

from __future__ import annotations

import typer

from commands.cli.safe import planning

app = typer.Typer(no_args_is_help=True)
app.callback()(lambda: None)
app.command("plan")(planning.plan)

__all__ = ["app"]
