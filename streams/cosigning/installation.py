"""Describes a cosigner's own files: identity keys, shares, memory.

All files lie in one folder of mode 0700 that no other process needs. A cosigner has two separate keys: one signs its messages
(Ed25519, RFC 8032), the other decrypts messages to it (X25519, RFC 7748).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from infra.hsm.errors import KeyExists
from infra.hsm.token import Token
from infra.identity import keyfile
from infra.identity.private_file import PRIVATE_FOLDER_MODE, PrivateFileRefused, create_private, read_private
from infra.settings.description import ClusterDescription
from schemas.topics import COSIGNERS
from schemas.values import Slug
from streams.sessions.signed_messages import Identity

SEALING_KEY: Final = "share-sealing"
"""The id of the token's key that seals shares of hybrid keys, and what keeps the memory whole."""
SITES: Final[dict[Slug, Slug]] = {
    "cosigner-1": "zurich",
    "cosigner-2": "zurich",
    "cosigner-3": "london",
    "cosigner-4": "london",
    "cosigner-5": "new-york",
}
"""The site of each cosigner of a new installation; governance's enrolments take precedence."""


@dataclass(frozen=True, slots=True)
class CosignerFolder:
    """A cosigner's folder."""

    name: Slug
    folder: Path

    @classmethod
    def of(cls, description: ClusterDescription, name: Slug) -> Self:
        """That of one of a cluster's cosigners. Raises ValueError: there is no such cosigner."""
        if name not in COSIGNERS:
            message = f"{name!r} is none of {', '.join(COSIGNERS)}"
            raise ValueError(message)
        return cls(name, description.cosigner(name))

    @property
    def signing_key_file(self) -> Path:
        """Ed25519, PEM."""
        return self.folder / "signing.pem"

    @property
    def agreement_key_file(self) -> Path:
        """X25519, PEM."""
        return self.folder / "agreement.pem"

    @property
    def shares(self) -> Path:
        """Sealed shares."""
        return self.folder / "shares"

    @property
    def memory(self) -> Path:
        """Return the folder of the payloads that it has signed and the cosigners that it has banned."""
        return self.folder / "memory"

    @property
    def sealing_key_file(self) -> Path:
        """Return the file of the key that seals the shares that the token does not seal."""
        return self.folder / "sealing.key"

    @property
    def velocity_file(self) -> Path:
        """Caps of what may leave each wallet in a day, pinned here: no event raises them. None when there is no such file."""
        return self.folder / "velocity.json"

    @property
    def backups(self) -> Path:
        """Confirmed shares, for the holder of the recovery key: to be copied elsewhere."""
        return self.folder / "backups"

    @property
    def recovery_key_file(self) -> Path:
        """Return the file of the recovery key's public half, hex."""
        return self.folder / "recovery.pub"

    def prepare(self) -> None:
        """Make the folders that are not there yet."""
        for folder in (self.folder, self.shares, self.memory, self.backups):
            folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)


def number_of(name: Slug) -> int:
    """Return a cosigner's party number in every key in shares, by its name."""
    return COSIGNERS.index(name) + 1


def make_sealing_key(token: Token) -> None:
    """Make the token's key that seals, unless it is there. Raises TokenError."""
    with suppress(KeyExists):
        token.generate_sealing_key(SEALING_KEY)


def generate_agreement_key(path: Path) -> X25519PrivateKey:
    """Make a key, keep it in the new file `path`, return it. Raises PrivateFileRefused when `path` exists."""
    key = X25519PrivateKey.generate()
    create_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def load_agreement_key(path: Path) -> X25519PrivateKey:
    """Return the key in `path`. Raises PrivateFileRefused: not private, or no unencrypted X25519 key."""
    try:
        key = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause stays out of the traceback: it could quote what the file holds.
        raise PrivateFileRefused(path, "holds no unencrypted PEM private key", "enrol the cosigner") from None
    if not isinstance(key, X25519PrivateKey):
        raise PrivateFileRefused(path, "holds a key that is not X25519", "enrol the cosigner")
    return key


def load_identity(folder: CosignerFolder) -> Identity:
    """Load a cosigner's own private keys from its folder. Raises PrivateFileRefused."""
    return Identity(folder.name, keyfile.load(folder.signing_key_file), load_agreement_key(folder.agreement_key_file))
