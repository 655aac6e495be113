"""`proofdesk`, the command line: orders, approvals, breakers, policies, proposals, keys, Safes, limits, the cluster, schemas.

Exit status: 0, done; 3, refused, with the reason and what would change it; 2, used wrongly; 1, something is away or broken.
`--json` makes every command print one JSON value on stdout, of a refusal its problem (RFC 9457).
"""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from commands.cli.subcommands import Subcommands

EXIT_USAGE: Final = 2

app = typer.Typer(
    name="proofdesk",
    cls=Subcommands,
    help="Ask for orders, approve them, look at what became of them; stop what must stop, and change the rules.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich takes half as long again to import as all that this help needs; subcommands have it
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer gives a flag by place
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - 0.03 s that nothing else here needs

        sys.stdout.write(f"proofdesk {version('proofdesk')}\n")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of `proofdesk` itself."""


def main() -> None:
    """The entry point."""
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        sys.stderr.write("an argument is not UTF-8, and nothing of ours could hold it: type it again in a UTF-8 locale\n")
        sys.exit(EXIT_USAGE)
    app()
