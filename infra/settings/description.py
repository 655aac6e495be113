"""Describes a cluster to its processes: `cluster.json` in the runtime folder, which holds no secret.

Secrets are files beside it, one each, mode 0600, readable by the process that needs them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from infra.hsm.settings import TokenSettings
from schemas.values import Record

FILE: Final = "cluster.json"
TOKEN_FOLDER: Final = "hsm"  # noqa: S105 - a name, not a secret
"""The folder of a token's files in its owner's folder: the PIN, the library's settings, in development the token itself."""
RUNTIME_VARIABLE: Final = "PROOFDESK_RUNTIME"


class TokenPlace(Record):
    """The HSM token of this cluster: a PKCS#11 module, a label and a PIN file."""

    module: Path
    label: str
    pin_file: Path
    config_file: Path | None

    @property
    def settings(self) -> TokenSettings:
        """Return the adapter's settings."""
        return TokenSettings(self.module, self.label, self.pin_file, self.config_file)


class ClusterDescription(Record):
    """One running cluster."""

    runtime: Path
    http: str
    """The gateway's URL; people's FIDO2 keys are bound to its host."""
    node: str
    """The chain node's JSON-RPC URL."""
    other_nodes: tuple[str, ...] = ()
    """The JSON-RPC URLs of further nodes, of this chain or of others."""
    postgres: str
    """URL without user and password."""
    kafka_bootstrap: str
    token: TokenPlace

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return the JSON-RPC URLs of every node; each node tells its chain."""
        return (self.node, *self.other_nodes)

    @property
    def registry(self) -> str:
        """Return the Schema Registry API's URL."""
        return f"{self.http}/registry"

    @property
    def genesis_file(self) -> Path:
        """Return the file of the signed genesis document."""
        return self.runtime / "genesis.json"

    @property
    def root_key_file(self) -> Path:
        """Return the file of the pinned root key's public half, hex."""
        return self.runtime / "root-key.pub"

    @property
    def world_file(self) -> Path:
        """Return the file of the addresses of the local chain's contracts."""
        return self.runtime / "world.json"

    @property
    def mnemonic_file(self) -> Path:
        """Return the file of the mnemonic of the local chain's own accounts; only a development chain has one."""
        return self.secret("chain-mnemonic")

    def cosigner(self, name: str) -> Path:
        """Return the folder of a cosigner: its keys, its shares, its memory, and its token's files."""
        return self.runtime / name

    def cosigner_token(self, name: str) -> TokenPlace:
        """Return the token that seals a cosigner's shares: not the enclave's, but behind the same module."""
        place = self.cosigner(name) / TOKEN_FOLDER
        config_file = None if self.token.config_file is None else place / self.token.config_file.name
        return TokenPlace(
            module=self.token.module, label=self.token.label, pin_file=place / self.token.pin_file.name, config_file=config_file
        )

    def secret(self, name: str) -> Path:
        """Return the file of one secret, such as `kafka-desk.json`."""
        return self.runtime / "secrets" / name


def load(runtime: Path) -> ClusterDescription:
    """Return the description of the cluster whose folder is `runtime`. Raises OSError, pydantic.ValidationError."""
    return ClusterDescription.model_validate_json((runtime / FILE).read_bytes())


def current() -> ClusterDescription:
    """Return the cluster that this process was started in.

    Raises:
        KeyError: PROOFDESK_RUNTIME is not set.
    """
    return load(Path(os.environ[RUNTIME_VARIABLE]))
