"""`proofdesk approval`: what waits, and a person's yes or no with their own key.

What is to be approved is shown decoded, and hashed again here; a hash that differs from the server's is never signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.answers import AWAITING_APPROVAL
from commands.cli import profile
from commands.cli.desk.answers import answered
from commands.cli.desk.orders import OrderId
from commands.cli.output import answering, fields, print_json, stdout, table, when
from commands.client import ProofdeskClient, WantedApproval, wanted
from schemas.values import plain

LISTED_ORDERS_MAX = 1_000

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_approvals(
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    desk: Annotated[str, typer.Option(help="Only of this desk.")] = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Print the orders that wait for approval."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        if as_json:
            print_json(list(client.read_orders(desk=desk or None, state=AWAITING_APPROVAL, most=LISTED_ORDERS_MAX)))
            return
        found = client.list(desk=desk or None, state=AWAITING_APPROVAL, most=LISTED_ORDERS_MAX)
    table(
        ("order", "initiator", "USD", "needs", "until"),
        [(each.order_id, each.initiator, each.amount_usd, ", ".join(each.requires), when(each.expires_at)) for each in found],
    )


@app.command()
def give(  # noqa: PLR0913 - options
    order_id: OrderId,
    key: Annotated[Path, typer.Option("--key", envvar="PROOFDESK_KEY", help="Your authenticator.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is what you approve.")] = False,
    as_json: profile.Json = False,
) -> None:
    """Show what is to be approved, check its hash, and approve exactly that."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, "")) as client:
        approval = _shown(client, order_id, quiet=as_json)
        if not yes and not as_json and stdout.is_terminal:
            typer.confirm("Approve exactly this?", abort=True)
        answered(client.approve(approval), as_json=as_json)


@app.command()
def withdraw(  # noqa: PLR0913, PLR0917 - options
    order_id: OrderId,
    key: Annotated[Path, typer.Option("--key", envvar="PROOFDESK_KEY", help="Your authenticator.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Take your own approval back, before the order is signed."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, "")) as client:
        answered(client.withdraw_approval(order_id, reason), as_json=as_json)


@app.command()
def decline(  # noqa: PLR0913, PLR0917 - options
    order_id: OrderId,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    key: Annotated[Path, typer.Option("--key", envvar="PROOFDESK_KEY", help="Your authenticator.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Refuse to approve; the order is closed."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, "")) as client:
        answered(client.decline(order_id, reason), as_json=as_json)


def _shown(client: ProofdeskClient, order_id: str, *, quiet: bool) -> WantedApproval:
    """The approval that the order waits for, printed. Raises ApprovalMismatch."""
    order = client.show(order_id)
    approval = wanted(order)
    subject, effect = approval.subject, approval.subject.effect
    if not quiet:
        fields(
            [
                ("order", approval.order_id),
                ("asked by", subject.order.initiator),
                ("memo", subject.order.memo),
                ("amount", f"{plain(subject.order.action.amount)} {effect.spends_asset_id}"),
                ("base units", f"{effect.spends} {effect.spends_asset_id}"),
                ("worth", f"{order.amount_usd} USD"),
                ("calls", f"{effect.call} at {effect.contract}, chain {effect.chain_id}"),
                ("from", f"{subject.order.wallet_id}, {effect.wallet}"),
                ("to", effect.counterparty),
                ("receives", effect.receives_asset_id),
                ("reserves", "; ".join(f"{each.amount_usd} USD of {each.scope_key}" for each in subject.reserved)),
                ("policy", subject.policy_hash),
                ("hash", approval.approval_hash),
            ]
        )
    return approval
