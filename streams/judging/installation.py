"""Reads a signer's own installation: its environment, and files that no event can change.

Holds the root key that everything must derive from, the caps on the value that may leave a wallet in a day, and the mode: in
production nothing may be missing, in development keys may lie in files. Each file is of the signer's own machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.hsm.errors import ModuleMissing, WrongPin
from infra.identity.private_file import PRIVATE_FOLDER_MODE, PrivateFileRefused, read_private
from infra.isolation.sandbox import ConfinementRefused
from infra.keys.sealing import SealRefused
from infra.settings.description import ClusterDescription, TokenPlace
from streams.judging.journal import MemoryRefused
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.rules.firm.view import GovernanceBroken
from streams.rules.governance.genesis import GenesisRefused
from streams.rules.governance.root import NotRooted
from streams.rules.versions import RulesUnknown

ROOT_KEY_BYTES: Final = 32
CAPS_FILE: Final = "velocity.json"
SOFTHSM_STORE: Final = "tokens"
MEMORY_FOLDER: Final = "memory"
KEYS_FOLDER: Final = "keys"
"""The folder of keys in files."""


class EnclaveSettings(BaseSettings):
    """Read from the environment."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    production: bool = Field(default=False, alias="PROOFDESK_PRODUCTION")
    """Refuses a machine that cannot confine the enclave fully, and an installation that pins no caps."""
    development: bool = Field(default=False, alias="PROOFDESK_DEVELOPMENT")
    """Allows keys in files."""


class RootKeyInvalid(Exception):
    """The pinned root key is not one."""


def pinned_root_key(file: Path) -> bytes:
    """Return the root key that this installation has pinned: 32 bytes.

    Raises:
        RootKeyInvalid: the file does not hold 64 hexadecimal digits.
    """
    try:
        key = bytes.fromhex(file.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise RootKeyInvalid(f"{file} holds no root key ({error}): write the key's 64 hexadecimal digits there") from error
    if len(key) != ROOT_KEY_BYTES:
        raise RootKeyInvalid(f"{file} holds {len(key)} bytes; an Ed25519 key has {ROOT_KEY_BYTES}")
    return key


class CapsRefused(Exception):
    """Production pins the caps of its wallets, and what is pinned has to be caps."""


def pinned_caps(file: Path, *, production: bool) -> VelocityCaps:
    """Return the caps of this installation: JSON as `{"default_usd": "5000000", "wallets": {"treasury-1": "20000000"}}`.

    Outside production a missing file caps nothing.

    Raises:
        CapsRefused: production, and there is no file; or it does not hold caps.
        PrivateFileRefused: another user could have changed it.
    """
    if file.exists():
        try:
            return VelocityCaps.model_validate_json(read_private(file))
        except ValidationError as error:
            raise CapsRefused(f"{file} holds no caps: {error}") from error
    if production:
        raise CapsRefused(f"{file} is missing: write there how many US dollars may leave each wallet in 24 hours, mode 0600")
    return VelocityCaps()


UNFIT: Final = (
    RootKeyInvalid,
    CapsRefused,
    PrivateFileRefused,
    ConfinementRefused,
    ModuleMissing,
    WrongPin,  # each try brings a real token nearer to its lock
    MemoryRefused,
    SealRefused,
    NotRooted,
    GenesisRefused,
    GovernanceBroken,
    RulesUnknown,
)
"""Errors that end a signer with `EXIT_REFUSED`: a person has to check its installation, or the log that it was given.

A token that is away or does not answer is not one of them: it may be back before a person has looked."""


def token_paths(place: TokenPlace) -> list[Path]:
    """Return what SoftHSM reads after its token was opened: its configuration and its store, not the PINs beside them."""
    if place.config_file is None:
        return []
    store = place.config_file.parent / SOFTHSM_STORE
    return [place.config_file, *([store] if store.exists() else [])]


def own_folder(description: ClusterDescription, principal: str) -> Path:
    """Return a signer's private folder, `<runtime>/<principal>`; only the signer may read it."""
    folder = description.runtime / principal
    for each in (folder, folder / MEMORY_FOLDER, folder / KEYS_FOLDER):
        each.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
    return folder
