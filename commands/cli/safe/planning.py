"""`proofdesk safe plan`: the address that a Safe will have, and the order that creates it. It changes nothing.

The address follows from owners, threshold and salt alone, so those who agree to it can plan it again for themselves. Creating
it is an ordinary order of a wallet that the firm has: a call of the proxy factory, which is a listed contract like any other.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from commands.answers import PROBLEM_TYPE_PREFIX, Problem
from commands.cli import profile
from commands.cli.desk.orders import OrderFile
from commands.cli.output import answering, fields, print_json, stdout
from commands.cli.safe.owners import HOW_TO_LIST, Key, Objection, Wish, account, objections
from commands.client import CommandRefused
from infra.ethereum.safe.deployment import CREATE, SALT_MAX, Creation, creation
from schemas.keys import SafeAccount
from schemas.orders import Call

UNPROCESSABLE: Final = 422
ORDER_FILE: Final = "order.json"
SAFE_FILE: Final = "safe.json"


def plan(  # noqa: PLR0913, PLR0917 - options
    owner: Annotated[list[str], typer.Option(help="A key that is to own it; say it for each.")],
    threshold: Annotated[int, typer.Option(help="How many owners must sign.")],
    executor: Annotated[str, typer.Option(help="The owner whose account sends its transactions, and pays for their gas.")],
    wallet: Annotated[str, typer.Option(help="The wallet whose order creates it, and pays for that.")],
    salt: Annotated[int, typer.Option(min=0, help="Another salt gives another Safe of the same owners.")] = 0,
    asset: Annotated[str, typer.Option(help="An asset that the order names; it spends nothing of it.")] = "USDC",
    into: Annotated[
        Path | None, typer.Option(help="A folder: write the order, order.json, and what key activate takes, safe.json.")
    ] = None,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    *,
    as_json: profile.Json = False,
) -> None:
    """Say where a Safe of these owners will be, and which order creates it."""
    if salt > SALT_MAX:
        raise typer.BadParameter(f"a salt is at most 2^256 - 1, not {salt}", param_hint="--salt")
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        keys: list[Key] = client.read("/v1/keys")["keys"]
        use = _paying(wallet, keys)
        wish = Wish(tuple(owner), threshold, executor, use["chain_id"])
        for objection in objections(wish, keys):
            raise CommandRefused(_problem(objection))
        safe = account(wish, keys)
        planned = creation(safe, salt)
        if any(key["address"] == planned.address for key in keys):
            raise CommandRefused(_problem(_there(planned)))
        order = _order(planned, wish, use, asset)
    if into is not None:
        _write(into, order, safe)
    if as_json:
        print_json(
            {
                "address": planned.address,
                "chain_id": wish.chain_id,
                "salt": str(salt),
                "safe": safe.model_dump(mode="json"),
                "order": order.model_dump(mode="json"),
            }
        )
        return
    fields(
        [
            ("address", f"{planned.address}, chain {wish.chain_id}"),
            ("signs", f"{safe.threshold} of {len(safe.owners)} owners"),
            *(("owner", f"{each.address}, {each.key_backend} key {each.key_id}") for each in safe.owners),
            ("sent by", f"{safe.executor.key_id}, which needs ether for gas at {safe.executor.address}"),
            ("salt", str(salt)),
            ("created by", f"{planned.factory}, the proxy factory of Safe 1.4.1"),
            ("calls", CREATE),
            *((f"argument {number}", text) for number, text in enumerate(planned.arguments, 1)),
        ]
    )
    _next_steps(planned, use, into)


def _paying(wallet: str, keys: list[Key]) -> Any:
    """Return the use (desk, chain, key) of the wallet that is to create the Safe. Raises CommandRefused."""
    uses = [use for key in keys for use in key["uses"] if use["wallet_id"] == wallet]
    if not uses:
        message = f"there is no wallet {wallet}, whose order is to create the Safe"
        raise CommandRefused(_problem(Objection("wallet-unknown", message, f"take another --wallet; {HOW_TO_LIST}")))
    return uses[0]


def _order(planned: Creation, wish: Wish, use: Any, asset: str) -> OrderFile:
    call = Call(asset_id=asset, amount=Decimal(0), contract=planned.factory, function=CREATE, arguments=planned.arguments)
    memo = f"create the Safe {planned.address}: {wish.threshold} of {', '.join(wish.owners)}"
    return OrderFile(desk_id=use["desk_id"], wallet_id=use["wallet_id"], action=call, memo=memo)


def _write(folder: Path, order: OrderFile, safe: SafeAccount) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, record in ((ORDER_FILE, order), (SAFE_FILE, safe)):
            (folder / name).write_text(json.dumps(record.model_dump(mode="json"), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{folder}: {error.strerror}", param_hint="--into") from None


def _next_steps(planned: Creation, use: Any, into: Path | None) -> None:
    folder = into or Path("FOLDER")
    activate = f"--address {planned.address} --desk {use['desk_id']} --chain {use['chain_id']} --safe {folder / SAFE_FILE}"
    stdout.print()
    if into is None:
        stdout.print("write both files: the same again with --into FOLDER", markup=False)
    stdout.print(f"create it:  proofdesk order submit {folder / ORDER_FILE}", markup=False, soft_wrap=True)
    stdout.print(f"then use it: proofdesk key activate ID --wallet ID {activate} --reason …", markup=False, soft_wrap=True)


def _there(planned: Creation) -> Objection:
    message = f"the Safe of these owners with this salt, {planned.address}, is a wallet already"
    return Objection("safe-there-already", message, "take another --salt for a second one")


def _problem(objection: Objection) -> Problem:
    return Problem(
        type=f"{PROBLEM_TYPE_PREFIX}{objection.check}",
        title="Refused before sending",
        status=UNPROCESSABLE,
        detail=f"{objection.message}; {objection.remedy}",
        check=objection.check,
        remedy=objection.remedy,
    )
