"""`proofdesk key`: what keys there are, and proposing that one be made, used, renewed, stopped or destroyed."""

from __future__ import annotations

import typer

from commands.cli.keys import changes, reading

app = typer.Typer(no_args_is_help=True)
app.command("list")(reading.list_keys)
app.command("show")(reading.show)
app.command("generate")(changes.generate)
app.command("activate")(changes.activate)
app.command("rotate")(changes.rotate)
app.command("suspend")(changes.suspend)
app.command("resume")(changes.resume)
app.command("destroy")(changes.destroy)
app.command("recover")(changes.recover)

__all__ = ["app"]
