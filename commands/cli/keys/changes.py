"""`proofdesk key generate|activate|rotate|suspend|resume|destroy|recover`: proposals, each signed by who makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from commands.answers import PROBLEM_TYPE_PREFIX, Problem
from commands.cli import files, profile
from commands.cli.firm.answers import answered
from commands.cli.keys.reading import KeyName, one
from commands.cli.output import answering
from commands.client import CommandRefused, ProofdeskClient
from schemas.keys import (
    ActivateKey,
    Cosigner,
    DestroyKey,
    GenerateKey,
    KeyChange,
    RecoverShare,
    ResumeKey,
    RotateKey,
    SafeAccount,
    SuspendKey,
)

FILE_BYTES_MAX: Final = 65_536
THRESHOLD: Final = 3
ROTATE_AFTER_DAYS: Final = 365
SHARED: Final = ("mpc", "hybrid")

Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


def generate(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    reason: Reason,
    backend: Annotated[str, typer.Option(help="hsm, mpc, hybrid; software only for development.")] = "hsm",
    threshold: Annotated[int, typer.Option(help="Of a key in shares: how many cosigners sign.")] = THRESHOLD,
    cosigner: Annotated[list[str] | None, typer.Option(help="Who holds a share; say it for each. Else all there are.")] = None,
    sites: Annotated[int, typer.Option(help="Of a key in shares: from how many sites those who sign must be.")] = 1,
    days: Annotated[int, typer.Option(help="After how many days its rotation is due.")] = ROTATE_AFTER_DAYS,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose to make a key. It has no wallet until another quorum has seen its address: `key activate`."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        said: dict[str, Any] = {"key_id": which, "backend": backend, "rotate_after_days": days}
        if backend in SHARED:
            holders = cosigner or [each["cosigner"] for each in client.read("/v1/keys")["cosigners"]]
            said |= {"threshold": threshold, "cosigners": holders, "sites_min": sites}
        _propose(client, GenerateKey.model_validate(said), reason, as_json=as_json)


def activate(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    reason: Reason,
    wallet: Annotated[str, typer.Option(help="The wallet's id.")],
    desk: Annotated[str, typer.Option(help="The desk that may use it.")],
    chain: Annotated[int, typer.Option(help="The chain's id.")],
    holding: Annotated[str, typer.Option(help="The address to which its funds are evacuated.")] = "",
    safe: Annotated[Path | None, typer.Option(help="JSON: the Safe's threshold, owners and executor.")] = None,
    address: Annotated[str, typer.Option(help="Of the Safe; of every other wallet it is the key's own.")] = "",
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose that a key, or a Safe, signs for a wallet. Those who agree see the address."""
    account = None if safe is None else files.json_in(str(safe), files.content(str(safe), FILE_BYTES_MAX))
    if (account is None) != (not address):
        raise typer.BadParameter("only a Safe has an address of its own: give both or none", param_hint="--safe")
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        said: dict[str, Any] = {"key_id": which, "wallet_id": wallet, "desk_id": desk, "chain_id": chain}
        if account is None:
            found = one(client, which)
            if found["address"] is None:
                raise CommandRefused(_not_made(found))
            said |= {"key_backend": found["backend"], "address": found["address"]}
        else:
            said |= {"key_backend": "safe", "address": address, "safe": SafeAccount.model_validate(account)}
        _propose(client, ActivateKey.model_validate({**said, "holding": holding or None}), reason, as_json=as_json)


def rotate(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    reason: Reason,
    successor: Annotated[str, typer.Option(help="The new key's id, unless the key is in shares: those are made anew.")] = "",
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose new shares of the same key, or another key in its place, to which its funds are then swept."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        _propose(client, RotateKey(key_id=which, successor=successor), reason, as_json=as_json)


def suspend(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    reason: Reason,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose that nothing is signed with a key until further notice. At once: `breaker trip wallet`."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        _propose(client, SuspendKey(key_id=which), reason, as_json=as_json)


def resume(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    reason: Reason,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose that a suspended key signs again."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        _propose(client, ResumeKey(key_id=which), reason, as_json=as_json)


def destroy(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    reason: Reason,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose to destroy a key for good. What its wallets hold then is lost: sweep them first."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        _propose(client, DestroyKey(key_id=which), reason, as_json=as_json)


def recover(  # noqa: PLR0913, PLR0917 - options
    which: KeyName,
    cosigner: Annotated[str, typer.Argument(metavar="FILE|-", help="The new cosigner in JSON: place, site, public keys.")],
    reason: Reason,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose to give a lost cosigner's share, from its back-up, to another in its place, and renew all shares."""
    content = files.json_in(cosigner, files.content(cosigner, FILE_BYTES_MAX))
    with answering(as_json=as_json):
        change = RecoverShare(key_id=which, cosigner=Cosigner.model_validate(content))
        with profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
            _propose(client, change, reason, as_json=as_json)


def _propose(client: ProofdeskClient, change: KeyChange, reason: str, *, as_json: bool) -> None:
    answered(client.propose_key(change, reason), as_json=as_json)


def _not_made(found: dict[str, Any]) -> Problem:
    remedy = f"look at it with key show {found['key_id']}, and activate it once it was generated"
    return Problem(
        type=f"{PROBLEM_TYPE_PREFIX}key-not-made",
        title="Conflict",
        status=409,
        detail=f"key {found['key_id']} has no address yet: it is {found['state']}; {remedy}",
        check="key-not-made",
        remedy=remedy,
    )
