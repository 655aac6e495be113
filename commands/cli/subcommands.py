"""The subcommands of `proofdesk`: their names, their help, and where each is defined, imported when it is used.

`proofdesk --help` needs names and help only; importing every subcommand would cost it 0.6 s of processor time.
To add a subcommand: write its Typer app, add a function that imports it, add a line to `SUBCOMMANDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


def _status() -> TyperCommand | TyperGroup:
    from commands.cli.system import status_app

    return get_command(status_app)  # type: ignore[return-value] # of a Typer app it is one of Typer's


def _order() -> TyperGroup:
    from commands.cli.desk import orders

    return get_group(orders.app)


def _approval() -> TyperGroup:
    from commands.cli.desk import approvals

    return get_group(approvals.app)


def _limit() -> TyperGroup:
    from commands.cli.firm import limits

    return get_group(limits.app)


def _breaker() -> TyperGroup:
    from commands.cli.firm import breakers

    return get_group(breakers.app)


def _policy() -> TyperGroup:
    from commands.cli.firm import policies

    return get_group(policies.app)


def _proposal() -> TyperGroup:
    from commands.cli.firm import proposals

    return get_group(proposals.app)


def _access() -> TyperGroup:
    from commands.cli.firm import access

    return get_group(access.app)


def _contract() -> TyperGroup:
    from commands.cli.firm import contracts

    return get_group(contracts.app)


def _key() -> TyperGroup:
    from commands.cli import keys

    return get_group(keys.app)


def _safe() -> TyperGroup:
    from commands.cli import safe

    return get_group(safe.app)


def _schema() -> TyperGroup:
    from commands.cli import system

    return get_group(system.schemas)


Load = Callable[[], TyperCommand | TyperGroup]

SUBCOMMANDS: Final[tuple[tuple[str, str, Load], ...]] = (
    (
        "status",
        "Show the local cluster: URLs, processes, lag, and whether it would take a command. Exit status 1 when it is down.",
        _status,
    ),
    ("order", "Orders.", _order),
    ("approval", "Approvals.", _approval),
    ("limit", "Limits.", _limit),
    ("breaker", "Breakers.", _breaker),
    ("policy", "The firm's policy, limits and settings.", _policy),
    ("proposal", "Proposals to governance.", _proposal),
    ("access", "People, systems and their rights.", _access),
    ("contract", "Contracts and accounts that the firm may deal with.", _contract),
    ("key", "Keys. Every change is a proposal; a quorum of others agrees to it.", _key),
    ("safe", "Wallets that are Safes: several keys own them, on the chain itself.", _safe),
    ("schema", "The schemas of what is said.", _schema),
)
"""Name, help, and what imports it; shown in this order."""


class Deferred(TyperCommand):
    """A subcommand that is imported when its arguments are read; it is listed by its name and help."""

    def __init__(self, name: str, help_text: str, load: Load) -> None:
        """Import nothing yet."""
        super().__init__(name=name, help=help_text)
        self._load = load

    def make_context(self, *arguments: Any, **options: Any) -> typer.Context:
        """Import the command, and let it read its arguments: from here on it is the one that runs."""
        command = self._load()
        command.name, command.help = self.name, self.help
        return command.make_context(*arguments, **options)  # type: ignore[return-value] # Typer's own context


class Subcommands(TyperGroup):
    """The group of all subcommands."""

    def __init__(self, **settings: Any) -> None:
        """List them; import none."""
        super().__init__(**settings)
        for name, help_text, load in SUBCOMMANDS:
            self.add_command(Deferred(name, help_text, load))

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """Write every subcommand's help whole, wrapped, where the default would cut it to one line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in self.commands.items()])
