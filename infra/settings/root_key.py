"""Reads the pinned root key and the genesis file of an installation; neither comes from the log."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.proofs.ed25519 import PUBLIC_KEY_BYTES
from infra.settings.description import ClusterDescription

_KEY_PATTERN = rf"^(0x)?[0-9a-fA-F]{{{2 * PUBLIC_KEY_BYTES}}}$"


class InstallationSettings(BaseSettings):
    """Values from the environment; defaults come from the cluster's description."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    root_key: str | None = Field(None, alias="PROOFDESK_ROOT_KEY", pattern=_KEY_PATTERN)
    genesis: Path | None = Field(None, alias="PROOFDESK_GENESIS")


def pinned_root_key(description: ClusterDescription) -> bytes:
    """Return the 32 bytes of the pinned root key.

    Raises:
        OSError, ValueError: the root key is not set, or is not 64 hexadecimal digits.
    """
    text = InstallationSettings().root_key or description.root_key_file.read_text("ascii").strip()
    return bytes.fromhex(text.removeprefix("0x"))


def genesis_content(description: ClusterDescription) -> bytes:
    """Return the bytes of the signed genesis file. Raises OSError."""
    return (InstallationSettings().genesis or description.genesis_file).read_bytes()
