"""Keeps secp256k1 keys in files, for development: any reader of the file can move the funds.

Each key has a file of mode 0600 of its own; an id names one key for ever. The class has the methods and errors of
`infra.hsm.token.Token`, so that one can replace the other. Leaves out the rule that production uses no such keys: the signer
enforces it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from coincurve import PrivateKey

from infra.ethereum.recovery import DIGEST_BYTES, RecoverableSignature, address_of
from infra.hsm.errors import DigestLength, KeyExists, KeyUnfit, KeyUnknown
from infra.hsm.key_pairs import checked, key_name
from infra.identity.private_file import PRIVATE_FOLDER_MODE, PrivateFileRefused, create_private, read_private, sync_folder

SECRET_BYTES: Final = 32
SUFFIX: Final = ".secp256k1"
SIGNATURE_BYTES: Final = 64


class SoftwareKeys:
    """The keys in one folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; make it if it is missing."""
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        self._folder = folder

    def generate_key(self, key_id: str) -> str:
        """Make a key and return its address. Raises KeyExists or KeyIdInvalid."""
        path = self._path(key_id)
        key = PrivateKey()
        try:
            create_private(path, key.secret)
        except PrivateFileRefused:
            raise KeyExists(key_id, str(self._folder)) from None
        return address_of(key.public_key.format(compressed=False))

    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the keys, sorted."""
        return tuple(sorted(bytes.fromhex(file.name.removesuffix(SUFFIX)).decode() for file in self._folder.glob(f"*{SUFFIX}")))

    def has_key(self, key_id: str) -> bool:
        """Return True if the key exists. Raises KeyIdInvalid."""
        return self._path(key_id).exists()

    def public_key(self, key_id: str) -> bytes:
        """Return the public key: 0x04, x, y. Raises KeyUnknown, KeyUnfit, KeyIdInvalid or PrivateFileRefused."""
        return bytes(self._key(key_id).public_key.format(compressed=False))

    def address(self, key_id: str) -> str:
        """Return the key's checksummed address. Raises as `public_key` does."""
        return address_of(self.public_key(key_id))

    def sign_digest(self, key_id: str, digest: bytes) -> RecoverableSignature:
        """Sign 32 bytes (RFC 6979, low s). Raises DigestLength, and as `public_key` does."""
        if len(digest) != DIGEST_BYTES:
            raise DigestLength(len(digest))
        key = self._key(key_id)
        raw = key.sign_recoverable(digest, hasher=None)[:SIGNATURE_BYTES]
        return checked(key_id, raw, digest, key.public_key.format(compressed=False))

    def destroy_key(self, key_id: str) -> str:
        """Remove a key; return the SHA-256 of its public half. Raises as `public_key` does."""
        digest = hashlib.sha256(self.public_key(key_id)).hexdigest()
        self._path(key_id).unlink()
        sync_folder(self._folder)
        return digest

    def discard_key(self, key_id: str) -> None:
        """Remove the remains of a key that was never used. Raises KeyIdInvalid."""
        self._path(key_id).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _key(self, key_id: str) -> PrivateKey:
        path = self._path(key_id)
        if not path.exists():
            raise KeyUnknown(key_id, str(self._folder))
        secret = read_private(path)
        try:
            if len(secret) == SECRET_BYTES:
                return PrivateKey(secret)
        except ValueError:
            # The cause stays out of the traceback: it could quote the secret.
            pass
        raise KeyUnfit(key_id, "is a file that holds no secp256k1 key")

    def _path(self, key_id: str) -> Path:
        return self._folder / f"{key_name(key_id).hex()}{SUFFIX}"
