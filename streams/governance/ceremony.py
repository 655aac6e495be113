"""The key ceremony on the command line: the root key signs a genesis document, and anybody checks a signed file.

    python -m streams.governance.ceremony sign document.json --key root.pem --output genesis.json
    python -m streams.governance.ceremony verify genesis.json --root-key 9f86d0…

A document is checked before it is signed: one that governance would refuse later is refused here. Exit status 4: refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from infra.identity import keyfile
from infra.identity.private_file import PrivateFileRefused
from infra.local_cluster.processes import EXIT_REFUSED
from infra.proofs import ed25519
from schemas import wire
from streams.rules.governance import consistency
from streams.rules.governance.genesis import GenesisDocument, GenesisRefused, digest, verify
from streams.rules.governance.genesis import sign as signed

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Sign or check a genesis document.")


@app.command()
def sign(
    document: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The document, JSON.")],
    key: Annotated[Path, typer.Option(help="The root key, PEM, mode 0600.")],
    output: Annotated[Path, typer.Option(help="Where the signed file goes; must not exist.")],
) -> None:
    """Sign a document that makes sense, and print the public key to be pinned."""
    try:
        read = GenesisDocument.model_validate_json(document.read_bytes())
        consistency.require_sense(read)
        root_key = keyfile.load(key)
        with output.open("x", encoding="utf-8") as file:
            file.write(signed(read, root_key).model_dump_json(indent=1) + "\n")
    except ValidationError as error:
        raise _refused(f"not a genesis document: {wire.explain(error)}") from error
    except (GenesisRefused, PrivateFileRefused, FileExistsError) as error:
        raise _refused(str(error)) from error
    typer.echo(ed25519.public_bytes(root_key).hex())


@app.command(name="verify")
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The signed file.")],
    root_key: Annotated[str, typer.Option(help="The pinned root key, hex.")],
) -> None:
    """Check a signed file as governance would, and print the digest that its events will name."""
    try:
        genesis = verify(file.read_bytes(), bytes.fromhex(root_key.removeprefix("0x")))
        consistency.require_sense(genesis.document)
    except (GenesisRefused, ValueError) as error:
        raise _refused(str(error)) from error
    typer.echo(digest(genesis))


def _refused(reason: str) -> typer.Exit:
    typer.echo(reason, err=True)
    return typer.Exit(EXIT_REFUSED)


if __name__ == "__main__":
    app()
