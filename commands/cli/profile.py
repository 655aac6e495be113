"""Selects the gateway and the sender: from options, else the environment, else the local cluster's description.

`PROOFDESK_URL`, `PROOFDESK_PRINCIPAL`, `PROOFDESK_KEY`, `PROOFDESK_KEY_ID`, `PROOFDESK_RUNTIME`. A key file is a system's
Ed25519 key (PEM) or a person's software authenticator (JSON); which, its first bytes say. An authenticator knows whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from commands.client import AuthenticatorFile, Ed25519KeyFile, ProofdeskClient, Signer
from infra.identity.private_file import PrivateFileRefused, read_private
from infra.settings import description

RUNTIME: Final = Path(".runtime/default")
PEM: Final = b"-----BEGIN"

Url = Annotated[str, typer.Option("--url", envvar="PROOFDESK_URL", help="The gateway. Else that of the local cluster.")]
Runtime = Annotated[Path, typer.Option("--runtime", envvar="PROOFDESK_RUNTIME", help="The local cluster's folder.")]
Principal = Annotated[
    str, typer.Option("--principal", envvar="PROOFDESK_PRINCIPAL", help="Who asks. Else whose authenticator the key is.")
]
Key = Annotated[
    Path | None, typer.Option("--key", envvar="PROOFDESK_KEY", help="Key file: Ed25519 PEM or software authenticator.")
]
KeyId = Annotated[str, typer.Option("--key-id", envvar="PROOFDESK_KEY_ID", help="Id of an Ed25519 key. Else <principal>-1.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class Identity:
    """Holds the acting principal and the signer."""

    principal: str
    signer: Signer


def reading(url: str, runtime: Path) -> ProofdeskClient:
    """A client that only reads. Raises typer.BadParameter."""
    return ProofdeskClient(gateway(url, runtime))


def acting(url: str, runtime: Path, identity: Identity) -> ProofdeskClient:
    """A client that can send commands. Raises typer.BadParameter."""
    return ProofdeskClient(gateway(url, runtime), identity.principal, identity.signer)


def gateway(url: str, runtime: Path) -> str:
    """The gateway's URL. Raises typer.BadParameter."""
    if url:
        return url
    try:
        return description.load(runtime).http
    except (OSError, ValidationError):
        raise typer.BadParameter(
            f"no cluster is described in {runtime}; start one with make up, or give --url", param_hint="--url"
        ) from None


def identity(principal: str, key: Path | None, key_id: str) -> Identity:
    """Return the acting principal with the key in `key`. Raises typer.BadParameter."""
    if key is None:
        raise typer.BadParameter("this is signed: give the file of your key, or set PROOFDESK_KEY", param_hint="--key")
    try:
        if read_private(key).lstrip().startswith(PEM):
            if not principal:
                raise typer.BadParameter("an Ed25519 key does not say whose it is: name the system", param_hint="--principal")
            return Identity(principal, Ed25519KeyFile(key, key_id or f"{principal}-1"))
        authenticator = AuthenticatorFile(key)
    except PrivateFileRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--key") from None
    return Identity(principal or authenticator.user, authenticator)
