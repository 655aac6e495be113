"""`proofdesk order`: submit, show, list, split, cancel."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

import typer

from commands.cli import files, profile
from commands.cli.desk.answers import answered, tried
from commands.cli.desk.parts import equal_parts
from commands.cli.output import answering, fields, print_json, stdout, table, when
from commands.client import ShownOrder
from schemas.commands import SPLIT_PARTS_MAX, InitiateOrder
from schemas.keys import Attestation, CosignerVerdict
from schemas.orders import Action, Swap
from schemas.values import DeskId, Record, Text, WalletId, in_ether, in_gwei, plain

LISTED_ORDERS: Final = 50
LISTED_ORDERS_MAX: Final = 10_000
FILE_BYTES_MAX: Final = 65_536

app = typer.Typer(no_args_is_help=True)

OrderId = Annotated[str, typer.Argument(metavar="ID", help="The order's id.")]


class OrderFile(Record):
    """Holds an order read from a file: `{"desk_id": …, "wallet_id": …, "action": {"kind": "transfer", …}, "memo": …}`."""

    desk_id: DeskId
    wallet_id: WalletId
    action: Action
    memo: Text = ""


@app.command()
def submit(  # noqa: PLR0913, PLR0917 - options
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The order in JSON; - reads stdin.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    idempotency_key: Annotated[
        str, typer.Option(help="One key, one order: give it to be able to ask again without ordering twice.")
    ] = "",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask only what would be decided; nothing is reserved.")] = False,
    as_json: profile.Json = False,
) -> None:
    """Ask for an order and print what policy says."""
    content = files.json_in(file, files.content(file, FILE_BYTES_MAX))
    with answering(as_json=as_json):
        asked = OrderFile.model_validate(content)
        with profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
            if dry_run:
                tried(client.attempt(asked.desk_id, asked.wallet_id, asked.action, asked.memo), as_json=as_json)
                return
            body = InitiateOrder(wallet_id=asked.wallet_id, action=asked.action, memo=asked.memo)
            try:
                command = client.command(asked.desk_id, body, idempotency_key or None)
            except ValueError as error:
                raise typer.BadParameter(str(error), param_hint="--idempotency-key") from None
            answered(client.send(command), as_json=as_json)


@app.command()
def show(
    order_id: OrderId, url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False
) -> None:
    """Print an order and its timeline."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        if as_json:
            print_json(
                {**client.read(f"/v1/orders/{order_id}"), "links": client.read(f"/v1/orders/{order_id}/events")["links"]}
            )
            return
        order, links = client.show(order_id), client.events(order_id)
    fields(described(order))
    for refusal in order.refusals:
        stdout.print(f"  {refusal.check}: {refusal.message}; {refusal.remedy}", markup=False)
    for finding in order.findings:
        stdout.print(f"  {finding.code}: {finding.message}", markup=False)
    table(
        ("", "event", "at", "digest", "follows"),
        [(each.sequence, each.topic, when(each.decided_at), each.digest[:16], each.verified) for each in links],
    )


@app.command("list")
def list_orders(  # noqa: PLR0913 - options
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    desk: Annotated[str, typer.Option(help="Only of this desk.")] = "",
    state: Annotated[str, typer.Option(help="Only in this state, such as awaiting-approval.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, max=LISTED_ORDERS_MAX, help="At most so many.")] = LISTED_ORDERS,
    *,
    as_json: profile.Json = False,
) -> None:
    """Print orders, newest first."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = list(client.read_orders(desk=desk or None, state=state or None, most=most))
    if as_json:
        print_json(found)
    else:
        shown = [ShownOrder.model_validate(each) for each in found]
        table(("order", "state", "initiator", "what", "USD", "at"), [_row(order) for order in shown])


@app.command()
def split(  # noqa: PLR0913, PLR0917 - options
    order_id: OrderId,
    parts: Annotated[int, typer.Option(min=2, max=SPLIT_PARTS_MAX, help="Into how many, as equal as can be.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Replace an order by parts that add up to it, each judged on its own."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        order = client.show(order_id)
        amount = Decimal(0) if order.action is None else order.action.amount
        answered(client.split(order_id, equal_parts(amount, parts), order.desk_id), as_json=as_json)


@app.command()
def cancel(  # noqa: PLR0913, PLR0917 - options
    order_id: OrderId,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Take an order back."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        answered(client.cancel(order_id, reason), as_json=as_json)


def described(order: ShownOrder) -> list[tuple[str, object]]:
    """An order's fields for people."""
    return [
        ("order", order.order_id),
        ("state", order.state),
        ("desk", order.desk_id),
        ("initiator", order.initiator),
        ("wallet", order.wallet_id),
        ("what", _what(order)),
        ("memo", order.memo),
        ("worth", f"{order.amount_usd} USD" if order.amount_usd is not None else ""),
        ("needs", ", ".join(order.requires)),
        *(("missing", f"{each.missing}: {', '.join(each.could_approve)}") for each in order.unmet),
        ("approvals", ", ".join(f"{each.approver} {'yes' if each.given else 'no'}" for each in order.approvals)),
        ("taken back", ", ".join(f"{each.approver} {when(each.withdrawn_at)}" for each in order.withdrawals)),
        ("cancelled", when(order.cancellation_requested_at)),
        ("part of", order.parent_order_id),
        ("parts", ", ".join(order.child_order_ids)),
        ("slippage", "" if order.slippage_ppm is None else f"{Decimal(order.slippage_ppm) / 10_000} %"),
        ("transaction", order.transaction_hash),
        ("block", order.block_number),
        ("gas", _gas(order)),
        *signed_by(order.attestation),
        ("until", when(order.expires_at)),
        ("because", order.message),
        ("broken", order.chain_broken),
    ]


def signed_by(attestation: Attestation | None) -> list[tuple[str, object]]:
    """Describe an order's attestation: the key, the code that judged it, and each cosigner with its site."""
    if attestation is None:
        return []
    epoch = f", epoch {attestation.epoch}" if attestation.epoch else ""
    return [
        ("signed by", f"{attestation.backend} key {attestation.key_id}{epoch}"),
        ("owners", ", ".join(attestation.owners)),
        ("judged by", f"version {attestation.version}, code {attestation.code_hash}"),
        ("session", attestation.session_id),
        *(("cosigned by", _verdict(each)) for each in attestation.cosigners),
    ]


def _verdict(verdict: CosignerVerdict) -> str:
    judged = f"code {verdict.code_hash[:16]}, policy {verdict.policy_hash[:16]}, governance {verdict.governance_position}"
    return f"{verdict.cosigner} in {verdict.site}: {judged}"


def _gas(order: ShownOrder) -> str:
    """Formats the transaction's gas and cost; before inclusion, the gas of its simulation."""
    if order.gas_used is None:
        return ""
    if order.effective_gas_price is None:
        return f"{order.gas_used:,} when simulated"
    gwei, ether = in_gwei(order.effective_gas_price), in_ether(order.gas_used * order.effective_gas_price)
    return f"{order.gas_used:,} at {gwei} gwei: {ether} ETH"


def _row(order: ShownOrder) -> tuple[object, ...]:
    return order.order_id, order.state, order.initiator, _what(order), order.amount_usd, when(order.created_at)


def _what(order: ShownOrder) -> str:
    action = order.action
    if action is None:
        return ""
    into = f" to {action.buy_asset_id}" if isinstance(action, Swap) else ""
    return f"{action.kind.replace('_', ' ')} {plain(action.amount)} {action.asset_id}{into}"
